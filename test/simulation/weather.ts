/** What befalls a provider's limit in some schedules: draws of their own, so that all others stay as they are. */
import type { SettingsInput } from '../../core/settings.ts'
import { Stream } from './random.ts'

export interface Span {
  /** ms since the schedule began. */
  readonly from: number
  readonly to: number
}
/** While it lasts a pool follows what its provider says. */
export interface Weather {
  /** Nothing else fails: what follows can be held to its bounds. */
  readonly calm: boolean
  /** What its limit counts. */
  readonly of: 'requests' | 'tokens'
  /** Its answers tell the limit. */
  readonly tells: boolean
  readonly half?: Span
  /** Others take this part of the limit. */
  readonly shared?: Span & { readonly part: number }
  /** `impatient`: people do not wait for a probe; and its answers do not tell that it has too much to do. */
  readonly down?: Span & { readonly impatient: boolean }
}

export function weatherOf(seed: number): Weather | undefined {
  const s = new Stream(seed, 'tides')
  if (!s.chance(0.025)) return undefined
  const lasts = (from: number, ms: number): Span => ({ from, to: from + ms })
  const kind = s.pick(['half', 'shared', 'down', 'half', 'shared', 'down', 'fair'] as const)
  const from = s.int(3_000, 8_000)
  return {
    calm: s.chance(0.6),
    of: kind !== 'down' && inTokens(seed) ? 'tokens' : 'requests',
    tells: kind !== 'half' || s.chance(0.8),
    ...(kind === 'half' ? { half: lasts(from, s.int(25_000, 35_000)) } : {}),
    ...(kind === 'shared' ? { shared: { ...lasts(from, s.int(25_000, 35_000)), part: s.pick([0.3, 0.5, 0.7]) } } : {}),
    ...(kind === 'down' ? { down: { ...lasts(from, s.int(25_000, 120_000)), impatient: impatient(seed) } } : {}),
  }
}

const impatient = (seed: number): boolean => new Stream(seed, 'impatient').chance(0.5)

const inTokens = (seed: number): boolean => new Stream(seed, 'weather in tokens').chance(0.4)

/** When all is as it was. */
export const overAt = ({ half, shared, down }: Weather): number =>
  Math.max(0, ...[half, shared, down].map((w) => w?.to ?? 0))
export const isIn = (span: Span | undefined, ms: number): boolean =>
  span !== undefined && ms >= span.from && ms < span.to

/** A pool small enough to be always at work, in windows wide against what clocks and networks may differ by. */
export function weatheredPool(seed: number, { of }: Weather): SettingsInput['pools'][string] {
  const s = new Stream(seed, 'weathered')
  const windowMs = s.spread(2_000, 4_000)
  const calls = Math.round((windowMs / 1_000) * s.spread(5, 14))
  return {
    provider: { kind: 'bedrock' },
    windowMs,
    ...(of === 'tokens' ? countedInTokens(seed, calls) : { requests: calls }),
    guard: { refusalMs: 100, skewMs: 20, networkMs: 40 },
    pacing: s.chance(0.75) ? 'even' : 'burst',
    settleMarginMs: 5_000,
    history: s.chance(0.5) ? 'full' : 'empty',
    feedback: true,
  }
}
/** About what so many calls take; their number binds nobody. */
function countedInTokens(seed: number, calls: number) {
  const s = new Stream(seed, 'weathered tokens')
  const accounting = s.pick(['total', 'openai', 'anthropic', 'bedrock'] as const)
  return { requests: 4 * calls, tokens: calls * s.int(35, 60), accounting }
}
export const weatheredJobs = (seed: number): number => new Stream(seed, 'weathered jobs').int(250, 400)
