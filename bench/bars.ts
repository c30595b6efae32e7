/**
 * What the figures must reach, and which way is better. A figure without a bar is information: it has no direction,
 * and of several runs its median is told.
 */
import type { Figure } from './scenario.ts'

export type Direction = 'lower-is-better' | 'higher-is-better' | 'info'

export interface Bar {
  readonly scenario: string
  readonly metric: string
  readonly bar: number
  readonly direction: Exclude<Direction, 'info'>
  /** Absent: the bar holds for every variant. */
  readonly variant?: RegExp
}

/** The naive ways stand beside ours in the same scenario, and have nothing to reach. */
const OURS = /^(?!naive)/
const SHORT = '(?!.*per 60 s)'
const ours = (order: string, pacing: string): RegExp => new RegExp(`^${SHORT}${order}, ${pacing}`)

const atMost = (scenario: string, metric: string, bar: number, variant?: RegExp): Bar => ({
  scenario,
  metric,
  bar,
  direction: 'lower-is-better',
  ...(variant ? { variant } : {}),
})
const atLeast = (...given: Parameters<typeof atMost>): Bar => ({ ...atMost(...given), direction: 'higher-is-better' })

/** Another owner for each job costs more; the bars on a job's cost hold for owners that have many. */
const SHARED_OWNERS = /^(?!.*(another|own) owner)/

/** What people are promised; the other reserves and bursts stand beside it. */
const LEARNED = /^learned, bursts of 10$/
const LEARNED_RESERVE = /^learned$/

export const BARS: readonly Bar[] = [
  atMost('limit', 'worst_window', 1, OURS),
  atMost('limit', 'refused', 0, OURS),
  atLeast('limit', 'utilisation', 0.97, ours('\\w+', 'even')),
  atLeast('limit', 'utilisation', 0.985, /even, 300 per 60 s/),
  atMost('limit', 'drain_ratio', 1.04, ours('\\w+', 'even')),
  atMost('limit', 'drain_ratio', 1.05, ours('\\w+', 'burst')),
  atMost('limit', 'high_wait_p95_s', 9, ours('strict', 'even')),
  atMost('limit', 'high_wait_p95_s', 6.6, ours('strict', 'burst')),
  atMost('limit', 'high_wait_p95_s', 14.5, ours('weighted', 'even')),
  atMost('limit', 'high_wait_p95_s', 13, ours('weighted', 'burst')),
  atMost('limit', 'small_owner_wait_p95_s', 18, ours('owners', 'even')),
  atMost('limit', 'small_owner_wait_p95_s', 13, ours('owners', 'burst')),
  atLeast('limit', 'jain_first_600', 0.99, ours('owners', '\\w+')),
  atLeast('limit', 'useful_vs_naive', 5),
  atMost('limit', 'newcomer_slots', 2),
  atMost('tokens', 'worst_calls', 1),
  atMost('tokens', 'worst_tokens', 1),
  atMost('tokens', 'refused', 0),
  atLeast('tokens', 'utilisation', 0.95),
  atLeast('tokens', 'jain_tokens', 0.98),
  atMost('people', 'admission_p95_ms', 50, LEARNED),
  atMost('people', 'admission_p999_ms', 1_000, LEARNED),
  atMost('people', 'not_granted', 0, LEARNED),
  atLeast('people', 'utilisation', 0.96, LEARNED),
  atMost('people', 'worst_window', 1),
  atMost('people', 'refused', 0),
  atMost('reserve', 'waited', 0.02, LEARNED_RESERVE),
  atMost('reserve', 'lost', 0.04, LEARNED_RESERVE),
  atMost('feedback', 'settled_s', 15, OURS),
  atMost('feedback', 'refused_share', 0.01, OURS),
  atLeast('feedback', 'used_of_available', 0.9, OURS),
  atMost('feedback', 'lost', 0),
  atMost('feedback', 'failed', 0),
  atMost('feedback', 'return_peak', 1.1),
  atLeast('feedback', 'elsewhere_used', 0.9),
  atMost('feedback', 'not_allowed', 0),
  atMost('flat', 'requests_per_job', 8, SHARED_OWNERS),
  atMost('flat', 'write_units_per_job', 13, SHARED_OWNERS),
  atMost('flat', 'read_units_per_job', 4, SHARED_OWNERS),
  atMost('flat', 'growth', 1.1),
  atMost('flat', 'added_requests', 3),
  atMost('flat', 'added_write_units', 4),
  atMost('flat', 'added_read_units', 3),
  atMost('flat', 'rss_mb', 400),
  atLeast('throughput', 'jobs_per_minute', 10_000),
  atMost('concurrency', 'lost', 0),
  atMost('concurrency', 'added_p95_s', 1),
  atMost('wake', 'p50_ms', 300),
  atMost('wake', 'p99_ms', 1_000),
]

export const barFor = (f: Pick<Figure, 'scenario' | 'variant' | 'metric'>): Bar | undefined =>
  BARS.find((b) => b.scenario === f.scenario && b.metric === f.metric && (b.variant?.test(f.variant) ?? true))

export const directionOf = (f: Figure): Direction => barFor(f)?.direction ?? 'info'

export const meets = (value: number, { bar, direction }: Bar): boolean =>
  direction === 'lower-is-better' ? value <= bar : value >= bar
