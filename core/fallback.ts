/**
 * Fallback: where else the jobs of a kind may be served, and which of them are offered there now. A job stays in its home
 * lane, which is the truth of it; an offer is a note in memory that is good for a while and may be lost, and the claim
 * decides between two pools as it decides between two messages.
 */
import type { Head } from './bell.ts'
import type { Served } from './job.ts'
import type { Lane, Ring } from './ring.ts'
import type { CallIn, KindSettings } from './settings.ts'

/** An offer's life in ms: the other pool drops what it has not served by then, and the home pool has it back. */
export const OFFER_MS = 15_000
/** At once, whatever the other pool's limit: memory, and a note that is read whole. */
const OFFERED_AT_MOST = 1_000

/** About what a pool can take in an offer's life; a stopped one takes a single job, by which it is asked. */
export function roomOf(
  {
    requests,
    windowMs,
    concurrency,
  }: { requests?: number | undefined; windowMs: number; concurrency?: number | undefined },
  stopped: boolean,
): number {
  if (stopped) return 1
  const paced = requests === undefined ? Infinity : Math.ceil((requests * OFFER_MS) / windowMs)
  const atOnce = requests === undefined ? (concurrency ?? Infinity) * 4 : Infinity
  return Math.min(OFFERED_AT_MOST, paced, atOnce)
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
  /** How many more each pool may be offered; a pool that is not named takes none. */
  readonly room: ReadonlyMap<string, number>
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
      room.set(to.pool, (room.get(to.pool) ?? 0) - 1)
      offers.push({ lane, head, ...to })
    }
    if ([...room.values()].every((left) => left <= 0)) break
  }
  return offers
}

function targetOf(
  head: Head,
  owner: string,
  p: Elsewhere,
  room: ReadonlyMap<string, number>,
): Pick<Offer, 'pool' | 'why'> | undefined {
  const chain = p.kinds[head.kind ?? '']?.fallback ?? []
  const why = p.stopped ? 'down' : 'busy'
  const allowed = chain.filter(
    (call) =>
      (p.stopped || (call.afterMs !== undefined && p.now - head.at >= call.afterMs)) && p.fits(head, call, owner),
  )
  const first = allowed.find(({ pool }) => !p.stoppedPools.has(pool)) ?? allowed[0]
  return first && (room.get(first.pool) ?? 0) > 0 ? { pool: first.pool, why } : undefined
}
