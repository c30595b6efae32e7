import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behindOf } from '../../core/behind.ts'
import type { Limits } from '../../core/cost.ts'
import type { Tier } from '../../core/job.ts'
import { applyPlan, plan } from '../../core/plan.ts'
import { groupOf, laneIn, type Order, type Ring } from '../../core/ring.ts'
import { correct, sentBack } from '../../core/turns.ts'
import { aCost, aRing, aShape, aSnapshot, chargedTo, EVEN_TIERS, limitedTo, NOW } from '../support/builders.ts'
import { Gaps } from './gaps.ts'
import { World } from './world.ts'

const ORDERS: readonly Order[] = ['weighted', 'strict', 'owners']
/** Floats are added up: what is within this of a bound keeps it. */
const EPSILON = 1e-6

const OWNERS = ['ann', 'bob', 'cid'] as const
const weightsOf = fc.constantFrom(0.5, 1, 2, 3, 7, 10 / 3)
const sizesOf = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 })
const worlds = fc.record({
  weights: fc.record({ ann: weightsOf, bob: weightsOf, cid: weightsOf }),
  /** Of each owner's jobs, in turns. */
  sizes: fc.record({ ann: sizesOf, bob: sizesOf, cid: sizesOf }),
  pacing: fc.constantFrom('even', 'burst'),
  steps: fc.array(
    fc.record({
      waitMs: fc.constantFrom(0, 10, 50, 100, 400),
      enter: fc.array(fc.record({ owner: fc.constantFrom(...OWNERS), count: fc.integer({ min: 1, max: 12 }) }), {
        maxLength: 3,
      }),
    }),
    { minLength: 5, maxLength: 40 },
  ),
})
type Drawn = typeof worlds extends fc.Arbitrary<infer T> ? T : never

const largestOf = (p: Drawn) => (owner: string) => Math.max(...p.sizes[owner as (typeof OWNERS)[number]])
const weightOf = (p: Drawn) => (owner: string) => p.weights[owner as (typeof OWNERS)[number]]

/** Lets a random world run, and measures how far owners drift apart in tokens. */
function play(p: Drawn, limits: Limits, passing = false): Gaps {
  const { pacing, weights } = p
  const world = new World(aRing({ share: 'tokens', weights }), { shape: aShape({ limits }), pacing })
  const gaps = new Gaps(weightOf(p), () => true, largestOf(p), passing)
  const entered = new Map<string, number>()
  for (const { waitMs, enter } of p.steps) {
    world.now += waitMs
    for (const { owner, count } of enter)
      for (let i = entered.get(owner) ?? 0, end = i + count; i < end; entered.set(owner, ++i))
        world.enter({ owner, tokens: p.sizes[owner][i % p.sizes[owner].length] as number })
    gaps.begin(new Map([...world.ring.lanes.values()].map((lane) => [lane.owner, world.ready(lane)])))
    for (const { lane, head } of world.tick().permits) gaps.served(lane.owner, head.tokens)
  }
  return gaps
}

describe('owners that share tokens (G4)', () => {
  it('differ in them by weight by at most the largest job of each, whatever the sizes of their jobs', () => {
    fc.assert(
      fc.property(worlds, (p) => {
        expect(play(p, { requests: 5 }).excess).toBeLessThanOrEqual(EPSILON)
      }),
      { numRuns: 100 },
    )
  })

  it.each<[string, Limits]>([
    ['tokens', { tokens: 100 }],
    ['calls and tokens', { requests: 6, tokens: 100 }],
  ])(
    'differ by twice the larger of the two more where some pass one that waits, in a pool with a limit of %s',
    (_, limits) => {
      fc.assert(
        fc.property(worlds, (p) => {
          expect(play(p, limits, true).excess).toBeLessThanOrEqual(EPSILON)
        }),
        { numRuns: 100 },
      )
    },
  )

  it('call as often as their jobs are small', () => {
    const world = new World(aRing({ share: 'tokens' }), { shape: aShape({ limits: { requests: 88 } }) })
    world.enter({ owner: 'ann', tokens: 10, count: 200 })
    world.enter({ owner: 'bob', tokens: 100, count: 200 })
    world.tick()
    expect(world.owners().filter((owner) => owner === 'ann')).toHaveLength(80)
  })
})

