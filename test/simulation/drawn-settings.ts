/** Settings as a seed draws them: pools, what else limits them, kinds, owners; some shared with people, some with a cache. */
import { type People, parseSettings, type Settings, type SettingsInput } from '../../core/settings.ts'
import type { Stream } from './random.ts'

export function settingsOf(s: Stream, d: Stream, owners: readonly string[]): Settings {
  const twoPools = s.chance(0.25)
  const weights = owners.filter(() => s.chance(0.3)).map((o) => [o, { weight: s.pick([0.5, 2, 3]) }] as const)
  const parsed = parseSettings({
    pools: { main: limited(poolOf(s), d), ...(twoPools ? { spare: limited(poolOf(s), d) } : {}) },
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

/** What people may have passed through. */
export const PASSED_MODEL = 'passed-through'
/** In some the first pool is shared with people. */
export function shared(settings: Settings, s: Stream): Settings {
  const { main } = settings.pools
  if (!main || !s.chance(0.09)) return settings
  return { ...settings, pools: { ...settings.pools, main: { ...main, people: peopleOf(s) } } }
}
export const peopleOf = (s: Stream): People => ({
  max: s.pick([0.3, 0.5, 0.8]),
  reserve: s.pick(['learned', 'learned', 0.05, 0.2] as const),
  perPerson: { open: s.int(2, 20), calls: s.int(5, 60) },
  maxOutputTokens: 100,
  models: [PASSED_MODEL],
})

const DAY_MS = 86_400_000
/** Shorter than any settings may say: no schedule lasts for days. */
export const forgetful = (settings: Settings, forgetMs: number): Settings =>
  forgetMs === 0 ? settings : { ...settings, retentionDays: { ...settings.retentionDays, input: forgetMs / DAY_MS } }

/** What they ask no longer says who asked: only who asks, and about what, tells two of a kind apart. */
export function caching(settings: Settings, topics: number, c: Stream): Settings {
  if (topics === 0) return settings
  const kinds = Object.entries(settings.kinds).map(([name, kind]) => {
    const ttlMs = c.spread(1_000, 60_000)
    const caches = c.chance(0.7)
    return [name, { ...kind, prompt: 'Write to {{name}} about {{topic}}.', ...(caches ? { cache: { ttlMs } } : {}) }]
  })
  return { ...settings, kinds: Object.fromEntries(kinds) }
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
    feedback: false,
    history: s.chance(0.5) ? 'full' : 'empty',
  }
}

/** What else may be limited, how its provider counts, and what is shared. Every limit leaves most of the calls their way. */
function limited(pool: SettingsInput['pools'][string], d: Stream): SettingsInput['pools'][string] {
  const { windowMs = 0, requests = 0, tokens } = pool
  const burndown = d.pick([1, 1, 2, 5])
  const windows = d.int(3, 8)
  const day = { windowMs: windows * windowMs, requests: Math.ceil(windows * requests * d.spread(60, 100) * 0.01) }
  // About what calls take, a little more or less; the largest job fits.
  const perCall = { input: d.int(9, 20), output: d.int(15, 50) }
  return {
    ...pool,
    accounting: d.pick(['total', 'openai', 'anthropic', 'bedrock'] as const),
    burndown,
    share: d.chance(0.3) ? 'tokens' : 'requests',
    ...(tokens === undefined ? {} : { tokens: Math.max(Math.round(tokens / 2), 80) * burndown }),
    ...(d.chance(0.15) ? { inputTokens: Math.max(40, requests * perCall.input) } : {}),
    ...(d.chance(0.15) ? { outputTokens: Math.max(60, requests * perCall.output) } : {}),
    ...(d.chance(0.1) ? { day } : {}),
    ...(d.chance(0.1) ? { concurrency: Math.max(3, Math.ceil(requests / d.int(1, 4))) } : {}),
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
