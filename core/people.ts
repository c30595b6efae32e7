/**
 * Capacity shared with people. A pool keeps some of its limit in stock: whoever calls at once takes of it by one
 * conditional write, without a dispatcher. What is in stock, and what was taken for a call whose moment is not known yet,
 * counts in *every* window; once the moment is known it moves into the ledger there. Only the lease's holder adds to
 * the stock, so ledger and stock together never exceed a limit (docs/guarantees.md, G2 and G6).
 */
import * as z from 'zod'
import { type Cost, DIMENSIONS, type Limits, minus, NOTHING, plus } from './cost.ts'
import type { Person } from './settings.ts'

const amounts = z.strictObject({ requests: z.number(), tokens: z.number(), input: z.number(), output: z.number() })

/** One call that a person may make: it waits in line, then is granted, then ends. Times are epoch ms. */
export const PersonsPermit = z.object({
  person: z.string(),
  askedAt: z.number(),
  /** Who is not heard of again by then has gone away. */
  asksUntil: z.number(),
  /** What the call may cost at most; what is not limited is nought. */
  cost: amounts,
  /** For so long after its grant the call may begin; 0 where whoever took it begins at once. */
  useMs: z.number(),
  /** As the provider names it. */
  model: z.string().optional(),
  /** For so long the call may last. */
  openMs: z.number(),
  /** Absent: it waits in line. */
  grantedAt: z.number().optional(),
  /** It stands in the ledger. */
  counted: z.literal(true).optional(),
  /** The call is over, or never will be, and this is what it has cost. */
  closed: z.object({ at: z.number(), cost: amounts }).optional(),
})
export type PersonsPermit = z.infer<typeof PersonsPermit>
export type Granted = PersonsPermit & { readonly grantedAt: number }

export const PeopleRecord = z.object({
  v: z.literal(1),
  /** Of the lease whose holder may add to it. */
  epoch: z.number(),
  /** Raised by every write of a holder. */
  seq: z.number(),
  /** What may be taken at once. */
  stock: amounts,
  /** Until when it may be: what stands in a restored table is older. */
  goodUntil: z.number(),
  /** How many wait in line. */
  waiting: z.number(),
  permits: z.record(z.string(), PersonsPermit),
  /** Each person's permits that stand here. */
  open: z.record(z.string(), z.number()),
  /** Calls granted to each person since the holder last took those off that are older than a window. */
  took: z.record(z.string(), z.number()),
})
export type PeopleRecord = z.infer<typeof PeopleRecord>

/** Whether what stands is what this write left: it landed, its answer lost. Nobody but its holder raises `seq`. */
export const isOf = (
  { epoch, seq, goodUntil }: PeopleRecord,
  write: { epoch: number; seq: number; change: { goodUntil: number } },
): boolean => epoch === write.epoch && seq === write.seq + 1 && goodUntil === write.change.goodUntil

/** A stock that nobody looks after is good for no longer than a backup is old at least (DynamoDB: five minutes). */
export const STOCK_GOOD_MS = 240_000

export const isGranted = (p: PersonsPermit): p is Granted => p.grantedAt !== undefined
/** The last moment at which its call may begin. */
export const useBy = (p: Granted): number => p.grantedAt + p.useMs

/** What counts in every window: the stock, and what was taken of it for moments that are not known yet. */
export function heldFor({ stock, permits }: Pick<PeopleRecord, 'stock' | 'permits'>): Cost {
  const open = Object.values(permits).filter((p) => isGranted(p) && !p.counted)
  return open.reduce((sum, p) => plus(sum, p.closed?.cost ?? p.cost), stock as Cost)
}

/** Calls of people that may be in flight, and those that the stock lets begin. */
export const inFlightOf = ({ stock, permits }: PeopleRecord): number =>
  stock.requests + Object.values(permits).filter((p) => isGranted(p) && !p.closed).length

/** What the ledger has not heard of yet: what now has a moment, and what has cost otherwise than it stands there. */
export interface News {
  readonly counted: readonly { readonly id: string; readonly at: number; readonly cost: Cost }[]
  readonly amended: readonly { readonly id: string; readonly at: number; readonly by: Cost }[]
  /** Ended: nothing more will be heard of them. */
  readonly over: readonly string[]
}

export function newsOf({ permits }: PeopleRecord, now: number): News {
  const all = Object.entries(permits)
  const granted = all.filter((e): e is [string, Granted] => isGranted(e[1]))
  const hasMoment = (p: Granted) => p.closed !== undefined || p.useMs === 0 || useBy(p) <= now
  const counted = granted
    .filter(([, p]) => !p.counted && hasMoment(p))
    .map(([id, p]) => ({ id, at: Math.min(useBy(p), p.closed?.at ?? Infinity), cost: p.closed?.cost ?? p.cost }))
  const amended = granted.flatMap(([id, p]) =>
    p.counted && p.closed ? [{ id, at: useBy(p), by: minus(p.closed.cost, p.cost) }] : [],
  )
  const isOver = (p: PersonsPermit) => (isGranted(p) ? hasEnded(p, now) : p.asksUntil < now)
  return { counted, amended, over: all.filter(([, p]) => isOver(p)).map(([id]) => id) }
}

const hasEnded = (p: Granted, now: number): boolean => p.closed !== undefined || now >= useBy(p) + p.openMs

/** What people may have in each window while agents wait. */
export interface Share {
  readonly limits: Limits
  /** With the guard. */
  readonly windowMs: number
}
/** In how many ms a line is served at the latest that gets its share and no more, all of it perhaps used just now. */
export function servedWithinMs(line: readonly PersonsPermit[], { limits, windowMs }: Share): number {
  const total = line.reduce((sum, { cost }) => plus(sum, cost as Cost), NOTHING)
  const windows = DIMENSIONS.map((d) => total[d] / Math.max(1, limits[d] ?? Infinity))
  return windowMs * Math.ceil(Math.max(...windows))
}

/** How many of somebody are counted: a person may be called `constructor`. */
export const countOf = (counts: Readonly<Record<string, number>>, person: string): number =>
  Object.hasOwn(counts, person) ? (counts[person] as number) : 0

/** Calls that each person was granted and that still count: who waits in line is taken for granted in its rate. */
export function grantedTo({ took, permits }: PeopleRecord, person: string): number {
  const waiting = Object.values(permits).filter((p) => p.person === person && !isGranted(p)).length
  return Math.max(0, countOf(took, person) - waiting)
}

/** What a permit that is asked for would be refused by, if by anything: a person's own caps. */
export const cappedBy = (
  { open, took }: Pick<PeopleRecord, 'open' | 'took'>,
  person: string,
  caps: Person,
): 'open' | 'rate' | undefined =>
  countOf(open, person) >= caps.open ? 'open' : countOf(took, person) >= caps.calls ? 'rate' : undefined

/** In one record, of some 300 bytes each: an item holds 400 KB, and every change of it is billed by its size. */
export const STAND_AT_MOST = 700

export const covers = (stock: Cost, cost: Cost): boolean => DIMENSIONS.every((d) => stock[d] >= cost[d])

export const emptyPeople = (epoch: number, goodUntil: number): PeopleRecord => ({
  v: 1,
  epoch,
  seq: 0,
  stock: NOTHING,
  goodUntil,
  waiting: 0,
  permits: {},
  open: {},
  took: {},
})
