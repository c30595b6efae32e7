import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Head } from '../../core/bell.ts'
import type { LiveKey, Tier } from '../../core/job.ts'
import { byPlace, laneOf } from '../../core/lane.ts'
import { applyPlan, plan } from '../../core/plan.ts'
import { backlog, HEADS_KEPT, heard, type Lane, laneIn, left, needsRefill, type Ring, refill } from '../../core/ring.ts'
import { sentBack } from '../../core/turns.ts'
import { aHead, aRing, aShape, aSnapshot, NOW, someLedgers } from '../support/builders.ts'

/**
 * The ring against a plain table: jobs enter, are cancelled, sent, claimed, retried, lost and given back; bells come
 * late, in any order and twice; the ring is thrown away and
 * read anew, or forgets who has nothing. Whatever happens, a job that stands on the table
 * and was rung about can be found: in memory, among what is watched, or behind a cursor that will be read.
 */
interface Row {
  readonly tier: Tier
  readonly owner: string
  readonly head: Head
  /** Claimed by a worker that died: as good as queued once its lease is over. */
  readonly dead: boolean
}
type Bell =
  | { t: 'entered'; tier: Tier; owner: string; head: Head }
  | { t: 'left'; tier: Tier; owner: string; at: number; jobId: string }
  | { t: 'settled'; jobId: string; fence: number; what: 'gone' | 'back' | 'late' | 'lost'; nextFence?: number }
type Outcome = 'gone' | 'back' | 'retry' | 'late' | 'dies' | 'dropped'

class Model {
  now = NOW
  ring: Ring = aRing()
  readonly table = new Map<string, Row>()
  readonly bells: Bell[] = []
  readonly messages: { jobId: string; at: number; fence: number }[] = []
  private ledgers = someLedgers({ shape: aShape({ bucketMs: 10 }) })

  constructor(private readonly perTick: number) {}

  enter(p: { tier: Tier; owner: string; count: number; inMs: number; stepMs: number }): void {
    const { tier, owner } = p
    for (let i = 0; i < p.count; i++) {
      const head = aHead({ at: this.now + p.inMs + i * p.stepMs })
      this.table.set(head.jobId, { tier, owner, head, dead: false })
      this.bells.push({ t: 'entered', tier, owner, head })
    }
  }

  cancel(n: number): void {
    const rows = [...this.table.values()].filter((row) => !row.dead)
    const row = rows[n % Math.max(1, rows.length)]
    if (!row) return
    this.table.delete(row.head.jobId)
    this.bells.push({ t: 'left', tier: row.tier, owner: row.owner, at: row.head.at, jobId: row.head.jobId })
  }

  /** Hears some bells from the middle of the heap; `again` rings one of them once more. */
  hear(p: { from: number; count: number; again: boolean }): void {
    const from = p.from % Math.max(1, this.bells.length)
    const some = this.bells.splice(from, p.count)
    if (p.again) this.bells.push(...some.slice(0, 1))
    for (const bell of some) this.absorb(bell)
  }

  tick(): void {
    for (const id of this.ring.busy) this.read(this.ring.lanes.get(id) as Lane, false)
    const shape = aShape({ bucketMs: 10, limits: { requests: this.perTick } })
    const decided = plan(
      aSnapshot({ ring: this.ring, ledgers: { window: { ...this.ledgers.window, shape } } }),
      this.now,
    )
    this.ledgers = decided.ledgers
    applyPlan(this.ring, decided, this.now, (p) => ({ notAfter: p.slot, lookAt: p.slot }))
    for (const { head } of decided.permits) this.messages.push({ jobId: head.jobId, at: head.at, fence: head.fence })
  }

  work(n: number, outcome: Outcome): void {
    const [message] = this.messages.splice(n % Math.max(1, this.messages.length), 1)
    if (!message || outcome === 'dropped') return
    const { jobId, fence } = message
    const settled = (what: 'gone' | 'back' | 'late' | 'lost', nextFence?: number) =>
      this.bells.push({ t: 'settled', jobId, fence, what, ...(nextFence === undefined ? {} : { nextFence }) })
    if (outcome === 'late') return void settled('late')
    const row = this.table.get(jobId)
    if (!row || row.head.fence !== fence || row.head.at !== message.at) return void settled('lost')
    this.claimed(row, outcome, settled)
  }

