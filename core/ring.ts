/**
 * The ring in the dispatcher's memory: lanes with their next records, turns, and what has been sent.
 * Plain data and the steps that change it; core/plan.ts reads it, services/dispatch applies plans to it.
 */
import type { Guest, Head } from './bell.ts'
import type { Cost, Limits } from './cost.ts'
import { type LiveKey, TIERS, type Tier } from './job.ts'
import { byPlace, laneOf } from './lane.ts'

export interface Turn {
  /** Virtual time at which this one's next service starts. */
  turn: number
  /** Had something ready at the last plan; otherwise it is lifted to the ring's virtual time first. */
  active: boolean
}
export interface Lane extends Turn {
  readonly id: string
  readonly tier: Tier
  readonly owner: string
  heads: Head[]
  /** All places up to here are in memory; beyond it the table knows more. Absent: all are in memory. */
  cursor?: LiveKey
  /** Records beyond the cursor, as counted. */
  beyond: number
  idleSince: number
  /** Its owner may have no more, until then, of what this job would take; the next plan may look again at `until`. */
  capped?: Capped
}
export interface Capped {
  readonly jobId: string
  readonly until: number
}
/** Lanes that share a virtual clock: a tier's owners, or an owner's tiers. */
export interface Group extends Turn {
  /** The group's own virtual time. */
  v: number
}
export interface Weights {
  readonly group: number
  readonly leaf: number
}
export interface Sent {
  readonly head: Head
  readonly lane: string
  readonly slot: number
  /** What its permit reserved; absent where another holder sent it. */
  readonly cost?: Cost
  /** By which its turns were charged; absent also where they began anew since. */
  readonly weights?: Weights
  /** What its provider's window held of our own at its slot; absent where another holder sent it. */
  readonly held?: Limits
  /** When that was counted: what people were granted since comes on top of it. */
  readonly countedAt?: number
  readonly notAfter: number
  /** When to read the record by its key, should nobody ring. */
  lookAt: number
  /** It was not sent but offered to this pool, for as long as its message would be good. */
  readonly elsewhere?: string
}
export type Order = 'weighted' | 'strict' | 'owners'
/** The job for which room is kept, others going before it: it was in turn, and has waited for tokens since then (epoch ms). */
export interface Waiter {
  readonly jobId: string
  readonly since: number
}
export interface Ring {
  readonly pool: string
  readonly order: Order
  /** What service is counted in. */
  readonly share: 'requests' | 'tokens'
  readonly tierWeight: Readonly<Record<Tier, number>>
  readonly ownerWeight: (owner: string) => number
  lanes: Map<string, Lane>
  /** Lanes with something in memory or on the table; the rest are idle and cost nothing. */
  busy: Set<string>
  groups: Map<string, Group>
  v: number
  waits?: Waiter
  sent: Map<string, Sent>
  /** Where other pools' jobs stand here, until when, in about the order in which they go. */
  guests: Map<string, { readonly lane: string; readonly at: number; readonly until: number }>
  /** Owners whose durable note is missing or old. */
  unnoted: Set<string>
  stale: Set<string>
}

export const HEADS_KEPT = 200
/** What one tick may take at most (PERMITS_PER_TICK): a lane that ran dry within a tick would lose its turns there. */
export const REFILL_BELOW = 100
/** A page read on stands whole beside what was left: what was cut off again would be read, and paid for, twice. */
const HEADS_AFTER_REFILL = HEADS_KEPT + REFILL_BELOW

export const newRing = (p: Pick<Ring, 'pool' | 'order' | 'share' | 'tierWeight' | 'ownerWeight'>): Ring => ({
  ...p,
  lanes: new Map(),
  busy: new Set(),
  groups: new Map(),
  v: 0,
  sent: new Map(),
  guests: new Map(),
  unnoted: new Set(),
  stale: new Set(),
})

export const groupId = (ring: Ring, lane: Pick<Lane, 'tier' | 'owner'>): string =>
  ring.order === 'owners' ? lane.owner : lane.tier
