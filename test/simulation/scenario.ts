/** What a seed draws before anything happens: settings, how many of what, which clocks, whether there are faults. */
import { parseSettings, type Settings, type SettingsInput } from '../../core/settings.ts'
import { Stream } from './random.ts'

/** `exact`: every clock is right. `within`: as far off as the guard allows. `beyond`: farther, and calls are held up. */
export type Clocks = 'exact' | 'within' | 'beyond'

export interface Scenario {
  readonly seed: number
  readonly faultless: boolean
  readonly clocks: Clocks
  readonly settings: Settings
  readonly owners: readonly string[]
  /** Submits, and over how many ms. */
  readonly jobs: number
  readonly activeMs: number
  /** When faults stop. */
  readonly faultyMs: number
  /** For so long some owner trickles on, so that idle ones leave the ring; mostly not at all. */
  readonly longMs: number
  /** One owner has more in one lane than a dispatcher keeps in memory. */
  readonly crowd: boolean
  /** It goes on until the dispatchers have ended with nothing to do, and somebody submits in that very moment. */
  readonly untilIdle: boolean
  /** How often the provider fails. */
  readonly providerFails: number
  /** How often people interfere, per job. */
  readonly meddling: number
  /** Time limits of the functions, in ms, mostly shrunk: a dispatcher then hands over again and again. */
  readonly limits: { readonly api: number; readonly worker: number; readonly dispatcher: number }
  readonly visibilityMs: number
}

/** An owner leaves the ring after five idle minutes, at most one later. */
const LONG_MS = 430_000
/** Lambda's longest. */
const FUNCTION_MS = 900_000

export function scenarioOf(seed: number): Scenario {
  const s = new Stream(seed, 'scenario')
  const faultless = s.chance(0.1)
  const long = s.chance(0.025)
  const crowd = !long && s.chance(0.015)
  const activeMs = s.spread(2_000, 30_000)
  const owners = OWNERS.slice(0, s.int(1, s.chance(0.2) ? OWNERS.length : 5))
  return {
    seed,
    faultless,
    clocks: faultless ? 'exact' : s.pick(['exact', 'within', 'within', 'beyond']),
    settings: settingsOf(s, owners),
    owners,
    crowd,
    jobs: crowd ? s.int(250, 350) : s.spread(22, 130),
    activeMs,
    faultyMs: (long ? LONG_MS : activeMs) + s.spread(3_000, 60_000),
    longMs: long ? LONG_MS : 0,
    untilIdle: s.chance(faultless ? 0.7 : 0.15),
    providerFails: faultless || s.chance(0.3) ? 0 : s.spread(1, 30) / 100,
    meddling: s.chance(0.2) ? 0 : s.spread(5, 60) / 100,
    limits: {
      api: 29_000,
      worker: faultless ? FUNCTION_MS : s.spread(15_000, 120_000),
      dispatcher: s.chance(0.3) || long ? FUNCTION_MS : s.spread(6_000, 200_000),
    },
    visibilityMs: s.spread(2_000, 60_000),
  }
}

const OWNERS = ['ada', 'bob', 'cy', 'dan', 'eve', 'fay', 'gil', 'hal', 'ivy', 'jo']

function settingsOf(s: Stream, owners: readonly string[]): Settings {
  const twoPools = s.chance(0.25)
  const weights = owners.filter(() => s.chance(0.3)).map((o) => [o, { weight: s.pick([0.5, 2, 3]) }] as const)
  const parsed = parseSettings({
    pools: { main: poolOf(s), ...(twoPools ? { spare: poolOf(s) } : {}) },
    kinds: {
      reply: kindOf(s, 'high'),
      step: kindOf(s, 'medium'),
      nudge: kindOf(s, 'low'),
      intro: { ...kindOf(s, 'medium'), review: { policy: 'required', team: 'sales' } },
      survey: { ...kindOf(s, 'low'), review: { policy: 'sample', rate: 0.5, team: 'care' } },
      spare: { ...kindOf(s, 'medium'), pool: twoPools ? 'spare' : 'main' },
    },
    owners: Object.fromEntries(weights),
    ...(s.chance(0.1) ? { backlogPerOwner: s.int(3, 12) } : {}),
  } satisfies SettingsInput)
  if (!parsed.ok) throw new Error(parsed.faults.join('; '))
  return parsed.settings
}

/** Two to forty calls a second, so that a schedule's jobs are through in seconds. */
function poolOf(s: Stream): SettingsInput['pools'][string] {
  const windowMs = s.spread(500, 12_000)
  const requests = Math.max(2, Math.round((windowMs / 1000) * s.spread(4, 40)))
  return {
    provider: { kind: 'bedrock' },
    windowMs,
    requests,
    ...(s.chance(0.3) ? { tokens: Math.round(Math.max(200, requests * s.int(30, 120))) } : {}),
    guard: { refusalMs: s.spread(60, 400), skewMs: s.spread(20, 400), networkMs: s.spread(20, 300) },
    pacing: s.chance(0.75) ? 'even' : 'burst',
    order: s.pick(['weighted', 'weighted', 'strict', 'owners']),
    settleMarginMs: s.spread(300, 20_000),
    history: s.chance(0.5) ? 'full' : 'empty',
  }
}

const kindOf = (s: Stream, tier: 'high' | 'medium' | 'low') => ({
  pool: 'main',
  tier,
  model: 'model-a',
  prompt: 'Write to {{name}}, who asked for {{n}}.',
  maxOutputTokens: s.int(10, 60),
  timeoutMs: s.spread(1_000, 8_000),
  attempts: s.int(1, 5),
  crashes: s.int(1, 4),
})
