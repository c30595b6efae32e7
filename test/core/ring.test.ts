import { describe, expect, it } from 'vitest'
import type { Head } from '../../core/bell.ts'
import { PERMITS_PER_TICK } from '../../core/pacing.ts'
import { applyPlan, plan } from '../../core/plan.ts'
import {
  backlog,
  groupOf,
  HEADS_KEPT,
  heard,
  laneIn,
  left,
  needsRefill,
  REFILL_BELOW,
  type Ring,
  refill,
} from '../../core/ring.ts'
import { liftClocks, sentBack, turnsOf } from '../../core/turns.ts'
import { aHead, aRing, aSnapshot, enterJobs, limitedTo, NOW } from '../support/builders.ts'

const ANN = { tier: 'medium', owner: 'ann' } as const
const pictureOf = (ring: Ring) => structuredClone({ ...ring, ownerWeight: undefined })
const places = (ring: Ring) => laneIn(ring, ANN).heads.map((head) => head.at - NOW)
const watch = () => ({ notAfter: NOW, lookAt: NOW })
const keyOf = (head: { at: number; jobId: string }) => ({ lane: 'main#medium#ann', at: head.at, jobId: head.jobId })

describe('hearing of a job', () => {
  it('puts it in its place, in whatever order jobs are heard of', () => {
    const ring = aRing()
    for (const at of [5, 1, 3, 2, 4]) enterJobs(ring, { at: NOW + at })
    expect(places(ring)).toEqual([1, 2, 3, 4, 5])
    expect([...ring.busy]).toEqual(['main#medium#ann'])
    expect([...ring.unnoted]).toEqual(['ann'])
  })

  it('twice changes nothing', () => {
    const ring = aRing()
    const heads = enterJobs(ring, { count: 5 })
    const before = pictureOf(ring)
    for (const head of heads.toReversed()) heard(ring, laneIn(ring, ANN), { ...head })
    expect(pictureOf(ring)).toEqual(before)
  })

  it('again when it is sent changes nothing', () => {
    const ring = aRing()
    const [head] = enterJobs(ring, {})
    applyPlan(ring, plan(aSnapshot({ ring }), NOW), NOW, watch)
    const before = pictureOf(ring)
    heard(ring, laneIn(ring, ANN), { ...(head ?? aHead()) })
    expect(pictureOf(ring)).toEqual(before)
  })

  it('under a higher fence takes the place of what was known, and under a lower one changes nothing', () => {
    const ring = aRing()
    const head = enterJobs(ring, { fence: 3 })[0] ?? aHead()
    heard(ring, laneIn(ring, ANN), { ...head, fence: 2 })
    expect(laneIn(ring, ANN).heads).toEqual([head])
    heard(ring, laneIn(ring, ANN), { ...head, fence: 4, attempt: 1 })
    expect(laneIn(ring, ANN).heads).toEqual([{ ...head, fence: 4, attempt: 1 }])
  })

  it('keeps the first ones in memory and the rest as a count, with a cursor between', () => {
    const ring = aRing()
    const heads = enterJobs(ring, { count: HEADS_KEPT + 30 })
    const lane = laneIn(ring, ANN)
    expect(lane.heads).toEqual(heads.slice(0, HEADS_KEPT))
    expect(lane.cursor).toEqual(keyOf(heads[HEADS_KEPT - 1] ?? aHead()))
    expect(backlog(lane)).toBe(HEADS_KEPT + 30)
    enterJobs(ring, { at: NOW - 1 })
    expect(lane.cursor).toEqual(keyOf(heads[HEADS_KEPT - 2] ?? aHead()))
    expect(backlog(lane)).toBe(HEADS_KEPT + 31)
  })
})

describe('hearing of a job behind the cursor', () => {
  it('only counts it, though there is room in memory: others that nobody has read stand before it', () => {
    const ring = aRing()
    enterJobs(ring, { count: HEADS_KEPT + 1 })
    const lane = laneIn(ring, ANN)
    lane.heads = lane.heads.slice(-5)
    const [cursor, before] = [lane.cursor, [...lane.heads]]
    enterJobs(ring, { at: NOW + 1 })
    expect(lane).toMatchObject({ heads: before, cursor, beyond: 2 })
  })
})

