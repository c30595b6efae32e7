/**
 * Turns after they were charged (core/contest.ts): what is given back of them, what is noted of them, and what a new holder
 * makes of the notes.
 */
import type { Head } from './bell.ts'
import { type Cost, negative } from './cost.ts'
import { TIERS, type Tier } from './job.ts'
import { laneOf } from './lane.ts'
import { type Group, groupOf, heard, type Lane, type Ring, type Sent, type Turn } from './ring.ts'

/** What is noted of an owner in the Rings table. */
export interface OwnerTurns {
  readonly owner: string
  readonly tiers: Readonly<Partial<Record<Tier, { turn: number; beyond: number }>>>
  /** Of the owner's group, under `owners` order. */
  readonly turn: number
  readonly v: number
}

/** What was sent is queued again where it stood: its slot is given back to its owner and tier. */
export function sentBack(ring: Ring, jobId: string, head: Head, refunded: boolean): void {
  const sent = ring.sent.get(jobId)
  if (!sent) return
  ring.sent.delete(jobId)
  const lane = ring.lanes.get(sent.lane)
  if (!lane) return
  heard(ring, lane, head)
  if (refunded && sent.cost) correct(ring, sent, negative(sent.cost))
}

/** Changes what was charged, by the weights of then: a cost below zero gives back. */
export function correct(ring: Ring, { lane: id, weights: w }: Pick<Sent, 'lane' | 'weights'>, cost: Cost): void {
  const lane = ring.lanes.get(id)
  const by = cost[ring.share]
  if (!lane || !w || by === 0) return
  const group = groupOf(ring, lane)
  group.v = charge(lane, by / w.leaf, group.v)
  ring.v = charge(group, by / w.group, ring.v)
  ring.stale.add(lane.owner)
}

/**
 * Answers the clock, which falls back with whoever is ready: else who comes would start where that one stood before it was
 * given back what its calls did not use. Who stands below it, as others have passed it, takes it nowhere.
 */
function charge(one: Turn, by: number, v: number): number {
  const inTurn = one.active && one.turn >= v
  one.turn += by
  return inTurn ? Math.min(v, one.turn) : v
}

/**
 * A holder that takes over: noted turns may be from before something was given back, the clocks from after it. None stays
 * below all who have work (the counter lift of VTC): else whoever comes would start before them.
 */
export function liftClocks(ring: Ring): void {
  const least = new Map<Group, number>()
  for (const id of ring.busy) {
    const lane = ring.lanes.get(id) as Lane
    const group = groupOf(ring, lane)
    least.set(group, Math.min(lane.turn, least.get(group) ?? Infinity))
  }
  for (const [group, turn] of least) group.v = Math.max(group.v, turn)
  const first = Math.min(...[...least.keys()].map(({ turn }) => turn))
  if (first < Infinity) ring.v = Math.max(ring.v, first)
}

export function turnsOf(ring: Ring, owner: string): OwnerTurns {
  const tiers: Partial<Record<Tier, { turn: number; beyond: number }>> = {}
  for (const tier of TIERS) {
    const lane = ring.lanes.get(laneOf({ pool: ring.pool, tier, owner }))
    if (lane) tiers[tier] = { turn: lane.turn, beyond: lane.beyond }
  }
  const group = ring.order === 'owners' ? ring.groups.get(owner) : undefined
  return { owner, tiers, turn: group?.turn ?? 0, v: group?.v ?? 0 }
}
