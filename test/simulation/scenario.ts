/** What a seed draws before anything happens: settings, how many of what, which clocks, whether there are faults. */
import { parseSettings, type Settings } from '../../core/settings.ts'
import { type About, aboutOf } from './about.ts'
import { type Change, changesOf } from './changes.ts'
import { caching, forgetful, peopleOf, settingsOf, shared } from './drawn-settings.ts'
import { withCaps } from './owner-caps.ts'
import { Stream } from './random.ts'
import { type Restore, restoredOf } from './restore.ts'
import { withSecond } from './second-pool.ts'
import { overAt, type Weather, weatheredJobs, weatheredPool, weatherOf } from './weather.ts'

/** `exact`: every clock is right. `within`: as far off as the guard allows. `beyond`: farther, and calls are held up. */
export type Clocks = 'exact' | 'within' | 'beyond'

export interface Scenario {
  readonly seed: number
  /** Nothing else befalls such a schedule's calls. */
  readonly about?: About
  readonly faultless: boolean
  /** Pools follow what their provider says, and this befalls it. */
  readonly weather?: Weather
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
  /** Inputs are kept for so many ms, and some jobs start later than that; 0: for as long as it takes. */
  readonly forgetMs: number
  /** Work comes twice, with a rest between that ends the dispatchers: who is idle leaves the ring under faults. */
  readonly rests: boolean
  /** Half of the first puts land late: ghosts of jobs that have ended are claimed, and discarded. */
  readonly lateEntries: boolean
  /** Until faults stop some processes run code that does not know the bell of a batch. */
  readonly oldBesideNew: boolean
  /** Half of the requests for a lease take seconds, in which others hold it and let go. */
  readonly slowLeases: boolean
  /** Every message comes twice, just when its slot is over: one worker calls, and another finds it late. */
  readonly lateCopies: boolean
  /** A process that rang long ago looks only now whether somebody listens, and then submits. */
  readonly looksLate: boolean
  /** One owner has more in one lane than a dispatcher keeps in memory. */
  readonly crowd: boolean
  /** It goes on until the dispatchers have ended with nothing to do, and somebody submits in that very moment. */
  readonly untilIdle: boolean
  /** Some kinds have a cache, and people ask the same again: so many topics there are. 0: no kind has one. */
  readonly topics: number
  /** Owners have caps. */
  readonly capped: boolean
  /** Tokens that most answers stay below, and that the pools know of from the start; 0: nothing is known of any. */
  readonly short: number
  /** Its tables are restored from a backup: in most schedules they are not. */
  readonly restore?: Restore
  /** Settings that are changed while it runs: in most schedules none. */
  readonly changes: readonly Change[]
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
/** In so many schedules settings are changed. */
const CHANGING = 0.07
/** A dispatcher ends after 15 s without work, and two more in which it looks for bells. */
export const REST_MS = 35_000
/** Lambda's longest. */
export const FUNCTION_MS = 900_000

export function scenarioOf(seed: number): Scenario {
  const drawn = drawnOf(seed)
  const weather = drawn.about || drawn.crowd || drawn.longMs > 0 || drawn.forgetMs > 0 ? undefined : weatherOf(seed)
  return weather && !drawn.faultless
    ? weathered(drawn, weather)
    : restoredOf(capping(drawn.about === 'chasing' ? chased(drawn) : drawn))
}

/**
 * Of few lanes the oldest are probed with. Dispatchers that start soon end after half a minute; the next one's fourth
 * probe is half a minute from the fifth, and faults stop between.
 */
const chased = (drawn: Scenario): Scenario => ({
  ...drawn,
  owners: drawn.owners.slice(0, 1),
  activeMs: 9_000,
  faultyMs: 54_000,
  meddling: 0,
  changes: [],
  lateEntries: true,
  slowLeases: false,
  limits: { ...drawn.limits, dispatcher: 30_000 },
})

const CAPPED = 0.12

function capping(drawn: Scenario): Scenario {
  const s = new Stream(drawn.seed, 'caps')
  if (!(s.chance(CAPPED) || drawn.about === 'keeping') || drawn.crowd) return drawn
  const { owners, jobs } = drawn
  const settings = withCaps(s, drawn.settings, { owners, jobs: jobs / owners.length })
  return { ...drawn, capped: true, settings }
}

const WEATHERED_MS = 5_000

function weathered(drawn: Scenario, weather: Weather): Scenario {
  const { seed, settings, limits } = drawn
  const s = new Stream(seed, 'weathered people')
  const main = { ...weatheredPool(seed, weather), ...(s.chance(0.25) ? { people: peopleOf(s) } : {}) }
  const weatheredSettings = { ...settings, pools: { main }, kinds: inMain(settings.kinds) }
  const pools = parseSettings({ ...weatheredSettings, ...withSecond(seed, weather, weatheredSettings) })
  if (!pools.ok) throw new Error(pools.faults.join('; '))
  const activeMs = WEATHERED_MS
  const faultyMs = Math.max(drawn.faultyMs, overAt(weather) + 1_000)
  const worse = {
    ...drawn,
    weather,
    settings: pools.settings,
    changes: [],
    jobs: weatheredJobs(seed),
    activeMs,
    faultyMs,
    rests: false,
  }
  if (!weather.calm) return worse
  const calm = { clocks: 'within', providerFails: 0, meddling: 0, oldBesideNew: false, slowLeases: false } as const
  const functions = { ...limits, worker: FUNCTION_MS, dispatcher: FUNCTION_MS }
  return {
    ...worse,
    ...calm,
    limits: functions,
    lateEntries: false,
    lateCopies: false,
    looksLate: false,
    untilIdle: false,
  }
}

const inMain = (kinds: Settings['kinds']): Settings['kinds'] =>
  Object.fromEntries(Object.entries(kinds).map(([id, kind]) => [id, { ...kind, pool: 'main' }]))

function drawnOf(seed: number): Scenario {
  const s = new Stream(seed, 'scenario')
  const faultless = s.chance(0.1)
  const about = faultless ? undefined : aboutOf(seed)
  const long = s.chance(0.008) || about === 'leaving'
  const crowd = !long && s.chance(0.008) && about === undefined
  const activeMs = s.spread(2_000, 30_000)
  const rare = new Stream(seed, 'rare')
  const forgetMs = rare.chance(0.04) ? rare.spread(10_000, 40_000) : 0
  const lateEntries = rare.chance(forgetMs > 0 ? 0.8 : 0.1) || about === 'haunting' || about === 'doubling'
  const rarer = new Stream(seed, 'rarer')
  const slowLeases = !faultless && !lateEntries && rarer.chance(0.03)
  const rests = !long && !crowd && rare.chance(0.2)
  const c = new Stream(seed, 'cache')
  const lengths = new Stream(seed, 'lengths')
  const topics = c.chance(0.08) ? c.int(1, 4) : 0
  const owners = OWNERS.slice(0, s.int(1, s.chance(0.2) ? OWNERS.length : 5))
  const clocks = clocksOf(s, faultless, about)
  const settings = shared(
    forgetful(caching(settingsOf(s, new Stream(seed, 'dimensions'), owners), topics, c), forgetMs),
    new Stream(seed, 'shared'),
  )
  const changing = new Stream(seed, 'changes')
  const changes = !faultless && changing.chance(CHANGING) ? changesOf(changing, settings, 1.5 * activeMs) : []
  return {
    seed,
    faultless,
    ...(about ? { about } : {}),
    clocks,
    settings,
    topics,
    capped: false,
    short: lengths.chance(0.12) ? lengths.int(3, 12) : 0,
    changes,
    forgetMs,
    rests,
    lateEntries,
    oldBesideNew: !faultless && new Stream(seed, 'code').chance(0.1),
    slowLeases,
    lateCopies: !faultless && rarer.chance(0.03),
    looksLate: rarer.chance(0.1),
    owners,
    crowd,
    jobs: crowd ? s.int(250, 350) : s.spread(22, 124),
    activeMs,
    faultyMs: (long ? LONG_MS : rests ? REST_MS + 2 * activeMs : activeMs) + s.spread(3_000, 60_000),
    longMs: long ? LONG_MS : 0,
    untilIdle: s.chance(faultless ? 0.7 : 0.15),
    providerFails: providerFails(s, faultless, about),
    meddling: s.chance(0.2) ? 0 : s.spread(5, 60) / 100,
    limits: {
      api: 29_000,
      worker: faultless ? FUNCTION_MS : s.spread(15_000, 120_000),
      dispatcher: dispatcherLimit(s, {
        long: long || about === 'leaping',
        short: lateEntries || slowLeases || about === 'keeping',
      }),
    },
    visibilityMs: s.spread(2_000, 60_000),
  }
}

function providerFails(s: Stream, faultless: boolean, about: About | undefined): number {
  const drawn = faultless || s.chance(0.3) ? 0 : s.spread(1, 30) / 100
  // Whose call fails moves.
  return about === 'doubling' ? 0.5 : drawn
}

/** Where limits are lowered meanwhile a job may be too large for them. */
export const mayRefuse = ({ changes }: Scenario, code: string): boolean =>
  changes.length > 0 && code === 'larger-than-pool'

function clocksOf(s: Stream, faultless: boolean, about: About | undefined): Clocks {
  if (faultless) return 'exact'
  const drawn = s.pick(['exact', 'within', 'within', 'beyond'] as const)
  return about === 'leaping' ? 'beyond' : drawn
}

/** Ghosts are found by whoever takes over, and a lease is asked for by whoever starts: some schedules have many. */
function dispatcherLimit(s: Stream, { long, short }: { long: boolean; short: boolean }): number {
  const drawn = s.chance(0.3) || long ? FUNCTION_MS : s.spread(6_000, 200_000)
  return short ? Math.min(drawn, 8_000) : drawn
}

const OWNERS = ['ada', 'bob', 'cy', 'dan', 'eve', 'fay', 'gil', 'hal', 'ivy', 'jo']
