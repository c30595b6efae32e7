/**
 * What is kept of each owner beside the ring: its turns, and what it has used. One record, written by the lease's holder every
 * few seconds at most while the owner is served; what capped owners have used since then stands in the ledger's own record.
 */
import * as z from 'zod'
import { charged, noUse, trimmedTo, type UseLedgers, type UseShapes } from './caps.ts'
import { NOTHING } from './cost.ts'
import { spanMs } from './ledger.ts'
import { unpackLedger } from './ledger-codec.ts'
import { Packed, packedAll, type UseChange } from './ledger-record.ts'

const laneTurn = z.object({ turn: z.number(), beyond: z.number() }).optional()

/** A later one replaces it (`supersedes`). */
export const OwnerRecord = z.object({
  owner: z.string(),
  /** Of its holder, and how many changes that had told. */
  epoch: z.number(),
  n: z.number(),
  /** Epoch ms at which it was written. */
  at: z.number(),
  /** By which order its turns were, `turn` and `v` those of the owner's group. */
  turns: z.object({
    order: z.string(),
    tiers: z.object({ high: laneTurn, medium: laneTurn, low: laneTurn }),
    turn: z.number(),
    v: z.number(),
  }),
  ledger: Packed,
  day: Packed,
  expiresAt: z.number(),
})
export type OwnerRecord = z.infer<typeof OwnerRecord>

type Written = Pick<OwnerRecord, 'epoch' | 'n'>
const isLater = (a: Written, b: Written): boolean => a.epoch > b.epoch || (a.epoch === b.epoch && a.n > b.n)

/** A record that lands late, of a holder that is none any more perhaps, replaces no later one. */
export const supersedes = (fresh: Written, old: Written): boolean => !isLater(old, fresh)

export function ownerRecord(p: Omit<OwnerRecord, 'ledger' | 'day' | 'expiresAt'> & { use: UseLedgers }): OwnerRecord {
  const { use, ...rest } = p
  const { ledger, day } = packedAll(use)
  return {
    ...rest,
    ledger,
    day: day as Packed,
    expiresAt: p.at + Math.max(spanMs(use.window.shape), spanMs(use.day.shape)),
  }
}

/** What an owner has used, by no clock of the reader's: as its record has it, and what was changed since. */
export function useOf(
  record: OwnerRecord | undefined,
  p: { owner: string; shapes: UseShapes; since: readonly UseChange[]; now: number },
): UseLedgers {
  const { shapes, now } = p
  const since = p.since.filter(([epoch, n, owner]) => owner === p.owner && (!record || isLater({ epoch, n }, record)))
  const from = Math.min(now, ...since.map(([, , , slot]) => slot))
  const kept = record ? unpacked(record, shapes) : noUse(shapes, from)
  // A ledger reaches from its first count to its last: what lies long before them would be as many empty ones.
  const trimmed = since.length > 0 ? trimmedTo(kept, from) : kept
  return since.reduce(
    (use, [, , , slot, requests, tokens]) => charged(use, slot, { ...NOTHING, requests, tokens }),
    trimmed,
  )
}

const unpacked = ({ ledger, day }: OwnerRecord, shapes: UseShapes): UseLedgers => ({
  window: unpackLedger(ledger.bytes, { ...ledger, shape: shapes.window }),
  day: unpackLedger(day.bytes, { ...day, shape: shapes.day }),
})
