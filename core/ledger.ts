/**
 * The capacity ledger: what has been permitted in every moment of a pool's last window, exactly, by dimension.
 *
 * Slots are stamped on multiples of `bucketMs`, so a half-open window (t - span, t] holds the counts of at most
 * `buckets` consecutive multiples, and "no `buckets` consecutive counts sum to more than the limit" is exact, not an
 * approximation (docs/guarantees.md, G2; the sliding window log of Cloudflare's and Stripe's rate limiters, with the
 * log's entries merged where they share a stamp). `span` is the provider's window plus the pool's guard. A moment that
 * is no multiple counts at the next one, as the slots of a finer ledger do in a coarser: it is let go of too late at
 * worst, so what a window holds is never more than what is counted.
 */
import { type Cost, DIMENSIONS, type Dimension, type Limits } from './cost.ts'

export interface LedgerShape {
  readonly bucketMs: number
  /** Window plus guard, in buckets. */
  readonly buckets: number
  readonly limits: Limits
}

/** What is counted in each bucket: calls always, else what is limited. */
type Counts = Readonly<Partial<Record<Dimension, readonly number[]>> & { requests: readonly number[] }>

export interface Ledger {
  readonly shape: LedgerShape
  /** Bucket number (epoch ms / bucketMs) of the first count. */
  readonly first: number
  readonly counts: Counts
}

export const countedIn = ({ limits }: LedgerShape): Dimension[] =>
  DIMENSIONS.filter((d) => d === 'requests' || limits[d] !== undefined)

export const spanMs = (shape: LedgerShape): number => shape.buckets * shape.bucketMs
export const bucketOf = (shape: LedgerShape, at: number): number => Math.floor(at / shape.bucketMs)
/** The bucket in which a moment counts. */
const stampBucket = (shape: LedgerShape, at: number): number => Math.ceil(at / shape.bucketMs)
/** The first stamp at or after a moment. */
export const stampAt = (shape: LedgerShape, at: number): number => stampBucket(shape, at) * shape.bucketMs

const countsOf = (shape: LedgerShape, of: (d: Dimension) => readonly number[]): Counts => ({
  requests: of('requests'),
  ...Object.fromEntries(countedIn(shape).map((d) => [d, of(d)])),
})
function mapped({ counts }: Ledger, change: (row: readonly number[], d: Dimension) => readonly number[]): Counts {
  const changed: Partial<Record<Dimension, readonly number[]>> = {}
  for (const d of DIMENSIONS) {
    const row = counts[d]
    if (row) changed[d] = change(row, d)
  }
  return changed as Counts
}

export const emptyLedger = (shape: LedgerShape, now: number): Ledger => ({
  shape,
  first: bucketOf(shape, now),
  counts: countsOf(shape, () => []),
})

/** A ledger without history that can be trusted: as if all had been used just now. */
export const fullLedger = (shape: LedgerShape, now: number): Ledger => ({
  shape,
  // Not the stamp before: what is unknown may reach up to this very moment.
  first: stampBucket(shape, now),
  counts: countsOf(shape, (d) => [shape.limits[d] ?? 0]),
})

const sum = (counts: readonly number[], from: number, to: number): number => {
  let total = 0
  const end = Math.min(counts.length, to)
  for (let i = Math.max(0, from); i < end; i++) total += counts[i] as number
  return total
}

const countAt = (counts: readonly number[], i: number): number =>
  i >= 0 && i < counts.length ? (counts[i] as number) : 0

/**
 * Where the last window that contains index `i` and sums to more than `atMost` ends; -1 where none does. A slot before
 * the first count has windows that end before it, and one behind the last has windows that reach back to it.
 */
function lastOverfull(counts: readonly number[], i: number, width: number, atMost: number): number {
  // All that any of them can hold: mostly it is little enough, and none need be looked at.
  if (sum(counts, i - width + 1, i + width) <= atMost) return NONE
  let window = sum(counts, i - width + 1, i + 1)
  let last = window > atMost ? i : NONE
  for (let end = i + 1; end < i + width; end++) {
    window += countAt(counts, end) - countAt(counts, end - width)
    if (window > atMost) last = end
  }
  return last
}
const NONE = Number.NEGATIVE_INFINITY

/** The end of the last window around index `i` that has no room for the cost, in whichever dimension. */
function lastWithoutRoom({ shape, counts }: Ledger, i: number, cost: Cost): number {
  let last = NONE
  for (const d of DIMENSIONS) {
    const limit = shape.limits[d]
    if (limit === undefined) continue
    last = Math.max(last, lastOverfull(counts[d] as readonly number[], i, shape.buckets, limit - cost[d]))
  }
  return last
}

/** Whether a permit at `slot` keeps *every* window that contains it within every limit: all or nothing. */
export const fits = (ledger: Ledger, slot: number, cost: Cost): boolean =>
  lastWithoutRoom(ledger, stampBucket(ledger.shape, slot) - ledger.first, cost) === NONE