  private claimed(row: Row, outcome: Outcome, settled: (what: 'gone' | 'back', nextFence?: number) => void): void {
    const { jobId, fence } = row.head
    const stands = (over: Partial<Head>, dead = false) =>
      this.table.set(jobId, { ...row, head: { ...row.head, ...over }, dead })
    if (outcome === 'dies') stands({ fence: fence + 1 }, true)
    else if (outcome === 'back') {
      stands({ fence: fence + 2 })
      settled('back', fence + 2)
    } else if (outcome === 'retry') {
      const head = { ...row.head, fence: fence + 2, attempt: 1, at: this.now + 500 }
      stands(head)
      this.bells.push({ t: 'entered', tier: row.tier, owner: row.owner, head })
      settled('gone')
    } else {
      this.table.delete(jobId)
      settled('gone')
    }
  }

  /** Reads what is overdue by its key, as services/dispatch/watch.ts does. */
  watch(): void {
    for (const sent of [...this.ring.sent.values()]) {
      const row = this.table.get(sent.head.jobId)
      if (this.messages.some((m) => m.jobId === sent.head.jobId) || this.now <= sent.lookAt) continue
      if (row && row.head.at === sent.head.at && laneOf({ pool: 'main', ...row }) === sent.lane)
        sentBack(this.ring, sent.head.jobId, row.head, !row.dead)
      else this.ring.sent.delete(sent.head.jobId)
    }
  }

  /** Whoever has nothing in memory is forgotten, unread: what came since is still to be heard. */
  leave(): void {
    const watched = new Set([...this.ring.sent.values()].map((s) => s.lane))
    for (const lane of this.ring.lanes.values())
      if (backlog(lane) === 0 && !this.ring.busy.has(lane.id) && !watched.has(lane.id)) this.ring.lanes.delete(lane.id)
  }

  /** A new holder: the notes of the old one's lanes, and every lane from its start. */
  takeOver(): void {
    const noted = [...this.ring.lanes.values()]
    this.ring = aRing()
    for (const { tier, owner } of noted) this.read(laneIn(this.ring, { tier, owner }), true)
  }

  private read(lane: Lane, fromStart: boolean): void {
    if (!fromStart && !needsRefill(lane)) return
    const rows = this.rowsOf(lane.id).filter((row) => !lane.cursor || byPlace(row.head, lane.cursor) > 0)
    const page = rows.slice(0, HEADS_KEPT)
    for (const { head, dead } of page)
      if (dead && !this.ring.sent.has(head.jobId))
        this.ring.sent.set(head.jobId, { head, lane: lane.id, slot: 0, notAfter: 0, lookAt: 0 })
    const last = page.at(-1)?.head
    const upTo: LiveKey | undefined = last && { lane: lane.id, at: last.at, jobId: last.jobId }
    refill(
      this.ring,
      lane,
      page.filter((row) => !row.dead).map((row) => row.head),
      upTo,
      rows.length > HEADS_KEPT,
    )
  }

  private rowsOf(lane: string): Row[] {
    return [...this.table.values()]
      .filter((row) => laneOf({ pool: 'main', ...row }) === lane)
      .sort((a, b) => byPlace(a.head, b.head))
  }

  private absorb(bell: Bell): void {
    if (bell.t === 'entered') return heard(this.ring, laneIn(this.ring, bell), bell.head)
    if (bell.t === 'left') return left(this.ring, laneIn(this.ring, bell), bell, this.now)
    const sent = this.ring.sent.get(bell.jobId)
    if (!sent || sent.head.fence !== bell.fence) return
    if (bell.what === 'gone') this.ring.sent.delete(bell.jobId)
    else if (bell.what === 'lost') sent.lookAt = 0
    else sentBack(this.ring, bell.jobId, { ...sent.head, fence: bell.nextFence ?? sent.head.fence }, true)
  }

