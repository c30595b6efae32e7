/**
 * What one owner takes of a pool: ledgers of its own beside the pool's, of the pool's window and of a day, whose limits are
 * its caps. Only the dispatcher counts in them, so a cap holds as exactly as a limit does (docs/guarantees.md, G2). Who has
 * none is counted all the same, for people to see.
 */
import { type Cost, within } from './cost.ts'
import { emptyLedger, trim } from './ledger.ts'
import { AHEAD_AT_MOST_MS, withoutFuture } from './ledger-history.ts'
import {
  amendAll,
  earliestStamp,
  fitsAll,
  guardMsOf,
  type Ledgers,
  type Limited,
  permitAll,
  type Shapes,
  shape,
} from './ledgers.ts'
import { type Caps, DAY_MS, type Settings } from './settings.ts'

/** What this owner may have of that pool; undefined: as much as the pool has. */
export const capsOf = (settings: Pick<Settings, 'owners' | 'pools'>, pool: string, owner: string): Caps | undefined => {
  const own = Object.hasOwn(settings.owners, owner) ? settings.owners[owner]?.caps : undefined
  return own && Object.hasOwn(own, pool) ? own[pool] : settings.pools[pool]?.ownerCaps
}

/** Whether anybody is capped there. */
export const hasCaps = ({ pools, owners }: Pick<Settings, 'owners' | 'pools'>, pool: string): boolean =>
  pools[pool]?.ownerCaps !== undefined || Object.values(owners).some(({ caps }) => Object.hasOwn(caps, pool))

const namesTokens = (caps: Caps | undefined): boolean => (caps?.tokens ?? caps?.day?.tokens) !== undefined
/** Whether anybody's tokens are capped there. */
export const capsTokens = ({ pools, owners }: Pick<Settings, 'owners' | 'pools'>, pool: string): boolean =>
  namesTokens(pools[pool]?.ownerCaps) || Object.values(owners).some(({ caps }) => namesTokens(caps[pool]))

export type UseShapes = Required<Shapes>
export type UseLedgers = Required<Ledgers>

/** Coarser than the pool's, as owners are many: half a second for a minute, five minutes for a day. */
const BUCKETS_PER_WINDOW = 120
const BUCKETS_PER_DAY = 288

/** Calls and tokens are counted whether they are capped or not. */
const limitsOf = ({ requests = Infinity, tokens = Infinity }: Pick<Caps, 'requests' | 'tokens'> = {}) => ({
  requests,
  tokens,
})

export function useShapes(pool: Limited, caps: Caps = {}): UseShapes {
  const guardMs = guardMsOf(pool)
  const of = (ms: number, buckets: number, limits: Caps | undefined) =>
    shape(ms, guardMs, { buckets, limits: limitsOf(limits), stamps: false })
  return {
    window: of(pool.windowMs, BUCKETS_PER_WINDOW, caps),
    day: of(pool.day?.windowMs ?? DAY_MS, BUCKETS_PER_DAY, caps.day),
  }
}

export const noUse = ({ window, day }: UseShapes, now: number): UseLedgers => ({
  window: emptyLedger(window, now),
  day: emptyLedger(day, now),
})

/**
 * The moment from which the owner may have this call, where it may not have it at the slot offered. What is above a cap for
 * ever waits until nothing else counts, and is then failed by its worker: it came before its cap, as the door refuses it.
 */
export function cappedUntil(use: UseLedgers, slot: number, cost: Cost): number | undefined {
  const asked = within(within(cost, use.window.shape.limits), use.day.shape.limits)
  return fitsAll(use, slot, asked) ? undefined : earliestStamp(use, slot, asked)
}

/** Without what counts no more in a window that ends at this moment or later. */
export const trimmedTo = ({ window, day }: UseLedgers, at: number): UseLedgers => ({
  window: trim(window, at),
  day: trim(day, at),
})

/**
 * What was used by a clock that is known to be sound within some seconds: what lies in the future was stamped by one that was
 * not, and counts as used now; what counts no more, by the earliest that it may be, is forgotten.
 */
export const asOf = ({ window, day }: UseLedgers, now: number): UseLedgers =>
  trimmedTo({ window: withoutFuture(window, now), day: withoutFuture(day, now) }, now - AHEAD_AT_MOST_MS)

/** With a call more; or, below zero, with what was not used of one given back. */
export const charged = (use: UseLedgers, slot: number, cost: Cost): UseLedgers =>
  (cost.requests > 0 ? permitAll : amendAll)(use, slot, cost) as UseLedgers
