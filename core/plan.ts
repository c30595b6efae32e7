/**
 * The decision at Fairlead's heart: a snapshot and a time go in, permits and reasons come out.
 * Nothing is changed here; services/dispatch writes the ledger first and applies the plan only then.
 */
import type { Head } from './bell.ts'
import { Contest, type Turns } from './contest.ts'
import { type Cost, NOTHING } from './cost.ts'
import { type Ledgers, permitAll, trimAll } from './ledgers.ts'
import { intervalMs, leadMs, type Next, type Offer, offer, type Pacing } from './pacing.ts'
import { groupId, type Lane, type Ring, restIfEmpty } from './ring.ts'
import type { WaitReason } from './wait-reason.ts'

export interface Snapshot {
  readonly ring: Ring
  readonly ledgers: Ledgers
  /** What a job's call may cost, no more than a window's limits: what is above them for ever may not clog the line. */
  readonly costOf: (head: Head) => Cost
  readonly pacing: Pacing
  readonly next: Next
  /** Calls that may be in flight. */
  readonly concurrency: number
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
  readonly cost: Cost
}
export interface Plan {
  readonly permits: readonly Permit[]
  readonly ledgers: Ledgers
  readonly next: Next
  readonly turns: Turns
  /** Why the one in turn does not run now; absent when nobody waits. */
  readonly holds?: WaitReason
  /** When the next decision can differ from this one, if nothing new is heard. */
  readonly againAt: number
}

/** One tick's batch, a term of G4's bound: ten messages. */
export const PERMITS_PER_TICK = 100

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

/** So many may pass one that waits for tokens, in one tick: each is tried at the ledger. */
const PASSES_PER_TICK = 20

export function plan(s: Snapshot, now: number): Plan {
  const contest = new Contest(s.ring, now)
  const { pacing, slowedMs } = s
  const lead = leadMs(Math.max(slowedMs, intervalMs(s.ledgers.window.shape, pacing)), s.travelMs)
  const from = now + s.travelMs
  const permits: Permit[] = []
  let ledgers = trimAll(s.ledgers, now)
  /** The ledgers with what is kept for the first in turn, where that must wait for tokens. */
  let kept: Ledgers | undefined
  let next = s.next
  let holds: WaitReason | undefined
  let againAt = Infinity
  let passes = 0

  const most = atMost(s, now)
  // Slots come into reach half a lead at a time, so that about ten share one message and one write of the ledger.
  const reach = Math.max(from, ...Object.values(next)) <= now + lead / 2 ? lead : lead / 2
  for (let turn = contest.first(); turn; turn = contest.first()) {
    if (permits.length >= most.permits) {
      holds ??= most.reason
      againAt = Math.min(againAt, most.until)
      break
    }
    const cost = s.costOf(turn.head)
    const asked = { ledgers: kept ?? ledgers, next, pacing, slowedMs, from, cost }
    const offered = offer(asked)
    if (offered.slot > now + reach) {
      const held = heldBy(asked, offered)
      holds ??= held.reason
      againAt = Math.min(againAt, offered.slot - lead / 2)
      // Where pacing says no it says so to all; where a ledger lacks tokens, a smaller one may still find room.
      if (offered.due > now + reach || !held.byTokens || passes++ === PASSES_PER_TICK) break
      kept ??= permitAll(ledgers, offered.slot, cost)
      contest.pass(cost[s.ring.share])
      continue
    }
    permits.push({ lane: turn.lane, head: turn.head, slot: offered.slot, cost })
    ledgers = permitAll(ledgers, offered.slot, cost)
    if (kept) kept = permitAll(kept, offered.slot, cost)
    next = offered.next
    contest.serve(cost[s.ring.share])
  }
  const turns = contest.result()
  againAt = Math.min(againAt, nextReadyAt(s.ring, turns, now))
  return { permits, ledgers, next, turns, ...(holds ? { holds } : {}), againAt }
}

/** Tokens hold what would go sooner if it took none; a longer limit, what would go sooner without that. */
function heldBy(asked: Parameters<typeof offer>[0], { slot }: Offer): { reason: WaitReason; byTokens: boolean } {
  const { window } = asked.ledgers
  const callsOnly = { ...NOTHING, requests: asked.cost.requests }
  const byTokens = offer({ ...asked, cost: callsOnly }).slot < slot
  const byDay = asked.ledgers.day !== undefined && offer({ ...asked, ledgers: { window } }).slot < slot
  return { reason: byDay ? 'CAPACITY_DAY' : byTokens ? 'CAPACITY_TPM' : 'CAPACITY_RPM', byTokens }
}

/** How many permits this tick may give, and what holds the next one. */
function atMost(s: Snapshot, now: number): { permits: number; reason?: WaitReason; until: number } {
  if (s.stopped) {
    const probeAt = Math.max(s.stopped.probeAt, s.quietUntil)
    return { reason: 'PROVIDER_CONFIG', permits: now >= probeAt ? 1 : 0, until: probeAt }
  }
  if (now < s.quietUntil) return { reason: 'SLOWDOWN', permits: 0, until: s.quietUntil }
  const free = Math.max(0, s.concurrency - s.ring.sent.size)
  if (free < PERMITS_PER_TICK) return { reason: 'CAPACITY_CONCURRENCY', permits: free, until: Infinity }
  return { permits: PERMITS_PER_TICK, until: now }
}

/** Why a lane's first job waits, given the lane in turn and what holds that one. */
export function reasonFor(ring: Ring, lane: Lane, p: { holds?: WaitReason; inTurn?: Lane; now: number }): WaitReason {
  const head = lane.heads[0]
  if (head && head.at > p.now) return head.attempt > 0 ? 'BACKOFF' : 'SCHEDULED'
  if (!p.holds) return 'DISPATCHING'
  if (!p.holds.startsWith('CAPACITY_')) return p.holds
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
    ring.sent.set(p.head.jobId, { head: p.head, lane: p.lane.id, slot: p.slot, cost: p.cost, ...watch(p) })
}
