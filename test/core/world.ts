/**
 * A dispatcher reduced to its decisions: a table of queued jobs, the ring that has heard of them, and ticks that plan
 * and apply. What is permitted is done at once. No services, no faults (ring.test.ts has those), time by hand.
 */
import { type Behind, behindOf, recallBehind } from '../../core/behind.ts'
import type { Head } from '../../core/bell.ts'
import type { Tier } from '../../core/job.ts'
import { byPlace, laneOf } from '../../core/lane.ts'
import type { LedgerShape } from '../../core/ledger.ts'
import type { Ledgers } from '../../core/ledgers.ts'
import type { Next } from '../../core/pacing.ts'
import { applyPlan, type Permit, type Plan, plan, type Snapshot } from '../../core/plan.ts'
import { HEADS_KEPT, heard, type Lane, laneIn, left, needsRefill, type Ring, refill } from '../../core/ring.ts'
import { aHead, aRing, aShape, aSnapshot, NOW, someLedgers, uncapped } from '../support/builders.ts'

export class World {
  now = NOW
  ledgers: Ledgers
  next: Next = {}
  readonly served: Permit[] = []
  private behind: Behind = []
  /** Queued jobs by lane, in order. */
  readonly table = new Map<string, Head[]>()

  constructor(
    public ring: Ring = aRing(),
    private readonly p: Partial<Pick<Snapshot, 'pacing' | 'travelMs'>> & { shape?: LedgerShape } = {},
  ) {
    this.ledgers = someLedgers({ shape: p.shape ?? aShape({ limits: { requests: 10 } }), now: this.now })
  }

  enter(p: { owner?: string; tier?: Tier; count?: number; at?: number; tokens?: number }): void {
    const { owner = 'ann', tier = 'medium', count = 1, at = this.now, tokens = 100 } = p
    const queued = this.queued(laneOf({ pool: this.ring.pool, tier, owner }))
    for (let i = 0; i < count; i++) {
      const head = aHead({ at, tokens })
      queued.push(head)
      heard(this.ring, laneIn(this.ring, { tier, owner }), head)
    }
    queued.sort(byPlace)
  }

  /** Takes the first ready job of a lane away, unserved. */
  cancel(lane: Lane): void {
    const head = this.queued(lane.id)[0]
    if (!head || head.at > this.now) return
    this.queued(lane.id).shift()
    left(this.ring, lane, head, this.now)
  }

  /** Another dispatcher goes on from what was noted: all turns, and who stood behind; not who waits for room. */
  takeOver(): void {
    const { ring } = this
    delete ring.waits
    for (const lane of ring.lanes.values()) lane.active = false
    if (ring.order === 'owners') for (const group of ring.groups.values()) group.active = false
    recallBehind(ring, this.behind)
  }

  ready(lane: Lane): number {
    return this.queued(lane.id).filter((head) => head.at <= this.now).length
  }

  /** Fills up what runs short, plans and applies, as services/dispatch does it. */
  tick(): Plan {
    for (const id of this.ring.busy) this.refill(this.ring.lanes.get(id) as Lane)
    const { pacing = 'burst', travelMs = 0 } = this.p
    const { ring, ledgers, next } = this
    const decided = plan(aSnapshot({ ring, ledgers, next, pacing, travelMs, useOf: uncapped(this.now) }), this.now)
    this.behind = behindOf(ring, decided.turns)
    applyPlan(this.ring, decided, this.now, (p) => ({ notAfter: p.slot, lookAt: p.slot }))
    this.ledgers = decided.ledgers
    this.next = decided.next
    for (const { lane, head } of decided.permits) {
      const queued = this.queued(lane.id)
      queued.splice(queued.indexOf(head), 1)
      this.ring.sent.delete(head.jobId)
    }
    this.served.push(...decided.permits)
    return decided
  }

  /** Ticks whenever the last plan said to, at most `ticks` times and not beyond `until`. */
  run(p: { ticks?: number; until?: number; lateMs?: () => number } = {}): Plan[] {
    const { ticks = 1000, until = Infinity, lateMs = () => 0 } = p
    const plans: Plan[] = []
    while (plans.length < ticks && this.now <= until) {
      const decided = this.tick()
      plans.push(decided)
      if (decided.againAt === Infinity) break
      this.now = Math.max(this.now, Math.ceil(decided.againAt)) + lateMs()
    }
    return plans
  }

  /** Who was served, in order of service. */
  owners(): string[] {
    return this.served.map((p) => p.lane.owner)
  }
  tiers(): Tier[] {
    return this.served.map((p) => p.lane.tier)
  }

  private queued(lane: string): Head[] {
    const known = this.table.get(lane)
    if (known) return known
    const made: Head[] = []
    this.table.set(lane, made)
    return made
  }

  private refill(lane: Lane): void {
    if (!needsRefill(lane)) return
    const behind = this.queued(lane.id).filter((head) => !lane.cursor || byPlace(head, lane.cursor) > 0)
    const page = behind.slice(0, HEADS_KEPT)
    const last = page.at(-1)
    const upTo = last && { lane: lane.id, at: last.at, jobId: last.jobId }
    refill(this.ring, lane, page, upTo, behind.length > HEADS_KEPT)
  }
}

export const countOf = <T>(list: readonly T[], one: T): number => list.filter((x) => x === one).length
