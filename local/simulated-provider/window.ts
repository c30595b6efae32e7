/**
 * Exact sliding windows over arrivals: no half-open window (t - W, t] holds more than its limits. They judge the
 * product's ledger, so they share neither code nor method with it: every call is kept and counted. No clock, no IO.
 */
import { type Counting, onAnswer, onArrival, type Tokens } from './counting.ts'
import { type Entry, SumInWindow } from './sum-in-window.ts'

export interface Limits {
  readonly windowMs: number
  /** Each absent: not limited. */
  readonly requests?: number
  readonly tokens?: number
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly day?: { readonly windowMs: number; readonly requests?: number; readonly tokens?: number }
  /** Calls in flight. */
  readonly concurrency?: number
  /** `total` if absent. */
  readonly counting?: Counting
  readonly burndown?: number
  /** Refused calls take a place in the window of requests (not of tokens), as they do at OpenAI. */
  readonly refusedCount?: boolean
}

/** The names under which a limit is told. */
export type LimitName = 'requests' | 'tokens' | 'input-tokens' | 'output-tokens' | 'requests-day' | 'tokens-day'
export type Refusal = LimitName | 'concurrency'

export type Verdict =
  | { kind: 'admitted'; answered: (at: number, used?: Tokens) => void }
  | { kind: 'refused'; limit: Refusal; retryAfterMs: number }

/** What is left right after a call, and how long until the window is empty if nothing follows. */
export interface Left {
  readonly limit: number
  readonly remaining: number
  readonly resetMs: number
}

interface Meter {
  readonly name: LimitName
  limit: number
  readonly used: SumInWindow
  readonly arriving: (asked: Tokens) => number
  readonly answered?: (used: Tokens) => number | undefined
  worst: number
}

/** What is not given an end is looked for again after this long. */
const BUSY_RETRY_MS = 1_000

export class SlidingWindow {
  private readonly meters: readonly Meter[]
  private readonly requests: SumInWindow
  // Counted apart from what decides, so that a mistake in deciding shows.
  private readonly calls: SumInWindow
  private most = 0
  private inFlight = 0

  constructor(private readonly limits: Limits) {
    this.requests = new SumInWindow(limits.windowMs)
    this.calls = new SumInWindow(limits.windowMs)
    this.meters = metersOf(limits, this.requests)
  }

  /** `at` in ms, never before the last one. Whoever is admitted says what came of it. */
  arrive(at: number, asked: Tokens): Verdict {
    if (this.inFlight >= (this.limits.concurrency ?? Infinity))
      return { kind: 'refused', limit: 'concurrency', retryAfterMs: BUSY_RETRY_MS }
    const over = this.meters.find((m) => m.used.sum(at) + m.arriving(asked) > m.limit)
    if (over) return this.refuse(over, at, asked)
    const entries = this.meters.map((m) => m.used.add(at, m.arriving(asked)))
    this.calls.add(at, 1)
    this.inFlight++
    this.most = Math.max(this.most, this.calls.sum(at))
    this.note(at)
    return { kind: 'admitted', answered: (then, used) => this.answered(entries, then, used) }
  }

  /** From now on another limit, where there was one. What was admitted stays counted. */
  change(name: LimitName, limit: number): void {
    for (const meter of this.meters) if (meter.name === name) meter.limit = limit
  }

  /** What is left of each limit. */
  left(now: number): ReadonlyMap<LimitName, Left> {
    return new Map(
      this.meters.map(({ name, limit, used }) => {
        const remaining = Math.max(0, limit - used.sum(now))
        return [name, { limit, remaining, resetMs: used.emptyAt(now) - now }]
      }),
    )
  }

  /** Admitted calls in (now - W, now]. */
  admitted(now: number): number {
    return this.calls.sum(now)
  }

  /** The largest number of admitted calls in any window so far: the maximum stands at a window that ends at a call. */
  worst(): number {
    return this.most
  }

  /** The most that any window has held of each limit, as a share of today's. */
  worstShares(): Readonly<Partial<Record<LimitName, number>>> {
    return Object.fromEntries(this.meters.map(({ name, worst, limit }) => [name, worst / limit]))
  }

  private refuse({ name, limit, used, arriving }: Meter, at: number, asked: Tokens): Verdict {
    if (this.limits.refusedCount) this.requests.add(at, 1)
    return { kind: 'refused', limit: name, retryAfterMs: used.fallsTo(limit - arriving(asked), at) - at }
  }

  /** What failed stays counted as it was. */
  private answered(entries: readonly Entry[], at: number, used: Tokens | undefined): void {
    this.inFlight--
    if (!used) return
    this.meters.forEach((meter, i) => {
      const amount = meter.answered?.(used)
      if (amount !== undefined) meter.used.amend(entries[i] as Entry, amount, at)
    })
    this.note(at)
  }

  private note(at: number): void {
    for (const meter of this.meters) meter.worst = Math.max(meter.worst, meter.used.sum(at))
  }
}

function metersOf(l: Limits, requests: SumInWindow): Meter[] {
  const { counting = 'total', burndown = 1, windowMs, day } = l
  const settles = counting === 'anthropic' || counting === 'bedrock'
  const tokens = (name: LimitName, limit: number | undefined, ms: number): Meter[] =>
    meter(
      name,
      limit,
      new SumInWindow(ms),
      (asked) => onArrival(counting, asked),
      (used) => onAnswer(counting, used, burndown),
    )
  const one = () => 1
  return [
    ...meter('requests', l.requests, requests, one),
    ...tokens('tokens', l.tokens, windowMs),
    ...meter(
      'input-tokens',
      l.inputTokens,
      new SumInWindow(windowMs),
      ({ input }) => input,
      settles ? ({ input }) => input : undefined,
    ),
    ...meter(
      'output-tokens',
      l.outputTokens,
      new SumInWindow(windowMs),
      ({ output }) => output,
      settles ? ({ output }) => output : undefined,
    ),
    ...(day ? meter('requests-day', day.requests, new SumInWindow(day.windowMs), one) : []),
    ...(day ? tokens('tokens-day', day.tokens, day.windowMs) : []),
  ]
}

function meter(
  name: LimitName,
  limit: number | undefined,
  used: SumInWindow,
  arriving: Meter['arriving'],
  answered?: Meter['answered'],
): Meter[] {
  return limit === undefined ? [] : [{ name, limit, used, arriving, ...(answered ? { answered } : {}), worst: 0 }]
}