export const weights = (ring: Ring, lane: Pick<Lane, 'tier' | 'owner'>): Weights => {
  const tier = ring.tierWeight[lane.tier]
  const owner = ring.ownerWeight(lane.owner)
  return ring.order === 'owners' ? { group: owner, leaf: tier } : { group: tier, leaf: owner }
}
export function groupOf(ring: Ring, lane: Pick<Lane, 'tier' | 'owner'>): Group {
  const id = groupId(ring, lane)
  const known = ring.groups.get(id)
  if (known) return known
  const group = { turn: 0, active: false, v: 0 }
  ring.groups.set(id, group)
  return group
}

export function laneIn(ring: Ring, { tier, owner }: { tier: Tier; owner: string }): Lane {
  const id = laneOf({ pool: ring.pool, tier, owner })
  const known = ring.lanes.get(id)
  if (known) return known
  const lane: Lane = { id, tier, owner, heads: [], beyond: 0, turn: 0, active: false, idleSince: 0 }
  ring.lanes.set(id, lane)
  ring.unnoted.add(owner)
  return lane
}

/** Of this pool's own jobs. */
export const backlog = (lane: Lane): number => lane.heads.reduce((n, { guest }) => (guest ? n : n + 1), lane.beyond)

/** Where a lane's head is kept as a record. */
export const recordKey = (lane: string, { at, jobId, guest }: Head): LiveKey => ({
  lane: guest?.lane ?? lane,
  at,
  jobId,
})

/** What was sent and not heard of, without what is only offered elsewhere. */
export const inFlight = (ring: Ring): Sent[] => [...ring.sent.values()].filter(({ elsewhere }) => !elsewhere)

/** How many of each owner's calls that is. */
export function inFlightByOwner(ring: Ring): Map<string, number> {
  const flying = new Map<string, number>()
  for (const { lane: id } of inFlight(ring)) {
    const { owner } = ring.lanes.get(id) as Lane
    flying.set(owner, (flying.get(owner) ?? 0) + 1)
  }
  return flying
}

const keyOf = (lane: Lane, head: Head): LiveKey => ({ lane: lane.id, at: head.at, jobId: head.jobId })

/** Where `head` stands or would stand among the lane's heads. */
function find(lane: Lane, head: Pick<Head, 'at' | 'jobId'>): { i: number; known: boolean } {
  let low = 0
  let high = lane.heads.length
  while (low < high) {
    const mid = (low + high) >>> 1
    if (byPlace(lane.heads[mid] as Head, head) < 0) low = mid + 1
    else high = mid
  }
  return { i: low, known: lane.heads[low]?.jobId === head.jobId }
}

/**
 * A queued record was heard of. Hearing twice, or of what is already sent, changes nothing; a job's fence only rises,
 * so news under a lower one is old, and under a higher one what was sent is over.
 */
export function heard(ring: Ring, lane: Lane, head: Head, atMost: number = HEADS_KEPT): void {
  const sent = ring.sent.get(head.jobId)
  if (sent && sent.head.fence >= head.fence) return
  ring.sent.delete(head.jobId)
  ring.busy.add(lane.id)
  if (lane.cursor && byPlace(head, lane.cursor) > 0) {
    // A guest's record is not behind it: its own pool has it back in a while.
    if (!head.guest) lane.beyond++
    return
  }
  if (head.guest) expect(ring, lane, head, head.guest)
  const { i, known } = find(lane, head)
  if (known) {
    if (isNews(lane.heads[i] as Head, head)) lane.heads[i] = head
    return
  }
  lane.heads.splice(i, 0, head)
  if (lane.heads.length > atMost) cutShort(lane)
}

const isNews = (old: Head, head: Head): boolean =>
  old.fence < head.fence || (old.guest?.until ?? Infinity) < (head.guest?.until ?? 0)

function expect(ring: Ring, { id }: Lane, { jobId, at }: Head, { until }: Guest): void {
  ring.guests.delete(jobId)
  ring.guests.set(jobId, { lane: id, at, until })
}

