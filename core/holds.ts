/** What holds the one in turn, for how long, and what a waiting job's reason is (G11). */
import { NOTHING } from './cost.ts'
import { shapedAs } from './ledgers.ts'
import { type Ask, offer, PERMITS_PER_TICK } from './pacing.ts'
import type { Snapshot } from './plan.ts'
import { groupId, inFlight, type Lane, type Ring } from './ring.ts'
import type { WaitReason } from './wait-reason.ts'

/**
 * Tokens hold what would go sooner if it took none; a longer limit, what would go sooner without that; people, what would
 * go sooner if nothing were held for them.
 */
export function heldBy(asked: Ask, slot: number, s: Snapshot): { reason: WaitReason; byTokens: boolean } {
  const { window } = asked.ledgers
  const byPeople = s.held !== undefined && offer({ ...asked, ledgers: shapedAs(asked.ledgers, s.ledgers) }).slot < slot
  const callsOnly = { ...NOTHING, requests: asked.cost.requests }
  const byTokens = offer({ ...asked, cost: callsOnly }).slot < slot
  const byDay = asked.ledgers.day !== undefined && offer({ ...asked, ledgers: { window } }).slot < slot
  const reason = byDay ? 'CAPACITY_DAY' : byTokens ? 'CAPACITY_TPM' : 'CAPACITY_RPM'
  return { reason: byPeople ? 'PEOPLE_FIRST' : reason, byTokens }
}

/** How many permits this tick may give, and what holds the next one, until when. */
export interface AtMost {
  readonly permits: number
  readonly reason?: WaitReason
  readonly until: number
}

export function atMost(s: Snapshot, now: number): AtMost {
  const free = Math.max(0, s.concurrency - inFlight(s.ring).length)
  if (s.stopped) {
    const probeAt = Math.max(s.stopped.probeAt, s.quietUntil)
    const reason = s.stopped.down ? 'CIRCUIT_OPEN' : 'PROVIDER_CONFIG'
    // With all in flight that may be, the end of one is heard of.
    return { reason, permits: now >= probeAt && free > 0 ? 1 : 0, until: free > 0 ? probeAt : Infinity }
  }
  if (now < s.quietUntil) return { reason: 'SLOWDOWN', permits: 0, until: s.quietUntil }
  if (free < PERMITS_PER_TICK) return { reason: 'CAPACITY_CONCURRENCY', permits: free, until: Infinity }
  return { permits: PERMITS_PER_TICK, until: now }
}

/** Why a lane's first job waits, given the lane in turn and what holds that one. */
export function reasonFor(ring: Ring, lane: Lane, p: { holds?: WaitReason; inTurn?: Lane; now: number }): WaitReason {
  const head = lane.heads[0]
  if (head && head.at > p.now) return head.awaits ? 'SAME_CALL' : head.attempt > 0 ? 'BACKOFF' : 'SCHEDULED'
  if (head && lane.capped?.jobId === head.jobId) return 'OWNER_LIMIT'
  if (!p.holds) return 'DISPATCHING'
  if (!p.holds.startsWith('CAPACITY_')) return p.holds
  if (!p.inTurn || p.inTurn === lane) return p.holds
  const sameGroup = groupId(ring, p.inTurn) === groupId(ring, lane)
  return sameGroup === (ring.order === 'owners') ? 'TIER_TURN' : 'OWNER_TURN'
}
