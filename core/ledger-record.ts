/** A pool's one record: lease, ledger, pacing and virtual times, written once per tick by the lease's holder. */
import * as z from 'zod'
import { emptyLedger, fullLedger, type Ledger, type LedgerShape } from './ledger.ts'
import { packLedger, unpackLedger } from './ledger-codec.ts'

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
    .object({ bytes: z.custom<Uint8Array>((x) => x instanceof Uint8Array), first: z.number(), bucketMs: z.number() })
    .optional(),
  /** Where the pacing stands, fractional epoch ms. */
  next: z.number(),
  lastSlot: z.number(),
  order: z.string().optional(),
  clock: z.number(),
  tiers: z.record(z.string(), Clock),
})
export type LedgerRecord = z.infer<typeof LedgerRecord>

export const packed = (ledger: Ledger): NonNullable<LedgerRecord['ledger']> => ({
  bytes: packLedger(ledger),
  first: ledger.first,
  bucketMs: ledger.shape.bucketMs,
})

/** The ledger as it stands, in today's shape; without history, as the pool's setting says. */
export function ledgerOf(
  record: LedgerRecord,
  p: { shape: LedgerShape; history: 'full' | 'empty'; now: number },
): Ledger {
  if (record.ledger) return unpackLedger(record.ledger.bytes, { ...record.ledger, shape: p.shape })
  return p.history === 'full' ? fullLedger(p.shape, p.now) : emptyLedger(p.shape, p.now)
}
