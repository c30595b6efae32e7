/**
 * A pool's ledgers: the window's, which stamps the slots, and where a longer limit is set (a day's) one more. A permit
 * stands in all of them or in none.
 */
import { type Cost, DIMENSIONS, type Dimension, each, type Limits } from './cost.ts'
import {
  amend,
  bucketOf,
  earliest,
  fits,
  type Ledger,
  type LedgerShape,
  permit,
  room,
  sameRoomUntil,
  stampAt,
  trim,
  usedIn,
} from './ledger.ts'
import type { PoolSettings } from './settings.ts'

export interface Ledgers {
  readonly window: Ledger
  readonly day?: Ledger
}
export interface Shapes {
  readonly window: LedgerShape
  readonly day?: LedgerShape
}

/** A window is cut into about this many buckets: 100 ms for a minute, and one record stays under 4 KB. */
const BUCKETS_PER_WINDOW = 600
/** Five minutes for a day. */
const BUCKETS_PER_DAY = 288

export type Limited = Pick<
  PoolSettings,
  'windowMs' | 'requests' | 'tokens' | 'inputTokens' | 'outputTokens' | 'day'
> & {
  readonly guard: PoolSettings['guard']
}

/** Those that are set. */
function known(limits: Readonly<Partial<Record<Dimension, number | undefined>>>): Limits {
  const set: Partial<Record<Dimension, number>> = {}
  for (const d of DIMENSIONS) if ((limits[d] ?? Infinity) < Infinity) set[d] = limits[d] as number
  return set
}

export const limitsOf = (p: Pick<Limited, 'requests' | 'tokens' | 'inputTokens' | 'outputTokens'>): Limits =>
  known({ requests: p.requests, tokens: p.tokens, input: p.inputTokens, output: p.outputTokens })

/** Whether it matters how many tokens a call takes. */
export const countsTokens = (p: Limited): boolean =>
  [p.tokens, p.inputTokens, p.outputTokens, p.day?.tokens].some((limit) => limit !== undefined)

type OnOne = Omit<Limited, 'windowMs' | 'day' | 'guard'> & {
  readonly day?: Pick<NonNullable<Limited['day']>, 'requests' | 'tokens'> | undefined
}

/** What no job may cost: by the window's limits, and by the day's where those are lower. */
export function limitsOnOne(p: OnOne): Limits {
  const least = (a = Infinity, b = Infinity) => Math.min(a, b)
  const [requests, tokens] = [least(p.requests, p.day?.requests), least(p.tokens, p.day?.tokens)]
  return known({ requests, tokens, input: p.inputTokens, output: p.outputTokens })
}

export const guardMsOf = ({ guard }: Pick<Limited, 'guard'>): number => guard.refusalMs + guard.skewMs + guard.networkMs

export function shapesOf(p: Limited): Shapes {
  const guardMs = guardMsOf(p)
  const window = shape(p.windowMs, guardMs, { buckets: BUCKETS_PER_WINDOW, limits: limitsOf(p), stamps: true })
  if (!p.day) return { window }
  const { windowMs, requests, tokens } = p.day
  const limits = known({ requests, tokens })
  return { window, day: shape(windowMs, guardMs, { buckets: BUCKETS_PER_DAY, limits, stamps: false }) }
}

/** Moments that are counted at the next stamp can lie in one bucket more than their window is wide. */
export function shape(
  ms: number,
  guardMs: number,
  p: { buckets: number; limits: Limits; stamps: boolean },
): LedgerShape {
  const bucketMs = Math.max(1, Math.round(ms / p.buckets))
  return { bucketMs, buckets: Math.ceil((ms + guardMs) / bucketMs) + (p.stamps ? 0 : 1), limits: p.limits }
}

const all = (ledgers: Ledgers, change: (ledger: Ledger) => Ledger): Ledgers => ({
  window: change(ledgers.window),
  ...(ledgers.day ? { day: change(ledgers.day) } : {}),
})

export const fitsAll = ({ window, day }: Ledgers, slot: number, cost: Cost): boolean =>
  fits(window, slot, cost) && (!day || fits(day, slot, cost))
export const permitAll = (ledgers: Ledgers, slot: number, cost: Cost): Ledgers =>
  all(ledgers, (ledger) => permit(ledger, slot, cost))
export const amendAll = (ledgers: Ledgers, slot: number, by: Cost): Ledgers =>
  all(ledgers, (ledger) => amend(ledger, slot, by))
export const trimAll = (ledgers: Ledgers, now: number): Ledgers => all(ledgers, (ledger) => trim(ledger, now))

/** The same limits less what is held back in every window. */
export const holdingBack = (ledgers: Ledgers, held: Cost): Ledgers =>
  all(ledgers, (ledger) => ({ ...ledger, shape: lessHeld(ledger.shape, held) }))
const lessHeld = (shape: LedgerShape, held: Cost): LedgerShape => ({
  ...shape,
  limits: Object.fromEntries(
    Object.entries(shape.limits).map(([d, limit]) => [d, Math.max(0, limit - held[d as Dimension])]),
  ),
})
/** The same counts under other ledgers' shapes. */
export const shapedAs = (ledgers: Ledgers, { window, day }: Ledgers): Ledgers =>
  limitedAs(ledgers, { window: window.shape, ...(day ? { day: day.shape } : {}) })

/** The same counts under other limits of the same dimensions and windows. */
export const limitedAs = (ledgers: Ledgers, { window, day }: Shapes): Ledgers => ({
  window: { ...ledgers.window, shape: window },
  ...(ledgers.day && day ? { day: { ...ledgers.day, shape: day } } : {}),
})

/** What may be called at any moment from now on, in all of them; without a limit, Infinity. */
export function roomInAll({ window, day }: Ledgers, now: number): Cost {
  const [inWindow, inDay] = [room(window, now), day ? room(day, now) : {}]
  return each((d) => Math.min(inWindow[d] ?? Infinity, inDay[d] ?? Infinity))
}

/** Up to this moment there is no more room than now, as long as nothing is given back. */
export const sameRoomInAllUntil = ({ window, day }: Ledgers, now: number): number =>
  Math.min(sameRoomUntil(window, now), day ? sameRoomUntil(day, now) : Infinity)

/** The same permits under other limits of the window, of the same dimensions. */
export const limitedTo = ({ window, ...rest }: Ledgers, limits: Limits): Ledgers => ({
  ...rest,
  window: { ...window, shape: { ...window.shape, limits } },
})

/** The first stamp at or after `from` that is legal in all of them. */
export function earliestStamp({ window, day }: Ledgers, from: number, cost: Cost): number {
  for (let at = from; ; ) {
    const slot = stampAt(window.shape, earliest(window, stampAt(window.shape, at), cost))
    const inDay = day ? earliest(day, slot, cost) : slot
    if (inDay === slot) return slot
    at = inDay
  }
}

/** What was permitted in each of the windows that end now: of the first up to the last stamp, of the longer one up to now. */
export const usedAll = ({ window, day }: Ledgers, now: number): { window: Limits; day?: Limits } => ({
  window: usedIn(window, bucketOf(window.shape, now) * window.shape.bucketMs),
  ...(day ? { day: usedIn(day, now) } : {}),
})
