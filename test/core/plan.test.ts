import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Contest } from '../../core/contest.ts'
import { type Cost, DIMENSIONS, type Limits } from '../../core/cost.ts'
import { reasonFor } from '../../core/holds.ts'
import { TIERS } from '../../core/job.ts'
import { fullLedger, spanMs, stampAt } from '../../core/ledger.ts'
import { fitsAll, type Ledgers, permitAll, shapesOf } from '../../core/ledgers.ts'
import { intervalMs, leadMs, PERMITS_PER_TICK } from '../../core/pacing.ts'
import { applyPlan, type Plan, plan, type Snapshot } from '../../core/plan.ts'
import { type Lane, laneIn, type Ring } from '../../core/ring.ts'
import { Settings } from '../../core/settings.ts'
import { costing } from '../../services/costs.ts'
import {
  aCost,
  aLedger,
  aPool,
  aRing,
  aShape,
  aSnapshot,
  enterJobs,
  type Jobs,
  limitedTo,
  NOW,
  someLedgers,
} from '../support/builders.ts'
import { someCosts, someShapes } from './drawn.ts'
import { type Call, exceededInAny, isLegalInAll } from './recount.ts'

const LOOKS_AT_MOST = 10
const watch = () => ({ notAfter: NOW, lookAt: NOW })
/** Everything in a ring but its function. */
const pictureOf = (ring: Ring) => structuredClone({ ...ring, ownerWeight: undefined })
/** A plan's outcome in short: what a dispatcher sees of it. */
const gist = ({ permits, holds, againAt }: Plan) => ({ permits: permits.length, holds, againAt })

/** The ledgers with what fits of some calls, and the calls. */
function issued(empty: Ledgers, wanted: readonly Call[]): { ledgers: Ledgers; calls: Call[] } {
  let ledgers = empty
  const calls = wanted.filter(({ at, ...cost }) => {
    const legal = fitsAll(ledgers, at, cost)
    if (legal) ledgers = permitAll(ledgers, at, cost)
    return legal
  })
  return { ledgers, calls }
}

const jobs = fc.array(
  fc.record({
    owner: fc.constantFrom('ann', 'bob', 'cid'),
    tier: fc.constantFrom(...TIERS),
    count: fc.integer({ min: 1, max: 8 }),
    at: fc.constantFrom(NOW - 10, NOW, NOW + 300),
    tokens: fc.integer({ min: 1, max: 50 }),
    inputTokens: fc.nat(20),
  }),
  { maxLength: 8 },
)
const longer = fc.record({
  bucketMs: fc.integer({ min: 20, max: 200 }),
  buckets: fc.integer({ min: 2, max: 12 }),
  limits: fc.record({ requests: fc.integer({ min: 3, max: 12 }), tokens: fc.integer({ min: 60, max: 300 }) }),
})

const snapshots = fc
  .record({
    window: someShapes({ buckets: 3, bucketMs: 50 }),
    day: fc.option(longer, { freq: 2, nil: undefined }),
    before: fc.array(fc.record({ bucket: fc.integer({ min: -12, max: 12 }), cost: someCosts }), { maxLength: 25 }),
    order: fc.constantFrom('weighted', 'strict', 'owners'),
    share: fc.constantFrom('requests', 'tokens'),
    pacing: fc.constantFrom('even', 'burst'),
    nextInMs: fc.record({ requests: fc.integer({ min: -300, max: 600 }), tokens: fc.integer({ min: -300, max: 600 }) }),
    concurrency: fc.oneof({ weight: 3, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat(6) }),
    travelMs: fc.nat(100),
    jobs,
  })
  .map(({ window, day, before, order, share, jobs, nextInMs, ...rest }): { snapshot: Snapshot; calls: Call[] } => {
    const wanted = before.map(({ bucket, cost }) => ({ at: stampAt(window, NOW) + bucket * window.bucketMs, ...cost }))
    const empty = { ...someLedgers({ shape: window }), ...(day ? { day: aLedger({ shape: day }) } : {}) }
    const { ledgers, calls } = issued(empty, wanted)
    const next = { requests: NOW + nextInMs.requests, tokens: NOW + nextInMs.tokens }
    const ring = aRing({
      order,
      share,
      jobs: jobs.map((some) => ({ ...some, inputTokens: Math.min(some.inputTokens, some.tokens) })),
    })
    return { snapshot: aSnapshot({ ring, ledgers, next, ...rest }), calls }
  })