/** Guests whose offer is over; one that came back late goes with those before it. */
export function dropGuests(ring: Ring, now: number): void {
  for (const [jobId, { lane: id, at, until }] of ring.guests) {
    if (until > now) return
    ring.guests.delete(jobId)
    const lane = ring.lanes.get(id)
    if (lane && find(lane, { at, jobId }).known) takeOut(ring, lane, { at, jobId }, now)
  }
}

/** Offers a job to another pool: until then this one sends it nowhere. */
export function lend(
  ring: Ring,
  lane: Lane,
  head: Head,
  p: { to: string; until: number; lookAt: number; now: number },
): void {
  takeOut(ring, lane, head, p.now)
  const { to: elsewhere, until: notAfter, lookAt } = p
  ring.sent.set(head.jobId, { head, lane: lane.id, slot: 0, notAfter, lookAt, elsewhere })
}

function cutShort(lane: Lane): void {
  if (!lane.heads.pop()?.guest) lane.beyond++
  lane.cursor = keyOf(lane, lane.heads.at(-1) as Head)
}

export const needsRefill = (lane: Lane): boolean => lane.cursor !== undefined && lane.heads.length < REFILL_BELOW

/** Records read behind the cursor, in order. Without `more` the lane is now whole in memory, its count exact. */
export function refill(ring: Ring, lane: Lane, heads: readonly Head[], upTo: LiveKey | undefined, more: boolean): void {
  const unread = more ? Math.max(0, lane.beyond - heads.length) : 0
  delete lane.cursor
  // What does not fit in memory is counted again as it is heard.
  lane.beyond = 0
  for (const head of heads) heard(ring, lane, head, HEADS_AFTER_REFILL)
  lane.beyond += unread
  if (more && upTo) {
    lane.cursor ??= upTo
    // A page of nothing but running jobs: what is queued stands behind it.
    ring.busy.add(lane.id)
  }
}

/** An empty lane costs nothing at the next plan; its owner may leave the ring after a while. */
export function restIfEmpty(ring: Ring, lane: Lane, now: number): void {
  if (lane.heads.length > 0 || lane.cursor) return
  ring.busy.delete(lane.id)
  lane.active = false
  lane.idleSince = now
}

/** A record left its lane unsent (cancelled). */
export function left(ring: Ring, lane: Lane, place: { at: number; jobId: string }, now: number): void {
  ring.sent.delete(place.jobId)
  if (!takeOut(ring, lane, place, now) && lane.cursor && byPlace(place, lane.cursor) > 0)
    lane.beyond = Math.max(0, lane.beyond - 1)
}

/** Answers whether it was in memory. */
function takeOut(ring: Ring, lane: Lane, place: { at: number; jobId: string }, now: number): boolean {
  const { i, known } = find(lane, place)
  if (known) lane.heads.splice(i, 1)
  restIfEmpty(ring, lane, now)
  if (!ring.busy.has(lane.id)) restGroup(ring, lane)
  return known
}

/** A group whose last lane emptied unserved is idle too: it would else keep an old turn while others are served. */
function restGroup(ring: Ring, lane: Lane): void {
  if (!isBusy(ring, lane)) groupOf(ring, lane).active = false
}

/** Of owners there may be many thousands, and each has a few lanes; of tiers there are few, mostly one of the first is busy. */
function isBusy(ring: Ring, lane: Lane): boolean {
  const { pool, order, busy, lanes } = ring
  if (order === 'owners') return TIERS.some((tier) => busy.has(laneOf({ pool, tier, owner: lane.owner })))
  for (const id of busy) if (lanes.get(id)?.tier === lane.tier) return true
  return false
}

/** Its owner's use has fallen: whether a cap still holds its lanes the next plan finds out. */
export function uncap(ring: Ring, owner: string): void {
  for (const tier of TIERS) {
    const lane = ring.lanes.get(laneOf({ pool: ring.pool, tier, owner }))
    if (lane) delete lane.capped
  }
}
