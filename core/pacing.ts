/**
 * Pacing: which moment is offered to the next call. `even` spreads a window's calls and tokens, so that capacity comes
 * free evenly a window later and people never meet a wall; `burst` offers the first legal moment.
 */
import { type Cost, DIMENSIONS, type Dimension, type Limits } from './cost.ts'
import { type LedgerShape, spanMs, stampAt } from './ledger.ts'
import { earliestStamp, type Ledgers } from './ledgers.ts'

export type Pacing = 'even' | 'burst'

/** One tick's batch, a term of G4's bound: ten messages. */
export const PERMITS_PER_TICK = 100

/** ms between two calls. Evenly spaced stamps put exactly `requests` into every window of the ledger's span. */
export const intervalMs = (shape: LedgerShape, pacing: Pacing): number =>
  pacing === 'even' ? spanMs(shape) / (shape.limits.requests ?? Infinity) : 0

/** Where the pacing stands in each dimension: fractional epoch ms. Absent: it has not begun. */
export type Next = Readonly<Partial<Record<Dimension, number>>>

export interface Paced {
  readonly ledgers: Ledgers
  readonly pacing: Pacing
  readonly next: Next
  /** Slots stand at least so far apart, in ms. */
  readonly slowedMs: number
}

export interface Offer {
  readonly slot: number
  /** Where pacing alone would have put it: what stands later is held up by a ledger. */
  readonly due: number
  readonly next: Next
}

/**
 * While one dimension holds the line the others lose nothing by it, nor do tokens by what is given back of them; not for
 * ever, lest they burst when that is over.
 */
const KEPT_OF_SPAN = 1 / 2

/** A call that asks when it may go. */
export interface Ask extends Paced {
  readonly from: number
  readonly cost: Cost
}

/**
 * A moment for the next call, at or after `from`. Each dimension is paced by itself, and the latest decides: with one
 * clock for all of them, the times that calls and tokens take would add up.
 */
export function offer(p: Ask): Offer {
  const { shape } = p.ledgers.window
  const starts = startsOf(p, shape)
  const last = Math.max(...starts.map(([, start]) => start))
  const due = stampAt(shape, last)
  const slot = earliestStamp(p.ledgers, due, p.cost)
  // Fractions of a bucket are kept, else rounding would cost up to one bucket a call. A call that was put off counts
  // from where its bucket begins: a rounding error of 1e-4 ms that misses a stamp must not cost a bucket either.
  const next = starts.map(([d, start]) => {
    const interval = intervalOf(d, p, shape)
    const kept = start > last - shape.bucketMs ? shape.bucketMs : KEPT_OF_SPAN * spanMs(shape)
    return [d, interval === 0 ? slot : Math.max(start, slot - kept) + interval] as const
  })
  return { slot, due, next: { ...p.next, ...Object.fromEntries(next) } }
}

/** The time that a call takes up in a dimension. */
const intervalOf = (d: Dimension, p: Paced & { readonly cost: Cost }, shape: LedgerShape): number =>
  d === 'requests' ? Math.max(p.slowedMs, evenMs(d, p, shape)) : evenMs(d, p, shape)

function evenMs(d: Dimension, p: { readonly pacing: Pacing; readonly cost: Cost }, shape: LedgerShape): number {
  const limit = shape.limits[d]
  return p.pacing === 'even' && limit !== undefined ? (spanMs(shape) * p.cost[d]) / limit : 0
}

/** The pacing once a call is known to have cost so much more, or less, than it was offered for. */
export function amendNext(next: Next, by: Cost, p: { readonly shape: LedgerShape; readonly pacing: Pacing }): Next {
  const amended = Object.entries(next).map(([name, at]) => {
    const d = name as Dimension
    return [d, at + evenMs(d, { pacing: p.pacing, cost: by }, p.shape)]
  })
  return Object.fromEntries(amended)
}

/** The pacing under other limits: who waited for the pace of lower ones waits for that of the higher, or for none. */
export function repaced(
  next: Next,
  p: { readonly from: Limits; readonly to: Limits; readonly pacing?: Pacing },
  now: number,
): Next {
  const repaced = Object.entries(next).map(([name, at]) => {
    const [before = 1, after = 1] = [p.from, p.to].map((limits) => limits[name as Dimension])
    const share = p.pacing === 'burst' ? 0 : Math.min(1, before / after)
    return [name, at > now ? now + (at - now) * share : at]
  })
  return Object.fromEntries(repaced)
}

/** From where each dimension goes on in which the call takes part. */
function startsOf(
  { next, from, cost }: { readonly next: Next; readonly from: number; readonly cost: Cost },
  shape: LedgerShape,
): readonly (readonly [Dimension, number])[] {
  const stood = DIMENSIONS.filter((d) => d === 'requests' || (shape.limits[d] !== undefined && cost[d] > 0)).map(
    (d) => [d, next[d] ?? 0] as const,
  )
  // What fell due in the bucket before the soonest stamp still has that stamp: a pool whose stamps lie farther apart
  // than its lead would else lose most of every bucket.
  const least = stampAt(shape, from) - shape.bucketMs
  const held = stood.some(([, at]) => at > least)
  const since = from - KEPT_OF_SPAN * spanMs(shape)
  return stood.map(([d, at]) => {
    if (at > least) return [d, at]
    if (held) return [d, Math.max(at, since)]
    return [d, d === 'requests' || at < since ? from : at]
  })
}

/**
 * How far ahead slots are leased: far enough that about ten fall into half of it (one message), at least four times
 * what sending takes, between 50 ms and 1 s (what a newly come reply may have to wait behind).
 */
export const leadMs = (interval: number, travelMs: number): number =>
  Math.min(1000, Math.max(50, 20 * interval, 4 * travelMs))

/** Of windows up to a minute stamps are no farther apart, and no lead is much shorter. */
const SHORT_STAMP_MS = 100

/** Where a stamp may hold more than one tick takes: from one to the next, a second at most. 0: elsewhere. */
export const stampedMs = (shape: LedgerShape): number =>
  shape.bucketMs > Math.max(SHORT_STAMP_MS, PERMITS_PER_TICK * intervalMs(shape, 'even'))
    ? Math.min(1000, shape.bucketMs)
    : 0
