/**
 * Start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM '96) at two levels with one rule: the least virtual start time
 * is served, then charged cost / weight. Whoever returns from idleness is lifted to its clock's virtual time (the
 * counter lift of VTC, OSDI '24), so that it overtakes a backlog once and hoards nothing.
 * Works on copies: the ring is unchanged until the plan is applied.
 */
import TinyQueue from 'tinyqueue'
import type { Head } from './bell.ts'
import { TIERS } from './job.ts'
import { type Capped, type Group, groupId, type Lane, type Ring, weights } from './ring.ts'

interface Leaf {
  readonly lane: Lane
  turn: number
  next: number
  /** Its job has waited for room since it was in turn: whatever others were charged meanwhile, it comes first of its rank. */
  waits: boolean
  capped?: Capped
}
interface Contender {
  readonly id: string
  readonly leaves: TinyQueue<Leaf>
  readonly rank: number
  turn: number
  v: number
  /** Somebody in it waits while others pass: it takes its turn as if the first of them had been served. */
  passed: boolean
  /** What that would be charged. */
  ahead: number
  /** While one waits no other of the group starts after this. */
  notAfter: number
}
export interface LaneTurn {
  readonly turn: number
  readonly taken: number
  readonly active: boolean
  readonly capped?: Capped
}
/** What serving changed: applied to the ring once the ledger is written. */
export interface Turns {
  readonly v: number
  readonly groups: ReadonlyMap<string, Group>
  readonly lanes: ReadonlyMap<string, LaneTurn>
}

const lifted = (t: { turn: number; active: boolean }, v: number): number => (t.active ? t.turn : Math.max(t.turn, v))
const byTurn = (a: Leaf, b: Leaf): number =>
  Number(b.waits) - Number(a.waits) || a.turn - b.turn || (a.lane.id < b.lane.id ? -1 : 1)
const waitsIn = ({ leaves }: Contender): number => Number(leaves.peek()?.waits === true)
const startOf = ({ turn, ahead }: Contender): number => turn + ahead
const byRankAndTurn = (a: Contender, b: Contender): number =>
  a.rank - b.rank || waitsIn(b) - waitsIn(a) || startOf(a) - startOf(b) || (a.id < b.id ? -1 : 1)

const stillCapped = ({ heads, capped }: Lane, now: number): Capped | undefined =>
  capped && capped.jobId === heads[0]?.jobId && capped.until > now ? capped : undefined

export class Contest {
  private readonly groups = new Map<string, Contender>()
  private readonly order: TinyQueue<Contender>
  private readonly touched = new Map<string, Leaf>()
  private v: number
  /** While all that are ready in one group wait no other group starts after this. */
  private notAfter = Infinity

  constructor(
    private readonly ring: Ring,
    private readonly now: number,
  ) {
    this.v = ring.v
    for (const id of ring.busy) this.admit(ring.lanes.get(id) as Lane)
    this.order = new TinyQueue(
      [...this.groups.values()].filter((g) => g.leaves.length > 0),
      byRankAndTurn,
    )
  }

  /** A lane with nothing ready is noted too: it and its group are idle from now on, though they were not before. */
  private admit(lane: Lane): void {
    const group = this.contender(lane)
    const head = lane.heads[0]
    const capped = stillCapped(lane, this.now)
    const ready = head !== undefined && head.at <= this.now && !capped
    const waits = head !== undefined && this.ring.waits?.jobId === head.jobId
    const leaf = {
      lane,
      turn: ready ? lifted(lane, group.v) : lane.turn,
      next: 0,
      waits,
      ...(capped ? { capped } : {}),
    }
    this.touched.set(lane.id, leaf)
    if (ready) group.leaves.push(leaf)
  }

  private contender(lane: Lane): Contender {
    const id = groupId(this.ring, lane)
    const known = this.groups.get(id)
    if (known) return known
    const kept = this.ring.groups.get(id) ?? { turn: 0, active: false, v: 0 }
    const rank = this.ring.order === 'strict' ? TIERS.indexOf(lane.tier) : 0
    const leaves = new TinyQueue<Leaf>([], byTurn)
    const turn = lifted(kept, this.v)
    const made = { id, leaves, rank, turn, v: kept.v, passed: false, ahead: 0, notAfter: Infinity }
    this.groups.set(id, made)
    return made
  }

