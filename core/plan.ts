/**
 * The decision at Fairlead's heart: a snapshot and a time go in, permits and reasons come out.
 * Nothing is changed here; services/dispatch writes the ledger first and applies the plan only then.
 */
import type { Head } from './bell.ts'
import { cappedUntil, charged, type UseLedgers } from './caps.ts'
import { Contest, type Turns } from './contest.ts'
import { type Cost, type Dimension, exceeding, type Limits, within } from './cost.ts'
import { type AtMost, atMost, heldBy } from './holds.ts'
import { usedIn } from './ledger.ts'
import { holdingBack, type Ledgers, permitAll, shapedAs, trimAll } from './ledgers.ts'
import { type Ask, intervalMs, leadMs, type Next, type Offer, offer, type Pacing, stampedMs } from './pacing.ts'
import { inFlightByOwner, type Lane, type Ring, restIfEmpty, type Waiter, weights } from './ring.ts'
import type { WaitReason } from './wait-reason.ts'

export interface Snapshot {
  readonly ring: Ring
  readonly ledgers: Ledgers
  /** What a job's call may cost, no more than a window's limits: what is above them for ever may not clog the line. */
  readonly costOf: (head: Head) => Cost
  readonly pacing: Pacing
  readonly next: Next
  /** What an owner has used, under its caps; and the calls that it may have in flight. */
  readonly useOf: (owner: string) => UseLedgers
  readonly atOnceOf: (owner: string) => number
  /** Held back for people in every window; absent where they take none. */
  readonly held?: Cost
  /** What people may have called that no ledger counts yet. */
  readonly uncounted?: Cost
  /** Calls that may be in flight. */
  readonly concurrency: number
  /** What sending takes at present: no slot is stamped nearer than this. */
  readonly travelMs: number
  /** Slots stand at least so far apart: workers could not keep up with more. */
  readonly slowedMs: number
  /** The provider's window, without the guard. */
  readonly windowMs: number
  /** The pool is stopped, perhaps as its provider is down; one probe may go from this moment on. */
  readonly stopped?: { readonly probeAt: number; readonly down?: boolean }
  /** The provider asked for quiet until then. */
  readonly quietUntil: number
}
export interface Permit {
  readonly lane: Lane
  readonly head: Head
  readonly slot: number
  readonly cost: Cost
  /** What our own calls have taken of the provider's window at its slot, this one included. */
  readonly held: Limits
}
export interface Plan {
  readonly permits: readonly Permit[]
  readonly ledgers: Ledgers
  readonly next: Next
  readonly turns: Turns
  /** What owners have used with this plan's permits, of those who have some. */
  readonly uses: ReadonlyMap<string, UseLedgers>
  /** The job that waits for tokens while others go before it. */
  readonly waits?: Waiter
  /** Why the one in turn does not run now; absent when nobody waits. */
  readonly holds?: WaitReason
  /** What the one in turn costs, where what is held for people leaves too little for it at any time. */
  readonly exceeds?: Cost
  /** What it costs where it has waited for a whole window beside people: their share is too much for it. */
  readonly starved?: Cost
  /** When the next decision can differ from this one, if nothing new is heard. */
  readonly againAt: number
}

/** When the earliest job behind what is served now becomes ready: at once, perhaps, where memory ends before the lane. */
function nextReadyAt(ring: Ring, { lanes }: Turns, now: number): number {
  let at = Infinity
  for (const id of ring.busy) {
    const lane = ring.lanes.get(id) as Lane
    const head = lane.heads[lanes.get(id)?.taken ?? 0]
    if (!head && lane.cursor) return now
    const { until = 0 } = lanes.get(id)?.capped ?? {}
    if (head && Math.max(head.at, until) > now) at = Math.min(at, Math.max(head.at, until))
  }
  return at
}

/** So many may pass one that waits for tokens, in one tick: each is tried at the ledger. */
const PASSES_PER_TICK = 20
/** Where people take of the pool its slots are leased less far ahead: a lead passes before they get what agents had. */
const QUICKER = 4

/** What is held for people alone is given back as they call, or do not: no ledger tells when. */
const GIVES_WAY_WITHIN_MS = 1_000

type InTurn = NonNullable<ReturnType<Contest['first']>>

export function plan(s: Snapshot, now: number): Plan {
  const planning = new Planning(s, now)
  while (planning.goOn());
  return planning.result()
}

