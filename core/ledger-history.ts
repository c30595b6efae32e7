/**
 * What a ledger cannot know, told as the worst it may have been: history that today's settings ask for and the record
 * never kept, and slots that a clock which was ahead has stamped into the future.
 */
import { type Cost, DIMENSIONS, type Dimension, NOTHING } from './cost.ts'
import { bucketOf, type Ledger, type LedgerShape, lastSlot, permit, spanMs, stampAt } from './ledger.ts'

/** A sound holder leases a second ahead at most (core/pacing.ts): what lies beyond this was stamped by a wrong clock. */
export const AHEAD_AT_MOST_MS = 5_000
/** The last bucket that a sound clock stamps: a stamp is rounded up to its bucket. */
export const lastSoundBucket = (shape: LedgerShape, now: number): number => bucketOf(shape, now + AHEAD_AT_MOST_MS) + 1

/** What was kept of the past, and how. */
export interface Kept {
  /** Epoch ms of the first stamp that was kept. */
  readonly from: number
  readonly spanMs: number
  readonly counted: readonly Dimension[]
}

/** The limits themselves as a cost, in these dimensions. */
const wholeLimit = ({ limits }: LedgerShape, of: (d: Dimension) => boolean = () => true): Cost => ({
  ...NOTHING,
  ...Object.fromEntries(DIMENSIONS.filter(of).map((d) => [d, limits[d] ?? 0])),
})

/**
 * A window that has grown, or tokens that were not counted before: whatever was not kept counts as a full limit, at the
 * last moment at which it may have been used.
 */
export function assumingUnknown(ledger: Ledger, kept: Kept, now: number): Ledger {
  const { shape } = ledger
  let known = ledger
  // It reaches less far back than it ought to: the window has grown, or a clock ahead has forgotten too much.
  if (kept.spanMs < spanMs(shape) || kept.from > now - spanMs(shape))
    known = permit(known, stampAt(shape, Math.min(kept.from, now)), wholeLimit(shape))
  if (lastSlot(ledger) > 0)
    known = permit(
      known,
      lastSlot(ledger),
      wholeLimit(shape, (d) => !kept.counted.includes(d)),
    )
  return known
}

/** Permits of a future that no sound clock has reached are taken for used now: their calls, if any, were made by now. */
export function withoutFuture(ledger: Ledger, now: number): Ledger {
  const { shape, counts } = ledger
  const end = Math.max(0, lastSoundBucket(shape, now) + 1 - ledger.first)
  const future = { ...NOTHING, ...rows(counts, (row) => row.slice(end).reduce((sum, n) => sum + n, 0)) }
  if (end > 0 && DIMENSIONS.every((d) => future[d] === 0)) return ledger
  const kept = rows(counts, (row) => row.slice(0, end)) as Ledger['counts']
  const past = { shape, first: end > 0 ? ledger.first : bucketOf(shape, now), counts: kept }
  return permit(past, stampAt(shape, now), future)
}

const rows = <T>(counts: Ledger['counts'], of: (row: readonly number[]) => T): Partial<Record<Dimension, T>> =>
  Object.fromEntries(Object.entries(counts).map(([d, row]) => [d, of(row)]))
