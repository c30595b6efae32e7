import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Tier } from '../../core/job.ts'
import { type Lane, laneIn } from '../../core/ring.ts'
import { aRing, aShape, EVEN_TIERS } from '../support/builders.ts'
import { Gaps } from './gaps.ts'
import { World } from './world.ts'

/** Floats are added up: what is within this of a bound keeps it. */
const EPSILON = 1e-6
/** Of a shape, where nothing else is said. */
const WINDOW_MS = 1_000
const TIERS = ['high', 'medium', 'low'] as const satisfies Tier[]
const OWNERS = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay'] as const
const weightsOf = fc.constantFrom(0.5, 1, 2, 3, 7, 10 / 3)
/** Some owners have small jobs only, and some none but large ones. */
const sizesOf = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 }),
  fc.constant([2]),
  fc.constant([90]),
)

const worlds = fc.record({
  share: fc.constantFrom('requests', 'tokens'),
  order: fc.constantFrom('weighted', 'owners'),
  tiers: fc.record({ high: weightsOf, medium: weightsOf, low: weightsOf }),
  weights: fc.record({
    ann: weightsOf,
    bob: weightsOf,
    cid: weightsOf,
    dan: weightsOf,
    eve: weightsOf,
    fay: weightsOf,
  }),
  /** Of each owner's jobs, in turns. */
  sizes: fc.record({ ann: sizesOf, bob: sizesOf, cid: sizesOf, dan: sizesOf, eve: sizesOf, fay: sizesOf }),
  pacing: fc.constantFrom('even', 'burst'),
  steps: fc.array(
    fc.record({
      waitMs: fc.constantFrom<number[]>(0, 10, 50, 100, 400),
      takenOver: fc.boolean(),
      enter: fc.array(
        fc.record({
          owner: fc.constantFrom(...OWNERS),
          tier: fc.constantFrom(...TIERS),
          count: fc.integer({ min: 1, max: 12 }),
        }),
        { maxLength: 4 },
      ),
    }),
    { minLength: 5, maxLength: 40 },
  ),
})
/** One has much to do; others come with a job at a time, while it waits for room; then one comes to stay. */
const visited = fc
  .tuple(
    worlds,
    fc.array(
      fc.record({ takenOver: fc.boolean(), owner: fc.constantFrom(...OWNERS), tier: fc.constantFrom(...TIERS) }),
      {
        minLength: 4,
        maxLength: 24,
      },
    ),
  )
  .map(([world, visitors]) => {
    const last = visitors.length - 1
    const steps = visitors.map(({ takenOver, ...one }, i) => ({
      waitMs: i === 0 ? 0 : WINDOW_MS / 2,
      takenOver,
      enter: [{ ...one, count: i === 0 || i === last ? 30 : 1 }],
    }))
    const after = Array.from({ length: 40 }, () => ({ waitMs: WINDOW_MS / 2, takenOver: false, enter: [] }))
    return { ...world, steps: [...steps, ...after] }
  })
type Owner = (typeof OWNERS)[number]
type Drawn = typeof worlds extends fc.Arbitrary<infer T> ? T : never

/** Lets a random world run in which jobs wait for tokens, and measures how far tiers and owners drift apart in it. */
class Play {
  private readonly world: World
  private readonly groups: Gaps
  private readonly leaves: Gaps
  private entered = 0

  constructor(private readonly p: Drawn) {
    const { share, order, tiers, weights, pacing } = p
    const shape = aShape({ limits: { requests: 20, tokens: 100 } })
    this.world = new World(aRing({ share, order, tiers, weights }), { shape, pacing })
    const weightOf = (id: string) => ({ ...tiers, ...weights })[id.split(' ').at(-1) as Tier]
    const sizesOf = (name: string) => (name in p.sizes ? p.sizes[name as Owner] : OWNERS.flatMap((o) => p.sizes[o]))
    const ownerIn = (id: string) => (order === 'weighted' ? id.split(' ').at(-1) : id.split(' ')[0]) as string
    const largestOf = (id: string) => (share === 'requests' ? 1 : Math.max(...sizesOf(ownerIn(id))))
    const together = (a: string, b: string) => a.split(' ')[0] === b.split(' ')[0]
    this.groups = new Gaps(weightOf, () => true, largestOf, true)
    this.leaves = new Gaps(weightOf, together, largestOf, true)
    for (const step of p.steps) this.step(step)
  }

  get excess(): number {
    return Math.max(this.groups.excess, this.leaves.excess)
  }

  private step({ waitMs, takenOver, enter }: Drawn['steps'][number]): void {
    const { world, p, groups, leaves } = this
    world.now += waitMs
    if (takenOver) world.takeOver()
    for (const { owner, tier, count } of enter)
      for (let i = 0; i < count; i++) world.enter({ owner, tier, tokens: this.size(owner) })
    groups.begin(this.ready((lane) => this.groupOf(lane)))
    leaves.begin(this.ready((lane) => this.leafOf(lane)))
    for (const { lane, head } of world.tick().permits) {
      const by = p.share === 'requests' ? 1 : head.tokens
      groups.served(this.groupOf(lane), by)
      leaves.served(this.leafOf(lane), by)
    }
  }