/** One plan in the making: whoever is in turn gets a permit, lets others pass, or ends it. */
class Planning {
  private readonly contest: Contest
  private readonly permits: Omit<Permit, 'held'>[] = []
  private readonly most: AtMost
  private readonly lead: number
  private readonly ahead: number
  private readonly reach: number
  private readonly from: number
  private readonly uses = new Map<string, UseLedgers>()
  private flying: Map<string, number> | undefined
  private ledgers: Ledgers
  private next: Next
  /** Who waits for room, and when it gets it: none that passes may put that off. */
  private waits: { readonly jobId: string; readonly cost: Cost; readonly slot: number } | undefined
  private passes = 0
  private holds: WaitReason | undefined
  private againAt = Infinity
  private exceeds: Cost | undefined
  private starved: Cost | undefined

  constructor(
    private readonly s: Snapshot,
    private readonly now: number,
  ) {
    this.contest = new Contest(s.ring, now)
    const trimmed = trimAll(s.ledgers, now)
    this.ledgers = s.held ? holdingBack(trimmed, s.held) : trimmed
    this.next = s.next
    this.most = atMost(s, now)
    this.from = now + s.travelMs
    const interval = Math.max(s.slowedMs, intervalMs(s.ledgers.window.shape, s.pacing))
    const stamped = stampedMs(s.ledgers.window.shape)
    this.lead = Math.max(stamped, leadMs(s.held ? interval / QUICKER : interval, s.travelMs))
    // Slots come into reach half a lead at a time, so that about ten share one message and one write of the ledger; all
    // of it where a stamp may need several ticks.
    this.ahead = stamped > 0 ? this.lead : this.lead / 2
    const begun = Math.max(this.from, ...Object.values(s.next)) <= now + this.ahead
    this.reach = now + (begun ? this.lead : this.ahead)
  }

  /** Decides of the one in turn; answers whether another may follow. */
  goOn(): boolean {
    const turn = this.contest.first()
    if (!turn) return false
    if (this.permits.length >= this.most.permits) return this.hold(this.most.reason, this.most.until)
    const cost = this.s.costOf(turn.head)
    // What ends of what it has in flight is heard of.
    if (this.hasAllInFlight(turn.lane.owner)) return this.cap(this.now)
    const asked = this.asked(cost)
    const offered = offer(asked)
    const free = cappedUntil(this.useOf(turn.lane.owner), offered.slot, cost)
    if (free !== undefined) return this.cap(free - this.s.travelMs)
    if (this.leavesTooLittle(cost)) return this.giveWay(turn, cost)
    if (offered.slot > this.reach) return this.wait(turn, asked, offered)
    if (this.putsOff(offered, cost)) return this.pass(cost)
    this.permit(turn, offered, cost)
    return true
  }

  result(): Plan {
    const { next, holds, exceeds, starved, uses } = this
    const ledgers = shapedAs(this.ledgers, this.s.ledgers)
    const permits = this.permits.map((p) => ({ ...p, held: this.heldAt(p.slot) }))
    const waits = this.waits ? this.waiting(this.waits.jobId) : this.stillWaiting()
    const turns = this.contest.result(waits?.jobId)
    const againAt = Math.min(this.againAt, nextReadyAt(this.s.ring, turns, this.now))
    const people = { ...(exceeds ? { exceeds } : {}), ...(starved ? { starved } : {}) }
    const held = { ...(holds ? { holds } : {}), ...(waits === undefined ? {} : { waits }) }
    return { permits, ledgers, next, turns, uses, ...held, ...people, againAt }
  }

  /** When all is planned: what shares its moment may arrive before it. */
  private heldAt(slot: number): Limits {
    const used = Object.entries(usedIn(this.ledgers.window, slot, this.s.windowMs))
    return Object.fromEntries(used.map(([d, n]) => [d, n + (this.s.uncounted?.[d as Dimension] ?? 0)]))
  }

  /** Who waited before does so until it goes, whatever else holds it meanwhile; gone unserved, it is no more in the contest. */
  private stillWaiting(): Waiter | undefined {
    const { waits } = this.s.ring
    return this.permits.some(({ head }) => head.jobId === waits?.jobId) ? undefined : waits
  }

  private waiting(jobId: string): Waiter {
    const { waits } = this.s.ring
    return waits?.jobId === jobId ? waits : { jobId, since: this.now }
  }

  private asked(cost: Cost): Ask {
    const { pacing, slowedMs } = this.s
    return { ledgers: this.ledgers, next: this.next, pacing, slowedMs, from: this.from, cost }
  }