describe('a job that left its lane', () => {
  it('is forgotten, and its lane rests when it was the last', () => {
    const ring = aRing()
    const [first, second] = enterJobs(ring, { count: 2 })
    left(ring, laneIn(ring, ANN), first ?? aHead(), NOW + 5)
    expect(laneIn(ring, ANN).heads).toEqual([second])
    left(ring, laneIn(ring, ANN), second ?? aHead(), NOW + 6)
    expect(ring.busy.size).toBe(0)
    expect(laneIn(ring, ANN)).toMatchObject({ heads: [], active: false, idleSince: NOW + 6 })
  })

  it('is forgotten where it was sent, and is counted off where only a count of it was kept', () => {
    const ring = aRing()
    const heads = enterJobs(ring, { count: HEADS_KEPT + 2 })
    applyPlan(ring, plan(aSnapshot({ ring, ledgers: limitedTo({ requests: 1 }) }), NOW), NOW, watch)
    expect(ring.sent.size).toBe(1)
    left(ring, laneIn(ring, ANN), heads[0] ?? aHead(), NOW)
    expect(ring.sent.size).toBe(0)
    left(ring, laneIn(ring, ANN), heads.at(-1) ?? aHead(), NOW)
    expect(backlog(laneIn(ring, ANN))).toBe(HEADS_KEPT)
  })

  it('that nobody had heard of changes nothing', () => {
    const ring = aRing({ jobs: [{ count: 3 }] })
    const before = pictureOf(ring)
    left(ring, laneIn(ring, ANN), aHead({ at: NOW + 1 }), NOW)
    expect(pictureOf(ring)).toEqual(before)
  })
})

describe('reading on behind the cursor', () => {
  /** A lane of which `kept` are left in memory and the rest stands on the table. */
  function cutLane(kept: number, beyond: number) {
    const ring = aRing()
    const heads = enterJobs(ring, { count: HEADS_KEPT + beyond })
    const lane = laneIn(ring, ANN)
    lane.heads = lane.heads.slice(-kept)
    return { ring, lane, behind: heads.slice(HEADS_KEPT), memory: [...lane.heads] }
  }

  it('is due when fewer are left than one tick may take', () => {
    expect(REFILL_BELOW).toBeGreaterThanOrEqual(PERMITS_PER_TICK)
    expect(needsRefill(cutLane(REFILL_BELOW, 1).lane)).toBe(false)
    expect(needsRefill(cutLane(REFILL_BELOW - 1, 1).lane)).toBe(true)
    expect(needsRefill(laneIn(aRing({ jobs: [{ count: 3 }] }), ANN))).toBe(false)
  })

  it('makes the lane whole when no more stands there', () => {
    const { ring, lane, behind, memory } = cutLane(10, 50)
    lane.beyond = 77 // Only estimated: repeated submits ring more than once.
    refill(ring, lane, behind, keyOf(behind.at(-1) ?? aHead()), false)
    expect(lane.heads).toEqual([...memory, ...behind])
    expect(lane.cursor).toBeUndefined()
    expect(backlog(lane)).toBe(60)
  })

  it('keeps the whole page, so that none of it is read twice, and counts what is heard of behind it', () => {
    const { ring, lane, behind, memory } = cutLane(REFILL_BELOW - 1, HEADS_KEPT)
    refill(ring, lane, behind, keyOf(behind.at(-1) ?? aHead()), true)
    expect(lane.heads).toEqual([...memory, ...behind])
    expect(lane.cursor).toEqual(keyOf(behind.at(-1) ?? aHead()))
    heard(ring, lane, aHead({ at: NOW + 1_000_000 }))
    expect(lane.heads).toHaveLength(REFILL_BELOW - 1 + HEADS_KEPT)
    expect(lane.beyond).toBe(1)
  })

  it('makes short again a lane that is longer than what is kept, when more is heard of', () => {
    const { ring, lane, behind } = cutLane(49, HEADS_KEPT)
    refill(ring, lane, behind, keyOf(behind.at(-1) ?? aHead()), false)
    expect(lane.cursor).toBeUndefined()
    heard(ring, lane, aHead({ at: NOW + 1_000_000 }))
    expect(lane.cursor).toEqual(keyOf(behind.at(-1) ?? aHead()))
    expect(backlog(lane)).toBe(250)
  })

  it('counts rightly when there is more', () => {
    const { ring, lane, behind } = cutLane(49, 500)
    const page = behind.slice(0, HEADS_KEPT)
    refill(ring, lane, page, keyOf(page.at(-1) ?? aHead()), true)
    expect(backlog(lane)).toBe(549)
    expect(lane.cursor).toEqual(keyOf(lane.heads.at(-1) ?? aHead()))
  })

  it('moves the cursor on past a page on which everything runs already, and goes on from there', () => {
    const ring = aRing()
    const lane = laneIn(ring, ANN)
    refill(ring, lane, [], { lane: lane.id, at: NOW, jobId: 'z' }, true)
    expect(lane.cursor).toEqual({ lane: lane.id, at: NOW, jobId: 'z' })
    expect(needsRefill(lane)).toBe(true)
    expect([...ring.busy]).toEqual([lane.id])
  })
})