  private size(owner: Owner): number {
    const sizes = this.p.sizes[owner]
    return sizes[this.entered++ % sizes.length] as number
  }
  private groupOf({ tier, owner }: Lane): string {
    return this.p.order === 'weighted' ? tier : owner
  }
  private leafOf({ tier, owner }: Lane): string {
    return this.p.order === 'weighted' ? `${tier} ${owner}` : `${owner} ${tier}`
  }
  private ready(name: (lane: Lane) => string): Map<string, number> {
    const ready = new Map<string, number>()
    for (const lane of this.world.ring.lanes.values())
      ready.set(name(lane), (ready.get(name(lane)) ?? 0) + this.world.ready(lane))
    return ready
  }
}

describe('where jobs wait for room while others pass, tiers and owners (G4, G5)', () => {
  it('differ by weight by one job of each, the largest, and twice the larger of these, whatever third parties have and whoever takes over', () => {
    fc.assert(
      fc.property(fc.oneof(worlds, visited), (p) => {
        expect(new Play(p).excess).toBeLessThanOrEqual(EPSILON)
      }),
      { numRuns: 800 },
    )
  })

  it('go on in turns while a large job of the one waits, though others of it could go at once', () => {
    const world = new World(aRing({ tiers: EVEN_TIERS }), { shape: aShape({ limits: { requests: 100, tokens: 100 } }) })
    for (let round = 0; round < 2; round++) {
      if (round > 0) world.enter({ tier: 'high', owner: 'fay', tokens: 1, count: 8 })
      world.enter({ tier: 'low', owner: 'ann', tokens: 60 })
      for (const owner of ['bob', 'cid', 'dan', 'eve']) world.enter({ tier: 'low', owner, tokens: 1 })
      if (round === 0) world.tick()
    }
    const turns = world.tick().permits.map(({ lane }) => (lane.tier === 'high' ? 'h' : 'l'))
    expect(turns.join('')).toBe('hhhlhlhlhlh')
  })

  it('start whoever comes while a large job waits alone where that one starts, however often it has gone before others', () => {
    const world = new World(aRing({ tiers: { high: 6, medium: 1, low: 1 } }), {
      shape: aShape({ limits: { requests: 100, tokens: 100 } }),
    })
    const served = () => {
      world.now += WINDOW_MS
      return world.tick().permits.map(({ lane }) => lane.tier[0])
    }
    world.enter({ tier: 'low', tokens: 60, count: 20 })
    world.tick()
    for (let round = 0; round < 6; round++) {
      world.tick()
      world.enter({ tier: 'high', tokens: 60 })
      expect([...served(), ...served()].join('')).toBe('lh')
    }
    world.tick()
    world.enter({ tier: 'medium', tokens: 60, count: 20 })
    expect(Array.from({ length: 6 }, served).flat().join('')).toBe('lmlmlm')
  })

  it('start whoever comes after a large job was cancelled as if it had never been', () => {
    const world = new World(aRing(), { shape: aShape({ limits: { requests: 2, tokens: 100 } }) })
    const next = () => {
      world.now += WINDOW_MS
      return world.tick().permits.map(({ lane }) => lane.owner)
    }
    world.enter({ owner: 'bob', tokens: 10 })
    world.enter({ owner: 'eve', tokens: 100 })
    world.tick()
    world.now += WINDOW_MS / 2
    expect(world.tick().waits).toBeDefined()
    world.cancel(laneIn(world.ring, { tier: 'medium', owner: 'eve' }))
    world.enter({ owner: 'bob', tokens: 10, count: 9 })
    expect(next()).toEqual(['bob', 'bob'])
    world.tick()
    world.enter({ owner: 'cid', tokens: 10, count: 2 })
    expect(next()).toEqual(['cid', 'bob'])
  })

  it('start whoever comes after a large job has gone where those stand that wait already', () => {
    const world = new World(aRing({ share: 'tokens' }), { shape: aShape({ limits: { requests: 20, tokens: 1000 } }) })
    world.enter({ owner: 'dan', tokens: 600, count: 2 })
    world.tick()
    world.enter({ owner: 'cid', tokens: 5, count: 400 })
    world.tick()
    world.now += WINDOW_MS
    expect(world.tick().permits.map(({ lane }) => lane.owner)).toContain('dan')
    world.enter({ owner: 'ann', tokens: 5, count: 400 })
    world.now += WINDOW_MS
    const first = world.tick().permits.map(({ lane }) => lane.owner[0])
    expect(first.slice(0, 8).join('')).toMatch(/^a{1,2}(ca)+c?$/)
  })
})