describe('what calls did not use of what they reserved, where tokens are shared', () => {
  const SETTLED = aCost({ requests: 0, tokens: -90 })
  /** One has gone alone for a while; all its calls are settled when the other comes. */
  function joined(order: Order, newcomer: { owner?: string; tier?: Tier }) {
    const world = new World(aRing({ share: 'tokens', order, tiers: EVEN_TIERS }), {
      shape: aShape({ limits: { requests: 20 } }),
    })
    const next = () => {
      world.now += 60_000
      return world.tick().permits.map(({ lane }) => lane)
    }
    world.enter({ owner: 'ann', count: 90 })
    for (const lane of [...world.tick().permits, ...next().map((lane) => ({ lane }))].map((p) => p.lane))
      correct(world.ring, chargedTo(world.ring, lane), SETTLED)
    world.enter({ ...newcomer, count: 50 })
    return { world, next }
  }

  it.each<[Order, string, { owner?: string; tier?: Tier }]>([
    ['weighted', 'owner', { owner: 'bob' }],
    ['weighted', 'tier', { tier: 'low' }],
    ['owners', 'owner', { owner: 'bob' }],
    ['owners', 'tier of its owner', { tier: 'low' }],
  ])('puts nobody behind who comes then: under %s another %s takes turns at once', (order, _, newcomer) => {
    const { next } = joined(order, newcomer)
    const mine = next().filter(({ owner, tier }) => owner === 'ann' && tier === 'medium')
    expect(mine.length).toBeGreaterThanOrEqual(9)
    expect(mine.length).toBeLessThanOrEqual(11)
  })

  it('leaves nobody behind the clock for it: none of them is noted beside it', () => {
    const { world } = joined('weighted', { owner: 'bob' })
    const { ring, now } = world
    const { turns } = plan(aSnapshot({ ring, ledgers: limitedTo({ requests: 20 }) }), now)
    expect(behindOf(ring, turns)).toEqual([])
  })

  it('is given back as it was charged, though weights have changed since', () => {
    const { world, next } = joined('weighted', { tier: 'high' })
    const lane = laneIn(world.ring, { tier: 'medium', owner: 'ann' })
    const before = [lane.turn, groupOf(world.ring, lane).turn]
    next()
    const then = chargedTo(world.ring, lane)
    const after = [lane.turn, groupOf(world.ring, lane).turn]
    const ring = { ...world.ring, tierWeight: { ...EVEN_TIERS, medium: 0.01 } }
    const tokens = -(after[0] as number) + (before[0] as number)
    correct(ring, then, aCost({ requests: 0, tokens }))
    expect([lane.turn, groupOf(ring, lane).turn]).toEqual(before)
  })

  it('is nothing of turns that have begun anew', () => {
    const ring = aRing({ share: 'tokens', jobs: [{ owner: 'ann' }] })
    const lane = laneIn(ring, { tier: 'medium', owner: 'ann' })
    correct(ring, { lane: lane.id }, SETTLED)
    expect(lane.turn).toBe(0)
  })

  it('takes the clock nowhere where one is below it whom others have passed', () => {
    const ring = aRing({ share: 'tokens', tiers: EVEN_TIERS, jobs: [{ owner: 'ann' }] })
    const lane = laneIn(ring, { tier: 'medium', owner: 'ann' })
    const group = groupOf(ring, lane)
    Object.assign(lane, { turn: 300, active: true })
    Object.assign(group, { turn: 700, active: true, v: 400 })
    Object.assign(ring, { v: 650 })
    correct(ring, chargedTo(ring, lane), SETTLED)
    expect([lane.turn, group.v, group.turn, ring.v]).toEqual([210, 400, 610, 610])
  })
})

describe('a slot that was missed, where tokens are shared', () => {
  const watch = () => ({ notAfter: NOW, lookAt: NOW })
  const turns = (ring: Ring) => [...ring.lanes.values(), ...ring.groups.values()].map(({ turn }) => turn)
  const aContest = (order: Order) =>
    aRing({
      order,
      share: 'tokens',
      weights: { ann: 4, bob: 2 },
      tiers: { high: 8, medium: 4, low: 2 },
      jobs: ['ann', 'bob', 'cid'].map((owner, i) => ({ owner, count: 10, tokens: 32 * (i + 1) })),
    })
  function sendOne(ring: Ring) {
    const decided = plan(aSnapshot({ ring, ledgers: limitedTo({ requests: 1 }) }), NOW)
    applyPlan(ring, decided, NOW, watch)
    const [permit] = decided.permits
    if (!permit) throw new Error('somebody is in turn')
    return permit
  }

  it.each(ORDERS)('is given back with all its tokens, and the job is the next again, under %s', (order) => {
    const ring = aContest(order)
    for (let i = 0; i < 7; i++) sendOne(ring)
    const before = turns(ring)
    const { head } = sendOne(ring)
    expect(turns(ring)).not.toEqual(before)
    sentBack(ring, head.jobId, head, true)
    expect(turns(ring)).toEqual(before)
    expect(sendOne(ring).head.jobId).toBe(head.jobId)
  })

  it.each(ORDERS)('charges, once its call has used less, what that was and no more, under %s', (order) => {
    const [reserved, used] = [aContest(order), aContest(order)]
    for (const lane of used.lanes.values()) for (const head of lane.heads) head.tokens = 16
    const by = aCost({ requests: 0, tokens: 16 - sendOne(reserved).head.tokens })
    sendOne(used)
    correct(reserved, chargedTo(reserved, laneIn(reserved, { tier: 'medium', owner: 'ann' })), by)
    expect(turns(reserved)).toEqual(turns(used))
    expect(reserved.stale).toContain('ann')
  })

  it('leaves the turns of a pool that shares calls alone, whatever its calls have used', () => {
    const ring = aRing({ jobs: [{ count: 3 }] })
    sendOne(ring)
    const before = turns(ring)
    correct(ring, chargedTo(ring, laneIn(ring, { tier: 'medium', owner: 'ann' })), aCost({ requests: 0, tokens: -50 }))
    expect(turns(ring)).toEqual(before)
  })
})
