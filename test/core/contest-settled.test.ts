import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { groupOf, type Lane } from '../../core/ring.ts'
import { correct } from '../../core/turns.ts'
import { aCost, aRing, aShape, chargedTo } from '../support/builders.ts'
import { World } from './world.ts'

/** Floats are added up: what is within this of a bound keeps it. */
const EPSILON = 1e-6
const OWNERS = ['ann', 'bob', 'cid'] as const
type Owner = (typeof OWNERS)[number]
const PAIRS = [
  ['ann', 'bob'],
  ['ann', 'cid'],
  ['bob', 'cid'],
] as const satisfies [Owner, Owner][]
const LARGEST = 100

const usesOf = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 1, maxLength: 3 })
const worlds = fc.record({
  weights: fc.record({ ann: fc.constantFrom(0.5, 1, 3), bob: fc.constantFrom(1, 2), cid: fc.constantFrom(1, 7) }),
  /** What of its reservation each call uses, in turns. */
  used: fc.record({ ann: usesOf, bob: usesOf, cid: usesOf }),
  steps: fc.array(
    fc.record({
      waitMs: fc.constantFrom(100, 400, 1_000),
      /** Of what is in flight, oldest first, this share is settled. */
      settled: fc.constantFrom(0, 0, 0.5, 1),
      enter: fc.array(fc.record({ owner: fc.constantFrom(...OWNERS), count: fc.integer({ min: 1, max: 30 }) }), {
        maxLength: 2,
      }),
    }),
    { minLength: 5, maxLength: 40 },
  ),
})
type Drawn = typeof worlds extends fc.Arbitrary<infer T> ? T : never

/** Two while both have work: how their use by weight has come apart. */
interface Pair {
  low: number
  high: number
}

/** Lets a random world run in which calls are settled a while after they were permitted, for less than was reserved. */
class Play {
  excess = Number.NEGATIVE_INFINITY
  private readonly world: World
  private readonly use = new Map<Owner, number>()
  private readonly ready = new Map<Owner, number>()
  /** How far the clock stood above one who was ready: whoever came then would start behind that one. */
  behind = 0
  /** By weight, of all, at most. */
  private unsettledAtMost = 0
  private readonly pairs = new Map<string, Pair>()
  private flying: { lane: Lane; unused: number }[] = []
  private calls = 0

  constructor(private readonly p: Drawn) {
    const { weights } = p
    this.world = new World(aRing({ share: 'tokens', weights }), { shape: aShape({ limits: { requests: 5 } }) })
    for (const step of p.steps) this.step(step)
  }

  private step({ waitMs, settled, enter }: Drawn['steps'][number]): void {
    const { world } = this
    world.now += waitMs
    this.settle(Math.ceil(settled * this.flying.length))
    for (const lane of world.ring.lanes.values())
      if (lane.active) this.behind = Math.max(this.behind, groupOf(world.ring, lane).v - lane.turn)
    for (const { owner, count } of enter) world.enter({ owner, count, tokens: LARGEST })
    for (const owner of OWNERS) this.ready.set(owner, this.readyIn(owner))
    this.look()
    for (const { lane, head } of world.tick().permits) {
      const owner = lane.owner as Owner
      const uses = this.p.used[owner]
      const used = head.tokens * (uses[this.calls++ % uses.length] as number)
      this.flying.push({ lane, unused: head.tokens - used })
      this.use.set(owner, (this.use.get(owner) ?? 0) + used / this.p.weights[owner])
      this.measure()
      this.ready.set(owner, (this.ready.get(owner) ?? 0) - 1)
      this.look()
    }
  }

  private readyIn(owner: Owner): number {
    const lanes = [...this.world.ring.lanes.values()].filter((lane) => lane.owner === owner)
    return lanes.reduce((sum, lane) => sum + this.world.ready(lane), 0)
  }

  private settle(n: number): void {
    for (const { lane, unused } of this.flying.splice(0, n))
      correct(this.world.ring, chargedTo(this.world.ring, lane), aCost({ requests: 0, tokens: -unused }))
  }

  private unsettled(): number {
    return this.flying.reduce((sum, { lane, unused }) => sum + unused / this.p.weights[lane.owner as Owner], 0)
  }

  /** Who has work now. */
  private look(): void {
    for (const [a, b] of PAIRS) {
      const id = `${a} ${b}`
      const apart = this.apart(a, b)
      if ([a, b].some((one) => (this.ready.get(one) ?? 0) === 0)) this.pairs.delete(id)
      else if (!this.pairs.has(id)) this.pairs.set(id, { low: apart, high: apart })
    }
  }

  private measure(): void {
    this.unsettledAtMost = Math.max(this.unsettledAtMost, this.unsettled())
    for (const [id, pair] of this.pairs) {
      const [a, b] = id.split(' ') as [Owner, Owner]
      const apart = this.apart(a, b)
      pair.low = Math.min(pair.low, apart)
      pair.high = Math.max(pair.high, apart)
      const bound = LARGEST / this.p.weights[a] + LARGEST / this.p.weights[b] + 2 * this.unsettledAtMost
      this.excess = Math.max(this.excess, pair.high - pair.low - bound)
    }
  }

  private apart(a: Owner, b: Owner): number {
    return (this.use.get(a) ?? 0) - (this.use.get(b) ?? 0)
  }
}

describe('owners whose calls are settled for less than they reserve (G4)', () => {
  it('differ in tokens by weight by the largest job of each, and twice what was reserved and not settled at most', () => {
    fc.assert(
      fc.property(worlds, (p) => {
        expect(new Play(p).excess).toBeLessThanOrEqual(EPSILON)
      }),
      { numRuns: 200 },
    )
  })

  it('are never below the clock while they are ready: who comes starts behind none of them', () => {
    fc.assert(
      fc.property(worlds, (p) => {
        expect(new Play(p).behind).toBeLessThanOrEqual(EPSILON)
      }),
      { numRuns: 200 },
    )
  })
})