  /** Whose turn it is, and its next job; undefined when nobody has anything ready, or all that have are to wait. */
  first(): { lane: Lane; head: Head } | undefined {
    const group = this.order.peek()
    const leaf = group?.leaves.peek()
    if (!group || !leaf || startOf(group) > this.notAfter) return undefined
    return { lane: leaf.lane, head: leaf.lane.heads[leaf.next] as Head }
  }

  /**
   * Lets the others go before the one in turn, uncharged, which waits for `cost`: none of them, and no other group, gets
   * farther ahead than if it had been served.
   */
  pass(cost: number): void {
    const { group, leaf } = this.take()
    const w = weights(this.ring, leaf.lane)
    if (!group.passed) group.ahead = cost / w.group
    group.passed = true
    group.notAfter = Math.min(group.notAfter, leaf.turn + cost / w.leaf)
    this.goOn(group)
  }

  /** The one in turn may not go before then: it is idle meanwhile, so that it hoards nothing. */
  cap(until: number): void {
    const { group, leaf } = this.take()
    leaf.capped = { jobId: (leaf.lane.heads[leaf.next] as Head).jobId, until }
    this.goOn(group)
  }

  /** Charges the one in turn, and moves on to its next job. */
  serve(cost: number): void {
    const { group, leaf } = this.take()
    const w = weights(this.ring, leaf.lane)
    // One that has waited goes out of turn: whoever comes next is not to start behind those who are in turn.
    const [inTurn, inGroup] = leaf.waits ? [this.order.peek()?.turn, group.leaves.peek()?.turn] : []
    this.v = Math.max(this.v, Math.min(group.turn, inTurn ?? Infinity))
    group.v = Math.max(group.v, Math.min(leaf.turn, inGroup ?? Infinity))
    leaf.waits = false
    group.turn += cost / w.group
    leaf.turn += cost / w.leaf
    leaf.next++
    const following = leaf.lane.heads[leaf.next]
    if (following && following.at <= this.now) group.leaves.push(leaf)
    this.goOn(group)
  }

  private take(): { group: Contender; leaf: Leaf } {
    const group = this.order.pop() as Contender
    return { group, leaf: group.leaves.pop() as Leaf }
  }

  private goOn(group: Contender): void {
    const leaf = group.leaves.peek()
    if (leaf && leaf.turn <= group.notAfter) this.order.push(group)
    // Strict tiers have no turns between them.
    else if (group.passed && this.ring.order !== 'strict') this.notAfter = Math.min(this.notAfter, startOf(group))
  }

  /**
   * While room is kept for one that is still ready, as if it were in service, whoever comes starts no sooner than the
   * first who is ready.
   */
  result(keptFor: string | undefined): Turns {
    const lanes = new Map<string, LaneTurn>()
    for (const [id, { lane, turn, next: taken, capped }] of this.touched) {
      const following = lane.heads[taken]
      const active = following !== undefined && following.at <= this.now && !capped
      lanes.set(id, { turn, taken, active, ...(capped ? { capped } : {}) })
    }
    if (keptFor && this.isReady(keptFor, lanes)) this.moveClocks(lanes)
    const groups = new Map<string, Group>()
    for (const g of this.groups.values())
      groups.set(g.id, { turn: g.turn, v: g.v, active: g.passed || g.leaves.length > 0 })
    return { v: this.v, groups, lanes }
  }

  private isReady(jobId: string, lanes: ReadonlyMap<string, LaneTurn>): boolean {
    for (const [id, { lane, next }] of this.touched)
      if (lane.heads[next]?.jobId === jobId) return lanes.get(id)?.active === true
    return false
  }

  /** To the first who is ready: of the groups, and in each. */
  private moveClocks(lanes: ReadonlyMap<string, LaneTurn>): void {
    const first = new Map<Contender, number>()
    for (const [id, { lane }] of this.touched) {
      const { turn, active } = lanes.get(id) as LaneTurn
      const group = this.contender(lane)
      if (active) first.set(group, Math.min(turn, first.get(group) ?? Infinity))
    }
    for (const [group, turn] of first) group.v = Math.max(group.v, turn)
    const least = [...first.keys()].reduce((turn, group) => Math.min(turn, group.turn), Infinity)
    if (least < Infinity) this.v = Math.max(this.v, least)
  }
}
