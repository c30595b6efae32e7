/**
 * Pacing: which moment is offered to the next call. `even` spreads a window's calls, so that capacity comes free
 * evenly a window later and people never meet a wall; `burst` offers the first legal moment.
 */
import { type Cost, earliest, type Ledger, type LedgerShape, spanMs, stampAt } from './ledger.ts'

/** ms between two calls. Evenly spaced stamps put exactly `requests` into every window of the ledger's span. */
export const intervalMs = (shape: LedgerShape, pacing: 'even' | 'burst'): number =>
  pacing === 'even' ? spanMs(shape) / shape.requests : 0

export interface Offer {
  readonly slot: number
  /** Where the pacing goes on. */
  readonly next: number
}

/** A moment for the next call, at or after `from`. */
export function offer(p: { ledger: Ledger; next: number; from: number; interval: number; cost: Cost }): Offer {
  const { shape } = p.ledger
  // What fell due in the bucket before the soonest stamp still has that stamp: a pool whose stamps lie farther apart
  // than its lead would else lose most of every bucket.
  const paced = p.next > stampAt(shape, p.from) - shape.bucketMs ? p.next : p.from
  const stamp = stampAt(shape, paced)
  const slot = earliest(p.ledger, stamp, p.cost)
  // Fractions of a bucket are kept in `next`, else rounding would cost up to one bucket a call. A call that was put off
  // counts from where its bucket begins: a rounding error of 1e-4 ms that misses a stamp must not cost a bucket either.
  return { slot, next: p.interval === 0 ? slot : Math.max(paced, slot - shape.bucketMs) + p.interval }
}

/**
 * How far ahead slots are leased: far enough that about ten fall into half of it (one message), at least four times
 * what sending takes, between 50 ms and 1 s (what a newly come reply may have to wait behind).
 */
export const leadMs = (interval: number, travelMs: number): number =>
  Math.min(1000, Math.max(50, 20 * interval, 4 * travelMs))
