/**
 * The decision at Fairlead's heart: a snapshot and a time go in, permits and reasons come out.
 * Nothing is changed here; services/dispatch writes the ledger first and applies the plan only then.
 */
import type { Head } from './bell.ts'
import { Contest, type Turns } from './contest.ts'
import { type Cost, type Ledger, permit, trim } from './ledger.ts'
import { intervalMs, leadMs, offer } from './pacing.ts'
import { groupId, type Lane, type Ring, restIfEmpty } from './ring.ts'
import type { WaitReason } from './wait-reason.ts'

export interface Snapshot {
  readonly ring: Ring
  readonly ledger: Ledger
  readonly pacing: 'even' | 'burst'
  /** Where the pacing stands (epoch ms, fractional). */
  readonly next: number
  /** What sending takes at present: no slot is stamped nearer than this. */
  readonly travelMs: number
  /** Slots stand at least so far apart: workers could not keep up with more. */
  readonly slowedMs: number
  /** The pool is stopped; one probe may go from this moment on. */
  readonly stopped?: { readonly probeAt: number }
  /** The provider asked for quiet until then. */
  readonly quietUntil: number
}
export interface Permit {
  readonly lane: Lane
  readonly head: Head
  readonly slot: number
}
export interface Plan {
  readonly permits: readonly Permit[]
  readonly ledger: Ledger
  readonly next: number
  readonly turns: Turns
  /** Why the one in turn does not run now; absent when nobody waits. */
  readonly holds?: WaitReason
  /** When the next decision can differ from this one, if nothing new is heard. */
  readonly againAt: number
}

/** One tick's batch, a term of G4's bound: ten messages. */
export const PERMITS_PER_TICK = 100

/** A job above the pool's whole limit (lowered since it came) may not clog the line: its worker fails it unasked. */
export const costOf = (head: Head, limit = Infinity): Cost => ({ requests: 1, tokens: Math.min(head.tokens, limit) })

/** When the earliest job behind what is served now becomes ready: at once, perhaps, where memory ends before the lane. */
function nextReadyAt(ring: Ring, { lanes }: Turns, now: number): number {
  let at = Infinity
  for (const id of ring.busy) {
    const lane = ring.lanes.get(id) as Lane
    const head = lane.heads[lanes.get(id)?.taken ?? 0]
    if (!head && lane.cursor) return now
    if (head && head.at > now) at = Math.min(at, head.at)
  }
  return at
}

export function plan(s: Snapshot, now: number): Plan {
  const contest = new Contest(s.ring, now)
  const interval = Math.max(s.slowedMs, intervalMs(s.ledger.shape, s.pacing))
  const lead = leadMs(interval, s.travelMs)
  const permits: Permit[] = []
  let ledger = trim(s.ledger, now)
  let next = s.next
  let holds: WaitReason | undefined
  let againAt = Infinity

  const standstill = standing(s, now)
  const atMost = standstill ? standstill.permits : PERMITS_PER_TICK
  // Slots come into reach half a lead at a time, so that about ten share one message and one write of the ledger.
  const reach = Math.max(next, now + s.travelMs) <= now + lead / 2 ? lead : lead / 2
  for (let turn = contest.first(); turn; turn = contest.first()) {
    if (permits.length >= atMost) {
      holds = standstill?.reason
      againAt = standstill ? standstill.until : now
      break
    }
    const cost = costOf(turn.head, s.ledger.shape.tokens)
    const offered = offer({ ledger, next, from: now + s.travelMs, interval, cost })
    if (offered.slot > now + reach) {
      holds = heldBy({ ledger, next, from: now + s.travelMs, interval, cost }, offered.slot)
      againAt = offered.slot - lead / 2
      break
    }
    permits.push({ lane: turn.lane, head: turn.head, slot: offered.slot })
    ledger = permit(ledger, offered.slot, cost)
    next = offered.next
    contest.serve(1)
  }
  const turns = contest.result()
  againAt = Math.min(againAt, nextReadyAt(s.ring, turns, now))
  return { permits, ledger, next, turns, ...(holds ? { holds } : {}), againAt }
}

/** Tokens hold what would go sooner if it took none. */
const heldBy = (asked: Parameters<typeof offer>[0], slot: number): WaitReason =>
  offer({ ...asked, cost: { ...asked.cost, tokens: 0 } }).slot < slot ? 'CAPACITY_TPM' : 'CAPACITY_RPM'

function standing(s: Snapshot, now: number): { reason: WaitReason; permits: number; until: number } | undefined {
  if (s.stopped) {
    const probeAt = Math.max(s.stopped.probeAt, s.quietUntil)
    return { reason: 'PROVIDER_CONFIG', permits: now >= probeAt ? 1 : 0, until: probeAt }
  }
  if (now < s.quietUntil) return { reason: 'SLOWDOWN', permits: 0, until: s.quietUntil }
  return undefined
}

/** Why a lane's first job waits, given the lane in turn and what holds that one. */
export function reasonFor(ring: Ring, lane: Lane, p: { holds?: WaitReason; inTurn?: Lane; now: number }): WaitReason {
  const head = lane.heads[0]
  if (head && head.at > p.now) return head.attempt > 0 ? 'BACKOFF' : 'SCHEDULED'
  if (!p.holds) return 'DISPATCHING'
  if (p.holds !== 'CAPACITY_RPM' && p.holds !== 'CAPACITY_TPM') return p.holds
  if (!p.inTurn || p.inTurn === lane) return p.holds
  const sameGroup = groupId(ring, p.inTurn) === groupId(ring, lane)
  return sameGroup === (ring.order === 'owners') ? 'TIER_TURN' : 'OWNER_TURN'
}

/** Takes what was permitted out of the lanes and moves every clock on. */
export function applyPlan(
  ring: Ring,
  decided: Plan,
  now: number,
  watch: (p: Permit) => { notAfter: number; lookAt: number },
): void {
  ring.v = decided.turns.v
  for (const [id, group] of decided.turns.groups) ring.groups.set(id, { ...group })
  for (const [id, { turn, taken, active }] of decided.turns.lanes) {
    const lane = ring.lanes.get(id) as Lane
    lane.turn = turn
    lane.active = active
    if (taken > 0) {
      lane.heads = lane.heads.slice(taken)
      ring.stale.add(lane.owner)
      restIfEmpty(ring, lane, now)
    }
  }
  for (const p of decided.permits)
    ring.sent.set(p.head.jobId, { head: p.head, lane: p.lane.id, slot: p.slot, ...watch(p) })
}