const limitsTokens = ({ window, day }: Ledgers): boolean =>
  [window, day].some((ledger) => Object.keys(ledger?.shape.limits ?? {}).some((d) => d !== 'requests'))

/** Whether the first job of some other lane, which may wait for tokens, would lose a slot by this call. */
function putsOffAnother(
  { ring, ledgers, costOf }: Snapshot,
  inTurn: Lane,
  truth: readonly Call[],
  call: Call,
): boolean {
  if (!limitsTokens(ledgers)) return false
  const { bucketMs } = ledgers.window.shape
  const spans = [ledgers.window, ledgers.day].map((ledger) => (ledger ? spanMs(ledger.shape) : 0))
  const others = [...ring.lanes.values()].filter((lane) => lane !== inTurn).flatMap((lane) => lane.heads.slice(0, 1))
  return others.some((head) => {
    for (let at = call.at; head.at <= NOW && at <= call.at + 2 * Math.max(...spans); at += bucketMs) {
      const its = { at, ...costOf(head) }
      if (isLegalInAll(truth, its, ledgers) && !isLegalInAll([...truth, call], its, ledgers)) return true
    }
    return false
  })
}

describe('a plan', () => {
  it('changes nothing of its snapshot', () => {
    fc.assert(
      fc.property(snapshots, ({ snapshot }) => {
        const before = [pictureOf(snapshot.ring), structuredClone(snapshot.ledgers)]
        plan(snapshot, NOW)
        expect([pictureOf(snapshot.ring), snapshot.ledgers]).toEqual(before)
      }),
    )
  })

  it('is the same for the same snapshot and time', () => {
    fc.assert(
      fc.property(snapshots, ({ snapshot }) => {
        expect(plan(snapshot, NOW)).toEqual(plan(snapshot, NOW))
      }),
    )
  })

  it('stamps slots that can be reached, in order where calls alone are limited, on jobs that are ready, and never exceeds a limit', () => {
    fc.assert(
      fc.property(snapshots, ({ snapshot, calls }) => {
        const { shape } = snapshot.ledgers.window
        const lead = leadMs(intervalMs(shape, snapshot.pacing), snapshot.travelMs)
        const { permits } = plan(snapshot, NOW)
        for (const { head, slot } of permits) {
          expect(head.at).toBeLessThanOrEqual(NOW)
          expect(slot).toBeGreaterThanOrEqual(NOW + snapshot.travelMs)
          expect(slot).toBeLessThanOrEqual(NOW + lead)
        }
        const slots = permits.map((p) => p.slot)
        // What needs less of something may find an earlier slot.
        if (!snapshot.ledgers.day && Object.keys(shape.limits).every((d) => d === 'requests'))
          expect(slots).toEqual([...slots].sort((a, b) => a - b))
        expect(new Set(permits.map((p) => p.head.jobId)).size).toBe(permits.length)
        expect(permits.length).toBeLessThanOrEqual(snapshot.concurrency)
        const truth = [...calls, ...permits.map((p) => ({ at: p.slot, ...snapshot.costOf(p.head) }))]
        expect(exceededInAny(truth, snapshot.ledgers)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('wastes nothing (G3): while a job is ready, no legal slot that pacing offers within half a lead is left', () => {
    fc.assert(
      fc.property(snapshots, ({ snapshot, calls }) => {
        const { shape } = snapshot.ledgers.window
        const decided = plan(snapshot, NOW)
        applyPlan(snapshot.ring, decided, NOW, watch)
        const inTurn = new Contest(snapshot.ring, NOW).first()
        expect(decided.holds === undefined).toBe(inTurn === undefined)
        if (!inTurn) return
        expect(decided.holds).toMatch(/^CAPACITY_/)
        if (decided.permits.length === snapshot.concurrency) return
        const cost = snapshot.costOf(inTurn.head)
        const truth = [...calls, ...decided.permits.map((p) => ({ at: p.slot, ...snapshot.costOf(p.head) }))]
        const end = NOW + leadMs(intervalMs(shape, snapshot.pacing), snapshot.travelMs) / 2
        const paced = DIMENSIONS.filter((d) => cost[d] > 0).map((d) => decided.next[d] ?? 0)
        const from = stampAt(shape, Math.max(...paced, NOW + snapshot.travelMs))
        for (let at = from; at <= end; at += shape.bucketMs) {
          const call = { at, ...cost }
          const legal = isLegalInAll(truth, call, snapshot.ledgers)
          expect(legal && !putsOffAnother(snapshot, inTurn.lane, truth, call)).toBe(false)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('goes on when it said: whoever is held by capacity is permitted at againAt', () => {
    fc.assert(
      fc.property(snapshots, fc.boolean(), ({ snapshot }, whole) => {
        let decided = plan(snapshot, NOW)
        const grown = () => [...snapshot.ring.lanes.values()].some((lane) => lane.heads[0]?.at === NOW + 300)
        // One that may pass a job which waits for tokens may find, when it is asked anew, that it would put that off.
        for (let looks = 0; looks < LOOKS_AT_MOST; looks++) {
          const { againAt, ledgers, next } = decided
          applyPlan(snapshot.ring, decided, NOW, watch)
          if (!decided.holds || againAt === Infinity || (grown() && againAt >= NOW + 300)) return
          decided = plan({ ...snapshot, ledgers, next }, whole ? Math.ceil(againAt) : againAt)
          if (decided.permits.length > 0) return
        }
        expect.fail('nobody was permitted')
      }),
      { numRuns: 300 },
    )
  })

  it('takes no more than its bound, and goes on at once', () => {
    const ring = aRing({ jobs: [{ count: 150 }, { owner: 'bob', count: 150 }] })
    const decided = plan(aSnapshot({ ring, ledgers: limitedTo({ requests: 10_000 }) }), NOW)
    expect(gist(decided)).toEqual({ permits: PERMITS_PER_TICK, holds: undefined, againAt: NOW })
  })

  it('lets a job above the whole limit pass as if it were the limit: its worker fails it, and the line goes on', () => {
    const pool = aPool({ requests: 5, tokens: 100 })
    const settings = Settings.parse({ pools: { main: pool }, kinds: {} })
    const { costOf } = costing(settings, { id: 'main', pool, learned: { lengths: new Map(), inputs: new Map() } })
    const ring = aRing({ jobs: [{ tokens: 5000 }, { owner: 'bob', tokens: 10 }] })
    const snapshot = aSnapshot({ ring, costOf, ledgers: { window: aLedger({ shape: shapesOf(pool).window }) } })
    const decided = plan(snapshot, NOW)
    expect(decided.permits.map((p) => p.head.tokens)).toEqual([5000])
    applyPlan(ring, decided, NOW, watch)
    expect(plan({ ...snapshot, ledgers: decided.ledgers }, NOW + 61_000).permits).toHaveLength(1)
  })

  it('once applied, has moved what was permitted out of the lanes and under watch', () => {
    const ring = aRing({ jobs: [{ count: 3 }] })
    const decided = plan(aSnapshot({ ring, ledgers: limitedTo({ requests: 2 }) }), NOW)
    applyPlan(ring, decided, NOW, (p) => ({ notAfter: p.slot + 250, lookAt: p.slot + 9 }))
    const lane = laneIn(ring, { tier: 'medium', owner: 'ann' })
    expect(lane.heads).toHaveLength(1)
    const { head, slot } = decided.permits[0] ?? { head: undefined, slot: 0 }
    expect(ring.sent.get(head?.jobId ?? '')).toEqual({
      head,
      // Both stand in one moment.
      held: { requests: 2 },
      cost: aCost({ tokens: 100, input: 100 }),
      weights: { group: 30, leaf: 1 },
      lane: lane.id,
      slot,
      notAfter: slot + 250,
      lookAt: slot + 9,
    })
    expect([...ring.stale]).toEqual(['ann'])
    applyPlan(ring, plan(aSnapshot({ ring }), NOW), NOW, watch)
    expect(ring.busy.size).toBe(0)
    expect(lane).toMatchObject({ active: false, idleSince: NOW })
  })
})

describe('a standstill says why, and when to look again', () => {
  const one: Jobs[] = [{}]
  const used = (requests: number, limits: Limits = {}, cost: Partial<Cost> = {}) =>
    someLedgers({
      shape: aShape({ limits: { requests: 5, ...limits } }),
      permits: Array.from({ length: requests }, () => ({ slot: NOW, ...cost })),
    })
  /** A longer ledger with one call. */
  const dayOf = (limits: Limits) =>
    aLedger({ shape: aShape({ bucketMs: 1_000, buckets: 10, limits }), permits: [{ slot: NOW, tokens: 1 }] })
  // No lead is shorter than 50 ms, and slots come into reach half a lead ahead.
  const HALF = 25

  it.each<
    [string, Partial<Snapshot> & { jobs?: Jobs[] }, { permits: number; holds: string | undefined; againAt: number }]
  >([
    ['nobody waits', { jobs: [] }, { permits: 0, holds: undefined, againAt: Infinity }],
    ['all that waits has gone', { jobs: one }, { permits: 1, holds: undefined, againAt: Infinity }],
    [
      'what waits is to start later',
      { jobs: [{ at: NOW + 9000 }, { owner: 'bob', at: NOW + 700 }] },
      { permits: 0, holds: undefined, againAt: NOW + 700 },
    ],
    [
      'what stands behind is to start later',
      { jobs: [{}, { at: NOW + 700 }] },
      { permits: 1, holds: undefined, againAt: NOW + 700 },
    ],
    [
      'the limit of calls is used up',
      { jobs: one, ledgers: used(5) },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'the limit of tokens is used up',
      { jobs: one, ledgers: used(1, { tokens: 100 }, { tokens: 1 }) },
      { permits: 0, holds: 'CAPACITY_TPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'the limit of calls is used up where tokens are counted',
      { jobs: one, ledgers: used(5, { tokens: 1000 }, { tokens: 1 }) },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'there is no history yet',
      { jobs: one, ledgers: { window: fullLedger(aShape({ limits: { requests: 5, tokens: 1000 } }), NOW) } },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'the pace offers no slot yet',
      { jobs: one, pacing: 'even', next: { requests: NOW + 3000 } },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 3000 - 500 },
    ],
    [
      'the limit of input is used up',
      { jobs: one, ledgers: used(1, { input: 100 }, { input: 1 }) },
      { permits: 0, holds: 'CAPACITY_TPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'the limit of output is used up, and what waits has none',
      { jobs: one, ledgers: used(1, { output: 100 }, { output: 100 }) },
      { permits: 1, holds: undefined, againAt: Infinity },
    ],
    [
      "a day's limit is used up",
      { jobs: one, ledgers: { ...used(1), day: dayOf({ requests: 1 }) } },
      { permits: 0, holds: 'CAPACITY_DAY', againAt: NOW + 9_100 - HALF },
    ],
    [
      "a day's tokens are used up",
      { jobs: one, ledgers: { ...used(1), day: dayOf({ tokens: 100 }) } },
      { permits: 0, holds: 'CAPACITY_DAY', againAt: NOW + 9_100 - HALF },
    ],
    [
      'the day has room and the window has none',
      { jobs: one, ledgers: { ...used(5), day: dayOf({ requests: 2, tokens: 101 }) } },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'as many are in flight as may be',
      { jobs: [{ count: 3 }], concurrency: 2 },
      { permits: 2, holds: 'CAPACITY_CONCURRENCY', againAt: Infinity },
    ],
    [
      'just so many are ready',
      { jobs: [{ count: 2 }], concurrency: 2 },
      { permits: 2, holds: undefined, againAt: Infinity },
    ],
    [
      'as many are in flight as may be, and the provider asked for quiet',
      { jobs: one, concurrency: 0, quietUntil: NOW + 5000 },
      { permits: 0, holds: 'SLOWDOWN', againAt: NOW + 5000 },
    ],
    [
      'something is due before capacity is free',
      { jobs: [{}, { owner: 'bob', at: NOW + 300 }], ledgers: used(5) },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 300 },
    ],
    [
      'the provider asked for quiet',
      { jobs: one, quietUntil: NOW + 5000 },
      { permits: 0, holds: 'SLOWDOWN', againAt: NOW + 5000 },
    ],
    ['quiet is over', { jobs: one, quietUntil: NOW }, { permits: 1, holds: undefined, againAt: Infinity }],
    [
      'quiet is asked for and nobody waits',
      { jobs: [], quietUntil: NOW + 5000 },
      { permits: 0, holds: undefined, againAt: Infinity },
    ],
    [
      'the pool is stopped',
      { jobs: one, stopped: { probeAt: NOW + 60_000 } },
      { permits: 0, holds: 'PROVIDER_CONFIG', againAt: NOW + 60_000 },
    ],
    [
      'the pool is stopped for as long as nobody resumes it',
      { jobs: one, stopped: { probeAt: Infinity } },
      { permits: 0, holds: 'PROVIDER_CONFIG', againAt: Infinity },
    ],
    [
      'the pool is stopped and quiet is asked for longer',
      { jobs: one, stopped: { probeAt: NOW }, quietUntil: NOW + 5000 },
      { permits: 0, holds: 'PROVIDER_CONFIG', againAt: NOW + 5000 },
    ],
    [
      'a stopped pool sends its one probe',
      { jobs: [{ count: 3 }, { owner: 'bob' }], stopped: { probeAt: NOW } },
      { permits: 1, holds: 'PROVIDER_CONFIG', againAt: NOW },
    ],
  ])('when %s', (_, { jobs = [], ...over }, expected) => {
    expect(gist(plan(aSnapshot({ ring: aRing({ jobs }), ...over }), NOW))).toEqual(expected)
  })

  it('and looks again at once where memory ends before the lane does', () => {
    const ring = aRing({ jobs: [{ count: 1 }] })
    const lane = laneIn(ring, { tier: 'medium', owner: 'ann' })
    lane.cursor = { lane: lane.id, at: NOW, jobId: 'z' }
    expect(gist(plan(aSnapshot({ ring }), NOW))).toEqual({ permits: 1, holds: undefined, againAt: NOW })
  })
})

describe('calls in flight', () => {
  it('are never more than may be, and each that is over makes room for one', () => {
    const ring = aRing({ jobs: [{ count: 9 }, { owner: 'bob', count: 9 }] })
    const snapshot = aSnapshot({ ring, ledgers: limitedTo({ requests: 100 }), concurrency: 4 })
    const permitted = [3, 1, 4, 2].map((over) => {
      const decided = plan(snapshot, NOW)
      applyPlan(ring, decided, NOW, watch)
      expect(ring.sent.size).toBe(4)
      for (const jobId of [...ring.sent.keys()].slice(0, over)) ring.sent.delete(jobId)
      return decided.permits.length
    })
    expect(permitted).toEqual([4, 3, 1, 4])
  })
})

describe('a probe of a stopped pool', () => {
  it('counts among calls in flight: where none more may be it waits for the end of one', () => {
    const ring = aRing({ jobs: [{ count: 3 }] })
    const running = aSnapshot({ ring, ledgers: limitedTo({ requests: 100 }), concurrency: 1 })
    applyPlan(ring, plan(running, NOW), NOW, watch)
    const stopped = { ...running, stopped: { probeAt: NOW } }
    expect(gist(plan(stopped, NOW))).toEqual({ permits: 0, holds: 'PROVIDER_CONFIG', againAt: Infinity })
    ring.sent.clear()
    expect(gist(plan(stopped, NOW))).toMatchObject({ permits: 1 })
  })
})

describe('why the first job of a lane waits', () => {
  const lanesOf = (order: 'weighted' | 'owners') => {
    const ring = aRing({
      order,
      jobs: [
        { owner: 'ann', tier: 'high' },
        { owner: 'ann', tier: 'low' },
        { owner: 'bob', tier: 'high' },
      ],
    })
    const lane = (owner: string, tier: 'high' | 'low') => laneIn(ring, { owner, tier })
    return { ring, inTurn: lane('ann', 'high'), sameTier: lane('bob', 'high'), sameOwner: lane('ann', 'low') }
  }

  it.each(['weighted', 'owners'] as const)(
    'is what holds everybody for the lane in turn, and whose turn it is for the others, under %s',
    (order) => {
      const { ring, inTurn, sameTier, sameOwner } = lanesOf(order)
      const why = (lane: typeof inTurn) => reasonFor(ring, lane, { holds: 'CAPACITY_RPM', inTurn, now: NOW })
      expect([why(inTurn), why(sameTier), why(sameOwner)]).toEqual(['CAPACITY_RPM', 'OWNER_TURN', 'TIER_TURN'])
    },
  )

  it.each(['PROVIDER_CONFIG', 'SLOWDOWN'] as const)('is %s for everybody: no turn would help', (holds) => {
    const { ring, inTurn, sameTier, sameOwner } = lanesOf('weighted')
    for (const lane of [inTurn, sameTier, sameOwner])
      expect(reasonFor(ring, lane, { holds, inTurn, now: NOW })).toBe(holds)
  })

  it('is its time while that has not come: after a failure as backoff', () => {
    const ring = aRing({
      jobs: [
        { owner: 'ann', at: NOW + 1 },
        { owner: 'bob', at: NOW + 1, attempt: 1 },
      ],
    })
    const why = (owner: string) =>
      reasonFor(ring, laneIn(ring, { owner, tier: 'medium' }), { holds: 'SLOWDOWN', now: NOW })
    expect([why('ann'), why('bob')]).toEqual(['SCHEDULED', 'BACKOFF'])
  })

  it('is that it has just come, when nothing holds anybody', () => {
    const ring = aRing()
    enterJobs(ring, {})
    expect(reasonFor(ring, laneIn(ring, { owner: 'ann', tier: 'medium' }), { now: NOW })).toBe('DISPATCHING')
  })
})