  private hold(reason: WaitReason | undefined, againAt: number): false {
    this.holds ??= reason
    this.againAt = Math.min(this.againAt, againAt)
    return false
  }

  private useOf(owner: string): UseLedgers {
    return this.uses.get(owner) ?? this.s.useOf(owner)
  }

  private hasAllInFlight(owner: string): boolean {
    const atMost = this.s.atOnceOf(owner)
    if (atMost === Infinity) return false
    this.flying ??= inFlightByOwner(this.s.ring)
    return (this.flying.get(owner) ?? 0) >= atMost
  }

  /** The others go on as if it had nothing ready. */
  private cap(until: number): true {
    this.contest.cap(until)
    return true
  }

  /** By what is held for people alone: what a limit is too low for at present goes when its window is empty. */
  private leavesTooLittle(cost: Cost): boolean {
    const [all, left] = [limitsIn(this.s.ledgers), limitsIn(this.ledgers)]
    const atMost = all.reduce(within, cost)
    const over = left.some((limits) => exceeding(atMost, limits))
    if (over) this.exceeds = atMost
    return over
  }

  /** It waits until people have given way; the others go on as if it had been served. */
  private giveWay({ head }: InTurn, cost: Cost): boolean {
    this.hold('PEOPLE_FIRST', this.now + GIVES_WAY_WITHIN_MS)
    this.keepRoom(head, cost, Infinity)
    return this.pass(cost)
  }

  private keepRoom({ jobId }: Head, cost: Cost, slot: number): void {
    this.waits ??= { jobId, cost, slot }
    const { since } = this.waiting(jobId)
    if (this.s.held && this.now - since > this.s.windowMs)
      this.starved ??= limitsIn(this.s.ledgers).reduce(within, cost)
  }

  /** Where pacing says no it says so to all; where a ledger lacks tokens, a smaller one may still find room. */
  private wait({ head }: InTurn, asked: Ask, { slot, due }: Offer): boolean {
    const held = heldBy(asked, slot, this.s)
    this.hold(held.reason, slot - this.ahead)
    if (held.byTokens) this.keepRoom(head, asked.cost, slot)
    if (due > this.reach || !held.byTokens) return false
    return this.pass(asked.cost)
  }

  private pass(cost: Cost): boolean {
    this.contest.pass(cost[this.s.ring.share])
    return ++this.passes <= PASSES_PER_TICK
  }

  /** Whether the one that waits would come later for it, by a ledger or by its pace. */
  private putsOff({ slot, next }: Offer, cost: Cost): boolean {
    if (!this.waits) return false
    const after = { ...this.asked(this.waits.cost), ledgers: permitAll(this.ledgers, slot, cost), next }
    return offer(after).slot > this.waits.slot
  }

  private permit({ lane, head }: InTurn, { slot, next }: Offer, cost: Cost): void {
    this.ledgers = permitAll(this.ledgers, slot, cost)
    this.uses.set(lane.owner, charged(this.useOf(lane.owner), slot, cost))
    this.flying?.set(lane.owner, (this.flying.get(lane.owner) ?? 0) + 1)
    this.permits.push({ lane, head, slot, cost })
    this.next = next
    this.contest.serve(cost[this.s.ring.share])
  }
}

const limitsIn = ({ window, day }: Ledgers): Limits[] => [window.shape.limits, ...(day ? [day.shape.limits] : [])]

/** Takes what was permitted out of the lanes and moves every clock on. */
export function applyPlan(
  ring: Ring,
  decided: Plan,
  now: number,
  watch: (p: Permit) => { notAfter: number; lookAt: number; countedAt?: number },
): void {
  ring.v = decided.turns.v
  if (decided.waits === undefined) delete ring.waits
  else ring.waits = decided.waits
  for (const [id, group] of decided.turns.groups) ring.groups.set(id, { ...group })
  for (const [id, { turn, taken, active, capped }] of decided.turns.lanes) {
    const lane = ring.lanes.get(id) as Lane
    lane.turn = turn
    lane.active = active
    if (capped) lane.capped = capped
    else delete lane.capped
    if (taken > 0) {
      lane.heads = lane.heads.slice(taken)
      ring.stale.add(lane.owner)
      restIfEmpty(ring, lane, now)
    }
  }
  for (const p of decided.permits)
    ring.sent.set(p.head.jobId, {
      head: p.head,
      lane: p.lane.id,
      slot: p.slot,
      cost: p.cost,
      weights: weights(ring, p.lane),
      held: p.held,
      ...watch(p),
    })
}