  isDone(): boolean {
    const lanes = [...this.ring.lanes.values()]
    return this.table.size + this.bells.length + this.ring.sent.size === 0 && lanes.every((lane) => backlog(lane) === 0)
  }

  /** Lanes in order and within their cursors, and nobody lost. */
  check(): void {
    for (const lane of this.ring.lanes.values()) {
      lane.heads.forEach((head, i) => {
        const next = lane.heads[i + 1] ?? lane.cursor
        if (next && byPlace(head, next) > 0) throw new Error(`${head.jobId} stands out of order`)
        if (lane.heads[i + 1] && byPlace(head, lane.heads[i + 1] as Head) === 0)
          throw new Error(`${head.jobId} stands twice`)
      })
      if ((lane.heads.length > 0 || lane.cursor) && !this.ring.busy.has(lane.id))
        throw new Error(`${lane.id} is overlooked`)
    }
    const rung = new Set(this.bells.map((bell) => (bell.t === 'entered' ? bell.head.jobId : '')))
    const kept = new Set(
      [...this.ring.lanes.values()].flatMap((lane) => lane.heads.map((head) => `${lane.id} ${head.at} ${head.jobId}`)),
    )
    for (const { head, ...row } of this.table.values()) {
      const id = laneOf({ pool: 'main', ...row })
      const cursor = this.ring.lanes.get(id)?.cursor
      const found = kept.has(`${id} ${head.at} ${head.jobId}`) || (cursor && byPlace(head, cursor) > 0)
      if (!found && !this.ring.sent.has(head.jobId) && !rung.has(head.jobId)) throw new Error(`${head.jobId} is lost`)
    }
  }
}

const ops = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('enter'),
      tier: fc.constant('high' as const),
      owner: fc.constantFrom('ann', 'ann', 'bob'),
      count: fc.constantFrom(1, 40, 230, 260),
      inMs: fc.integer({ min: -300, max: 100 }),
      stepMs: fc.constantFrom(0, 1, 5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('cancel'), n: fc.nat(400), times: fc.constantFrom(1, 60) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('hear'),
      from: fc.nat(500),
      count: fc.constantFrom(1, 1000, 1000),
      again: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constant('tick'), waitMs: fc.constantFrom(0, 100, 600) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('work'),
      n: fc.nat(100),
      times: fc.constantFrom(1, 40),
      outcome: fc.constantFrom<Outcome>('gone', 'back', 'retry', 'late', 'dies', 'dropped'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('watch') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('leave') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('takeOver') }) },
)

function perform(model: Model, step: typeof ops extends fc.Arbitrary<infer T> ? T : never): void {
  switch (step.op) {
    case 'enter':
      return model.enter(step)
    case 'cancel':
      for (let i = 0; i < step.times; i++) model.cancel(step.n + i)
      return
    case 'hear':
      return model.hear(step)
    case 'tick':
      model.now += step.waitMs
      return model.tick()
    case 'work':
      for (let i = 0; i < step.times; i++) model.work(step.n + i, step.outcome)
      return
    case 'watch':
      return model.watch()
    case 'leave':
      return model.leave()
    case 'takeOver':
      return model.takeOver()
  }
}

describe('the ring', () => {
  it('never loses a job, and serves every one once faults stop', () => {
    fc.assert(
      fc.property(fc.array(ops, { minLength: 5, maxLength: 50 }), fc.constantFrom(40, 150), (steps, perTick) => {
        const model = new Model(perTick)
        for (const step of steps) {
          perform(model, step)
          model.check()
        }
        for (let round = 0; !model.isDone(); round++) {
          if (round > 2000) throw new Error(`${model.table.size} jobs are never served`)
          model.hear({ from: 0, count: model.bells.length, again: false })
          model.now += 100
          model.watch()
          model.tick()
          while (model.messages.length > 0) model.work(0, 'gone')
        }
        expect(model.ring.sent.size).toBe(0)
      }),
      { numRuns: 100 },
    )
  })
})
