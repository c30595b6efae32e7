/**
 * Fallback: where else the jobs of a kind may be served, and which of them are offered there now. A job stays in its home
 * lane, which is the truth of it; an offer is a note in memory that is good for a while and may be lost, and the claim
 * decides between two pools as it decides between two messages.
 */
import type { Head } from './bell.ts'
import { type Cost, DIMENSIONS, each, minus } from './cost.ts'
import type { Served } from './job.ts'
import { limitsOf } from './ledgers.ts'
import type { Lane, Ring } from './ring.ts'
import type { CallIn, KindSettings, PoolSettings } from './settings.ts'

/** An offer's life in ms: the other pool drops what it has not served by then, and the home pool has it back. */
export const OFFER_MS = 15_000
/** At once, whatever the other pool's limit: memory, and a note that is read whole. */
const OFFERED_AT_MOST = 1_000

type Taking = Pick<PoolSettings, 'windowMs' | 'requests' | 'tokens' | 'inputTokens' | 'outputTokens'> & {
  readonly day?: Pick<NonNullable<PoolSettings['day']>, 'requests' | 'tokens'> | undefined
  readonly concurrency?: number | undefined
}

/** About what a pool can take in an offer's life, by dimension; a stopped one takes a single job, by which it is asked. */
export function roomOf(pool: Taking, stopped: boolean): Cost {
  const [limits, day] = [limitsOf(pool), limitsOf(pool.day ?? {})]
  const paced = each((d) => Math.min(((limits[d] ?? Infinity) * OFFER_MS) / pool.windowMs, day[d] ?? Infinity))
  // How long calls take is not known: a quarter of an offer's life, perhaps.
  const atOnce = pool.requests === undefined ? (pool.concurrency ?? Infinity) * 4 : Infinity
  const requests = stopped ? 1 : Math.min(OFFERED_AT_MOST, Math.ceil(paced.requests), atOnce)
  return { ...paced, requests }
}

export interface Offer {
  readonly lane: Lane
  readonly head: Head
  readonly pool: string
  readonly why: Served['why']
}

export interface Elsewhere {
  readonly now: number
  /** The home pool is stopped. */
  readonly stopped: boolean
  readonly kinds: Readonly<Record<string, KindSettings>>
  /** How much more each pool may be offered; a pool that is not named takes none. */
  readonly room: ReadonlyMap<string, Cost>
  /** What a job may cost there. */
  readonly costIn: (head: Head, call: CallIn) => Cost
  /** Pools that are stopped themselves: asked only where no other in the chain is well. */
  readonly stoppedPools: ReadonlySet<string>
  /** Whether the job of such an owner may ever have, or is not kept from having, its call there. */
  readonly fits: (head: Head, call: CallIn, owner: string) => boolean
}

/** Looked at in one round: some milliseconds. */
const LOOKED_AT = 20_000

/** The first jobs of every lane that may go elsewhere, then the second ones, so that no owner's crowd hides another's. */
export function offersOf(ring: Ring, p: Elsewhere): Offer[] {
  const room = new Map(p.room)
  const offers: Offer[] = []
  let looked = 0
  let lanes = [...ring.busy].map((id) => ring.lanes.get(id) as Lane)
  for (let place = 0; lanes.length > 0 && looked < LOOKED_AT; place++) {
    lanes = lanes.filter(({ heads }) => (heads[place]?.at ?? Infinity) <= p.now)
    for (const lane of lanes) {
      looked++
      const head = lane.heads[place] as Head
      const to = head.guest ? undefined : targetOf(head, lane.owner, p, room)
      if (!to) continue
      room.set(to.call.pool, minus(room.get(to.call.pool) as Cost, p.costIn(head, to.call)))
      offers.push({ lane, head, pool: to.call.pool, why: to.why })
    }
    if (![...room.values()].some(hasRoom)) break
  }
  return offers
}

/** For one more, however large: what is larger than all that a pool can take in an offer's life goes alone. */
const hasRoom = (left: Cost | undefined): boolean => left !== undefined && DIMENSIONS.every((d) => left[d] > 0)

/** The first in the chain that is well and has room; where all are stopped, the first of them. */
function targetOf(
  head: Head,
  owner: string,
  p: Elsewhere,
  room: ReadonlyMap<string, Cost>,
): { call: CallIn; why: Served['why'] } | undefined {
  const chain = p.kinds[head.kind ?? '']?.fallback ?? []
  const mayGo = ({ afterMs }: (typeof chain)[number]) =>
    p.stopped || (afterMs !== undefined && p.now - head.at >= afterMs)
  const allowed = chain.filter((call) => mayGo(call) && p.fits(head, call, owner))
  const well = allowed.filter(({ pool }) => !p.stoppedPools.has(pool))
  const call = (well.length > 0 ? well : allowed.slice(0, 1)).find(({ pool }) => hasRoom(room.get(pool)))
  return call && { call, why: p.stopped ? 'down' : 'busy' }
}