/**
 * The first legal moment at or after `from`, for a cost that no limit excludes for ever. A window without room has none
 * for any slot in it, so the search goes on behind its end: a full ledger is not tried stamp by stamp.
 */
export function earliest(ledger: Ledger, from: number, cost: Cost): number {
  const { shape, first, counts } = ledger
  const end = counts.requests.length + shape.buckets
  let i = stampBucket(shape, from) - first
  while (i < end) {
    const full = lastWithoutRoom(ledger, i, cost)
    if (full === NONE) break
    i = full + 1
  }
  // What counts in a bucket is later than the stamp before it.
  return Math.max(from, (first + i - 1) * shape.bucketMs + 1)
}

/** Made at its length: one that grows is copied again and again, and every permit of a plan makes one. */
function padded(counts: readonly number[], before: number, length: number): number[] {
  const out = new Array<number>(length).fill(0)
  for (let i = 0; i < counts.length; i++) out[before + i] = counts[i] as number
  return out
}

/** The ledger with one permit more. The caller has asked `fits`. */
export function permit(ledger: Ledger, slot: number, cost: Cost): Ledger {
  const bucket = stampBucket(ledger.shape, slot)
  const first = Math.min(ledger.first, bucket)
  const length = Math.max(ledger.first + ledger.counts.requests.length, bucket + 1) - first
  const counts = mapped(ledger, (row, d) => {
    const longer = padded(row, ledger.first - first, length)
    longer[bucket - first] = Math.max(0, (longer[bucket - first] as number) + cost[d])
    return longer
  })
  return { ...ledger, first, counts }
}

/**
 * The ledger with a permit's cost changed by so much: to what the call has really used, or to nothing where it is known
 * that nothing was called in its slot and nothing ever will be. What was forgotten already is not changed.
 */
export function amend(ledger: Ledger, slot: number, by: Cost): Ledger {
  const i = stampBucket(ledger.shape, slot) - ledger.first
  if (i < 0 || i >= ledger.counts.requests.length) return ledger
  return permit(ledger, slot, by)
}

/** Forgets what no window at or after `now` can contain, and moves on, so that no gap is filled after a long rest. */
export function trim(ledger: Ledger, now: number): Ledger {
  const first = bucketOf(ledger.shape, now) - ledger.shape.buckets
  const drop = first - ledger.first
  if (drop <= 0) return ledger
  return { ...ledger, first, counts: mapped(ledger, (row) => row.slice(drop)) }
}

/** The fullest window that ends at index `from` or later, and the last index at which one as full ends. */
function fullest(counts: readonly number[], from: number, width: number): { most: number; end: number } {
  let window = sum(counts, from - width + 1, from + 1)
  let [most, end] = [window, from]
  for (let i = from + 1; i < counts.length; i++) {
    window += countAt(counts, i) - countAt(counts, i - width)
    if (window >= most) [most, end] = [window, i]
  }
  return { most, end }
}

/**
 * What every window that ends now or later has room for, by dimension: so much may be called at any moment from now on.
 * Below zero where a limit was lowered.
 */
export function room({ shape, first, counts }: Ledger, now: number): Limits {
  const from = stampBucket(shape, now) - first
  const limited = DIMENSIONS.filter((d) => shape.limits[d] !== undefined)
  const roomIn = (d: Dimension) => (shape.limits[d] as number) - fullest(counts[d] ?? [], from, shape.buckets).most
  return Object.fromEntries(limited.map((d) => [d, roomIn(d)]))
}

/** Up to this moment no dimension has more room than now, as long as nothing is given back. */
export function sameRoomUntil({ shape, first, counts }: Ledger, now: number): number {
  const from = stampBucket(shape, now) - first
  const lastAsFull = (row: readonly number[]): number => {
    let { end, most } = fullest(row, from, shape.buckets)
    if (most === 0) return Infinity
    // Behind the last count a window is as full until the first count has left it.
    while (countAt(row, end + 1 - shape.buckets) === 0) end++
    return end
  }
  return (first + Math.min(...countedIn(shape).map((d) => lastAsFull(counts[d] ?? [])))) * shape.bucketMs
}

/** What was permitted in (t - span, t], by dimension, as far as it is counted; or in a shorter time than the span. */
export function usedIn({ shape, first, counts }: Ledger, now: number, ms: number = spanMs(shape)): Limits {
  const i = stampBucket(shape, now) - first
  const buckets = Math.ceil(ms / shape.bucketMs)
  const rows = countedIn(shape).map((d) => [d, sum(counts[d] ?? [], i - buckets + 1, i + 1)] as const)
  return Object.fromEntries(rows)
}

/** The last stamp with a permit, or 0. */
export function lastSlot({ shape, first, counts }: Ledger): number {
  const i = counts.requests.findLastIndex((n) => n > 0)
  return i < 0 ? 0 : (first + i) * shape.bucketMs
}
