/**
 * The capacity ledger: what has been permitted in every moment of a pool's last window, exactly.
 *
 * Slots are stamped on multiples of `bucketMs`, so a half-open window (t - span, t] holds the counts of at most
 * `buckets` consecutive multiples, and "no `buckets` consecutive counts sum to more than the limit" is exact, not an
 * approximation (docs/guarantees.md, G2; the sliding window log of Cloudflare's and Stripe's rate limiters, with the
 * log's entries merged where they share a stamp). `span` is the provider's window plus the pool's guard.
 */
export interface LedgerShape {
  readonly bucketMs: number
  /** Window plus guard, in buckets. */
  readonly buckets: number
  readonly requests: number
  readonly tokens?: number
}

export interface Cost {
  readonly requests: number
  readonly tokens: number
}

export interface Ledger {
  readonly shape: LedgerShape
  /** Bucket number (epoch ms / bucketMs) of the first count. */
  readonly first: number
  readonly requests: readonly number[]
  readonly tokens: readonly number[]
}

/** A window is cut into about this many buckets: 100 ms for a minute, and one record stays under 4 KB. */
const BUCKETS_PER_WINDOW = 600

export function shapeOf(pool: {
  windowMs: number
  requests: number
  tokens?: number | undefined
  guard: { refusalMs: number; skewMs: number; networkMs: number }
}): LedgerShape {
  const bucketMs = Math.max(1, Math.round(pool.windowMs / BUCKETS_PER_WINDOW))
  const guardMs = pool.guard.refusalMs + pool.guard.skewMs + pool.guard.networkMs
  const buckets = Math.ceil((pool.windowMs + guardMs) / bucketMs)
  return { bucketMs, buckets, requests: pool.requests, ...(pool.tokens === undefined ? {} : { tokens: pool.tokens }) }
}

export const spanMs = (shape: LedgerShape): number => shape.buckets * shape.bucketMs
export const bucketOf = (shape: LedgerShape, at: number): number => Math.floor(at / shape.bucketMs)
/** The first stamp at or after a moment. */
export const stampAt = (shape: LedgerShape, at: number): number => Math.ceil(at / shape.bucketMs) * shape.bucketMs

export const emptyLedger = (shape: LedgerShape, now: number): Ledger => ({
  shape,
  first: bucketOf(shape, now),
  requests: [],
  tokens: [],
})

/** A ledger without history that can be trusted: as if all had been used just now. */
export const fullLedger = (shape: LedgerShape, now: number): Ledger => ({
  shape,
  // Not the stamp before: what is unknown may reach up to this very moment.
  first: bucketOf(shape, stampAt(shape, now)),
  requests: [shape.requests],
  tokens: [shape.tokens ?? 0],
})

const sum = (counts: readonly number[], from: number, to: number): number => {
  let total = 0
  for (let i = Math.max(0, from); i < Math.min(counts.length, to); i++) total += counts[i] as number
  return total
}

const countAt = (counts: readonly number[], i: number): number =>
  i >= 0 && i < counts.length ? (counts[i] as number) : 0

/**
 * Where the last window that contains index `i` and sums to more than `atMost` ends; undefined where none does. A slot
 * before the first count has windows that end before it, and one behind the last has windows that reach back to it.
 */
function lastOverfull(counts: readonly number[], i: number, width: number, atMost: number): number | undefined {
  let window = sum(counts, i - width + 1, i + 1)
  let last = window > atMost ? i : undefined
  for (let end = i + 1; end < i + width; end++) {
    window += countAt(counts, end) - countAt(counts, end - width)
    if (window > atMost) last = end
  }
  return last
}

/** The end of the last window around index `i` that has no room for the cost. */
function lastWithoutRoom({ shape, requests, tokens }: Ledger, i: number, cost: Cost): number | undefined {
  const full = lastOverfull(requests, i, shape.buckets, shape.requests - cost.requests)
  if (shape.tokens === undefined) return full
  const fullOfTokens = lastOverfull(tokens, i, shape.buckets, shape.tokens - cost.tokens)
  return full === undefined || fullOfTokens === undefined ? (full ?? fullOfTokens) : Math.max(full, fullOfTokens)
}

/** Whether a permit at `slot` keeps *every* window that contains it within every limit: all or nothing. */
export const fits = (ledger: Ledger, slot: number, cost: Cost): boolean =>
  lastWithoutRoom(ledger, bucketOf(ledger.shape, slot) - ledger.first, cost) === undefined

/**
 * The first legal stamp at or after `from`, for a cost that no limit excludes for ever. A window without room has none
 * for any slot in it, so the search goes on behind its end: a full ledger is not tried stamp by stamp.
 */
export function earliest(ledger: Ledger, from: number, cost: Cost): number {
  const { shape, first } = ledger
  const end = ledger.requests.length + shape.buckets
  const start = bucketOf(shape, stampAt(shape, from)) - first
  for (let i = start; i < end; ) {
    const full = lastWithoutRoom(ledger, i, cost)
    if (full === undefined) return (first + i) * shape.bucketMs
    i = full + 1
  }
  return (first + Math.max(start, end)) * shape.bucketMs
}

const padded = (counts: readonly number[], before: number, length: number): number[] => {
  const out = new Array<number>(before).fill(0).concat(counts)
  while (out.length < length) out.push(0)
  return out
}

/** The ledger with one permit more. The caller has asked `fits`. */
export function permit(ledger: Ledger, slot: number, cost: Cost): Ledger {
  const bucket = bucketOf(ledger.shape, slot)
  const first = Math.min(ledger.first, bucket)
  const length = Math.max(ledger.first + ledger.requests.length, bucket + 1) - first
  const requests = padded(ledger.requests, ledger.first - first, length)
  const tokens = padded(ledger.tokens, ledger.first - first, length)
  requests[bucket - first] = (requests[bucket - first] as number) + cost.requests
  tokens[bucket - first] = (tokens[bucket - first] as number) + cost.tokens
  return { ...ledger, first, requests, tokens }
}

/**
 * The ledger without a permit in whose slot it is known that nothing was called and nothing ever will be: every window
 * has that much more room. What was forgotten already is not given back.
 */
export function refund(ledger: Ledger, slot: number, cost: Cost): Ledger {
  const i = bucketOf(ledger.shape, slot) - ledger.first
  if (i < 0 || i >= ledger.requests.length) return ledger
  return permit(ledger, slot, { requests: -cost.requests, tokens: -cost.tokens })
}

/** Forgets what no window at or after `now` can contain, and moves on, so that no gap is filled after a long rest. */
export function trim(ledger: Ledger, now: number): Ledger {
  const first = bucketOf(ledger.shape, now) - ledger.shape.buckets
  const drop = first - ledger.first
  if (drop <= 0) return ledger
  return { ...ledger, first, requests: ledger.requests.slice(drop), tokens: ledger.tokens.slice(drop) }
}

/** Calls permitted in (t - span, t]. */
export const usedIn = (ledger: Ledger, now: number): number => {
  const i = bucketOf(ledger.shape, now) - ledger.first
  return sum(ledger.requests, i - ledger.shape.buckets + 1, i + 1)
}

/** The last stamp with a permit, or 0. */
export function lastSlot(ledger: Ledger): number {
  const i = ledger.requests.findLastIndex((n) => n > 0)
  return i < 0 ? 0 : (ledger.first + i) * ledger.shape.bucketMs
}