describe('what was sent', () => {
  const sentOne = () => {
    const ring = aRing({ jobs: [{ count: 2 }] })
    const decided = plan(aSnapshot({ ring, ledgers: limitedTo({ requests: 1 }) }), NOW)
    applyPlan(ring, decided, NOW, watch)
    return { ring, head: decided.permits[0]?.head ?? aHead() }
  }

  it('stands again where it stood when it comes back, under its new fence', () => {
    const { ring, head } = sentOne()
    sentBack(ring, head.jobId, { ...head, fence: 2 }, true)
    expect(laneIn(ring, ANN).heads[0]).toEqual({ ...head, fence: 2 })
    expect(ring.sent.size).toBe(0)
  })

  it('comes back once: telling it twice gives no second slot', () => {
    const { ring, head } = sentOne()
    sentBack(ring, head.jobId, head, true)
    const before = pictureOf(ring)
    sentBack(ring, head.jobId, head, true)
    expect(pictureOf(ring)).toEqual(before)
  })
})

describe("an owner's note", () => {
  it('holds the turn and the uncounted rest of each of its lanes, and nothing of others', () => {
    const ring = aRing({
      jobs: [
        { owner: 'ann', tier: 'high', count: 3 },
        { owner: 'ann', tier: 'low', count: HEADS_KEPT + 7 },
        { owner: 'bob' },
      ],
    })
    applyPlan(ring, plan(aSnapshot({ ring, ledgers: limitedTo({ requests: 3 }) }), NOW), NOW, watch)
    const { high, low, medium } = turnsOf(ring, 'ann').tiers
    expect(high?.beyond).toBe(0)
    expect(low?.beyond).toBe(7)
    expect(medium).toBeUndefined()
    expect(turnsOf(ring, 'ann')).toMatchObject({ owner: 'ann', turn: 0, v: 0 })
  })

  it("holds its own clock where owners come first, and weights do not change a note's shape", () => {
    const ring = aRing({ order: 'owners', weights: { ann: 2 }, jobs: [{ owner: 'ann', count: 3 }] })
    applyPlan(ring, plan(aSnapshot({ ring }), NOW), NOW, watch)
    expect(turnsOf(ring, 'ann').turn).toBe(1.5)
    expect(turnsOf(ring, 'ann').tiers.medium?.turn).toBeCloseTo(3 / 30)
  })
})

describe('the clocks of a holder that takes over', () => {
  it.each([
    { noted: { ann: 400, bob: 300 }, lifted: [300, 500] },
    { noted: { ann: 400, bob: 10 }, lifted: [40, 500] },
  ])('are lifted to the first who has work, and stay above whom others had passed: $noted', ({ noted, lifted }) => {
    const ring = aRing({ jobs: [{ owner: 'ann' }, { owner: 'bob' }] })
    for (const lane of ring.lanes.values()) lane.turn = noted[lane.owner as 'ann']
    const group = groupOf(ring, { tier: 'medium', owner: 'ann' })
    Object.assign(group, { turn: 500, v: 40 })
    ring.v = 100
    liftClocks(ring)
    expect([group.v, ring.v]).toEqual(lifted)
  })

  it('stand as they were where nobody has work', () => {
    const ring = aRing()
    ring.v = 100
    liftClocks(ring)
    expect(ring.v).toBe(100)
  })
})

describe.each(['owners', 'weighted'] as const)('a group under %s, whose lanes empty unserved', (order) => {
  it('is active as long as another of its lanes has work', () => {
    const ring = aRing({ order })
    const other =
      order === 'owners' ? ({ tier: 'low', owner: 'ann' } as const) : ({ tier: 'high', owner: 'bob' } as const)
    const places = [{ tier: 'high', owner: 'ann' }, other] as const
    const group = groupOf(ring, places[0])
    group.active = true
    const heads = places.map((place) => enterJobs(ring, place)[0] as Head)
    const states = places.map((place, i) => {
      left(ring, laneIn(ring, place), heads[i] as Head, NOW)
      return group.active
    })
    expect(states).toEqual([true, false])
  })
})
