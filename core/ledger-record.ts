/** A pool's one record: lease, ledger, pacing and virtual times, written once per tick by the lease's holder. */
import * as z from 'zod'
import { Behind } from './behind.ts'
import { DIMENSIONS } from './cost.ts'
import { Kept } from './feedback.ts'
import { KeptLengths } from './learned.ts'
import { emptyLedger, fullLedger, type Ledger, type LedgerShape, spanMs } from './ledger.ts'
import { countedInBytes, packLedger, unpackLedger } from './ledger-codec.ts'
import { assumingUnknown, withoutFuture } from './ledger-history.ts'
import type { Ledgers, Shapes } from './ledgers.ts'

/** `ending`: the holder has stopped planning and looks for bells a last time before it lets go. */
export const LeaseState = z.enum(['held', 'ending', 'free'])
export type LeaseState = z.infer<typeof LeaseState>

const Clock = z.object({ turn: z.number(), v: z.number(), active: z.boolean() })

export const Packed = z.object({
  bytes: z.custom<Uint8Array>((x) => x instanceof Uint8Array),
  first: z.number(),
  bucketMs: z.number(),
  /** How far back its counts go. Absent in records of older code. */
  spanMs: z.number().optional(),
})
export type Packed = z.infer<typeof Packed>

/** A change of what a capped owner has used: of which holder, the how manieth of its changes, whose, and of which slot. */
export const UseChange = z.tuple([z.number(), z.number(), z.string(), z.number(), z.number(), z.number()]).readonly()
export type UseChange = readonly [
  epoch: number,
  n: number,
  owner: string,
  slot: number,
  requests: number,
  tokens: number,
]

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
  ledger: Packed.optional(),
  /** The same for a longer limit. */
  day: Packed.optional(),
  /** What people had of the longer limit. Nonsense is nothing. */
  peoplesDay: Packed.optional().catch(undefined),
  /** Where the pacing stands, fractional epoch ms: of calls, and of what else is limited. */
  next: z.number(),
  nextOf: z.partialRecord(z.enum(DIMENSIONS), z.number()).optional(),
  lastSlot: z.number(),
  /** Until then the provider asked for quiet. */
  quietUntil: z.number().optional(),
  /** What the provider said of its limits. Nonsense is nothing: the ledger beside it must be read. */
  feedback: Kept.optional().catch(undefined),
  /** By kind, how long its answers are. Nonsense is nothing. */
  lengths: z.record(z.string(), KeptLengths).optional().catch(undefined),
  /** By kind, what its inputs were, in thousandths of what they were estimated at. Nonsense is nothing. */
  inputs: z.record(z.string(), KeptLengths).optional().catch(undefined),
  /** What the owners' own records do not hold yet. Nonsense is nothing. */
  uses: z.array(UseChange).readonly().optional().catch(undefined),
  /** What sending took, as its holder knew it. */
  travelMs: z.number().optional(),
  order: z.string().optional(),
  clock: z.number(),
  tiers: z.record(z.string(), Clock),
  /** Who stands below these clocks, as others have passed it. Nonsense is nothing. */
  behind: Behind.optional().catch(undefined),
})
export type LedgerRecord = z.infer<typeof LedgerRecord>

const packed = (ledger: Ledger): Packed => ({
  bytes: packLedger(ledger),
  first: ledger.first,
  bucketMs: ledger.shape.bucketMs,
  spanMs: spanMs(ledger.shape),
})
export const packedAll = ({ window, day }: Ledgers): { ledger: Packed; day?: Packed } => ({
  ledger: packed(window),
  ...(day ? { day: packed(day) } : {}),
})

/** Of a longer limit only: a window's is soon known again. */
export const packedPeoples = ({ day }: Ledgers): { peoplesDay?: Packed } => (day ? { peoplesDay: packed(day) } : {})
export const peoplesDay = (
  { peoplesDay }: Pick<LedgerRecord, 'peoplesDay'>,
  { day: shape }: Shapes,
  now: number,
): { day?: Ledger } => (shape ? { day: ledgerOf(peoplesDay, { shape, history: 'empty', now }) } : {})

type History = 'full' | 'empty'

/** The ledgers as they stand, in today's shapes; without history, as the pool's settings say. */
export function ledgersOf(
  record: LedgerRecord,
  p: { shapes: Shapes; history: History; dayHistory: History; now: number },
): Ledgers {
  const { shapes, now } = p
  const window = ledgerOf(record.ledger, { shape: shapes.window, history: p.history, now })
  if (!shapes.day) return { window }
  return { window, day: ledgerOf(record.day, { shape: shapes.day, history: p.dayHistory, now }) }
}

interface Asked {
  readonly shape: LedgerShape
  readonly history: History
  readonly now: number
}

function ledgerOf(stored: Packed | undefined, p: Asked): Ledger {
  if (!stored) return p.history === 'full' ? fullLedger(p.shape, p.now) : emptyLedger(p.shape, p.now)
  const ledger = withoutFuture(unpackLedger(stored.bytes, { ...stored, shape: p.shape }), p.now)
  if (p.history === 'empty') return ledger
  const kept = { from: stored.first * stored.bucketMs, spanMs: stored.spanMs ?? spanMs(p.shape) }
  return assumingUnknown(ledger, { ...kept, counted: countedInBytes(stored.bytes) }, p.now)
}
