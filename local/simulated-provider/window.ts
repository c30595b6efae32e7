/**
 * An exact sliding window over arrivals: no half-open window (t - W, t] holds more than the limits. It judges the
 * product's ledger, so it shares neither code nor method with it: it keeps every call and counts them. No clock, no IO.
 */

export interface Limits {
  readonly windowMs: number
  readonly requests: number
  /** Reserved at admission; absent: not limited. */
  readonly tokens?: number
  /** Refused calls take a place in the window of requests (not of tokens), as they do at OpenAI. */
  readonly refusedCount?: boolean
}

export type Verdict = { kind: 'admitted' } | { kind: 'refused'; limit: 'requests' | 'tokens'; retryAfterMs: number }

/** What is left right after a call, and how long until the window is empty if nothing follows. */
export interface Left {
  readonly remaining: number
  readonly resetMs: number
}

export interface SlidingWindow {
  /** `at` in ms, never before the last one. */
  arrive(at: number, tokens: number): Verdict
  requestsLeft(now: number): Left
  tokensLeft(now: number): Left
  /** Admitted calls in (now - W, now]. */
  admitted(now: number): number
  /** The largest number of admitted calls in any window so far: the maximum stands at a window that ends at a call. */
  worst(): number
}

export function slidingWindow(limits: Limits): SlidingWindow {
  const { windowMs } = limits
  const requests = sumInWindow(windowMs)
  const tokens = sumInWindow(windowMs)
  // Counted apart from what decides, so that a mistake in deciding shows.
  const admitted = sumInWindow(windowMs)
  let worst = 0
  return {
    arrive: (at, cost) => {
      const refused = refusal(at, cost)
      if (!refused || limits.refusedCount) requests.add(at, 1)
      if (refused) return { kind: 'refused', limit: refused, retryAfterMs: waitFor(refused, at, cost) }
      tokens.add(at, cost)
      admitted.add(at, 1)
      worst = Math.max(worst, admitted.sum(at))
      return { kind: 'admitted' }
    },
    requestsLeft: (now) => left(requests, limits.requests, now),
    tokensLeft: (now) => left(tokens, limits.tokens ?? Number.POSITIVE_INFINITY, now),
    admitted: (now) => admitted.sum(now),
    worst: () => worst,
  }

  function refusal(at: number, cost: number): 'requests' | 'tokens' | undefined {
    if (requests.sum(at) + 1 > limits.requests) return 'requests'
    return limits.tokens !== undefined && tokens.sum(at) + cost > limits.tokens ? 'tokens' : undefined
  }

  function waitFor(limit: 'requests' | 'tokens', at: number, cost: number): number {
    if (limit === 'requests') return requests.fallsTo(limits.requests - 1, at) - at
    return tokens.fallsTo((limits.tokens ?? 0) - cost, at) - at
  }
}

const left = (used: SumInWindow, limit: number, now: number): Left => ({
  remaining: Math.max(0, limit - used.sum(now)),
  resetMs: used.emptyAt(now) - now,
})

interface SumInWindow {
  add(at: number, amount: number): void
  /** Of the amounts in (now - W, now]. */
  sum(now: number): number
  /** The first time from which the sum is at most `amount`, if nothing comes; one window on if it can never be. */
  fallsTo(amount: number, now: number): number
  /** The same for nothing at all. */
  emptyAt(now: number): number
}

/** Entries that have left are shed in batches of this many: shedding one by one would move the whole list each time. */
const SHED_AT = 1_024

function sumInWindow(windowMs: number): SumInWindow {
  let entries: { at: number; amount: number }[] = []
  let first = 0
  let total = 0
  const expire = (now: number) => {
    for (let entry = entries[first]; entry && entry.at <= now - windowMs; entry = entries[++first])
      total -= entry.amount
    if (first >= SHED_AT) {
      entries = entries.slice(first)
      first = 0
    }
  }
  return {
    add: (at, amount) => {
      entries.push({ at, amount })
      total += amount
    },
    sum: (now) => {
      expire(now)
      return total
    },
    fallsTo: (amount, now) => {
      expire(now)
      let sum = total
      for (let i = first; sum > amount; i += 1) {
        const entry = entries[i]
        if (!entry) return now + windowMs
        sum -= entry.amount
        if (sum <= amount) return entry.at + windowMs
      }
      return now
    },
    // Every answer tells this, so it must not walk the window.
    emptyAt: (now) => Math.max(now, (entries.at(-1)?.at ?? Number.NEGATIVE_INFINITY) + windowMs),
  }
}
