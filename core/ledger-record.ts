/** A pool's one record: lease, ledger, pacing and virtual times, written once per tick by the lease's holder. */
import * as z from 'zod'
import { emptyLedger, fullLedger, type Ledger, type LedgerShape, spanMs } from './ledger.ts'
import { countsTokens, packLedger, unpackLedger } from './ledger-codec.ts'
import { assumingUnknown, withoutFuture } from './ledger-history.ts'

/** `ending`: the holder has stopped planning and looks for bells a last time before it lets go. */
export const LeaseState = z.enum(['held', 'ending', 'free'])
export type LeaseState = z.infer<typeof LeaseState>

const Clock = z.object({ turn: z.number(), v: z.number(), active: z.boolean() })

export const LedgerRecord = z.object({
  v: z.literal(1),
  /** Raised by every new holder. */
  epoch: z.number(),
  /** Raised by every write. */
  version: z.number(),
  holder: z.string(),
  state: LeaseState,
  /** Epoch ms at which the lease is over. */
  until: z.number(),
  /** Absent until a first holder wrote: a ledger without history. */
  ledger: z
    .object({
      bytes: z.custom<Uint8Array>((x) => x instanceof Uint8Array),
      first: z.number(),
      bucketMs: z.number(),
      /** How far back its counts go. Absent in records of older code. */
      spanMs: z.number().optional(),
    })
    .optional(),
  /** Where the pacing stands, fractional epoch ms. */
  next: z.number(),
  lastSlot: z.number(),
  /** Until then the provider asked for quiet. */
  quietUntil: z.number().optional(),
  /** What sending took, as its holder knew it. */
  travelMs: z.number().optional(),
  order: z.string().optional(),
  clock: z.number(),
  tiers: z.record(z.string(), Clock),
})
export type LedgerRecord = z.infer<typeof LedgerRecord>

export const packed = (ledger: Ledger): NonNullable<LedgerRecord['ledger']> => ({
  bytes: packLedger(ledger),
  first: ledger.first,
  bucketMs: ledger.shape.bucketMs,
  spanMs: spanMs(ledger.shape),
})

/** The ledger as it stands, in today's shape; without history, as the pool's setting says. */
export function ledgerOf(
  record: LedgerRecord,
  p: { shape: LedgerShape; history: 'full' | 'empty'; now: number },
): Ledger {
  if (record.ledger) return read(record.ledger, p)
  return p.history === 'full' ? fullLedger(p.shape, p.now) : emptyLedger(p.shape, p.now)
}

function read(stored: NonNullable<LedgerRecord['ledger']>, p: Parameters<typeof ledgerOf>[1]): Ledger {
  const ledger = withoutFuture(unpackLedger(stored.bytes, { ...stored, shape: p.shape }), p.now)
  if (p.history === 'empty') return ledger
  const kept = { from: stored.first * stored.bucketMs, spanMs: stored.spanMs ?? spanMs(p.shape) }
  return assumingUnknown(ledger, { ...kept, tokens: countsTokens(stored.bytes) }, p.now)
}
