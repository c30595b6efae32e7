import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Contest } from '../../core/contest.ts'
import { TIERS } from '../../core/job.ts'
import { emptyLedger, fits, fullLedger, type LedgerShape, permit, spanMs, stampAt } from '../../core/ledger.ts'
import { intervalMs, leadMs } from '../../core/pacing.ts'
import {
  applyPlan,
  PERMITS_PER_TICK,
  type Plan,
  plan,
  reasonFor,
  SLOWED_TICK_MS,
  type Snapshot,
} from '../../core/plan.ts'
import { laneIn, type Ring } from '../../core/ring.ts'
import { aLedger, aRing, aShape, aSnapshot, enterJobs, type Jobs, NOW } from '../support/builders.ts'
import { type Call, fullestOf, isLegal } from './recount.ts'

const watch = () => ({ notAfter: NOW, lookAt: NOW })
/** Everything in a ring but its function. */
const pictureOf = (ring: Ring) => structuredClone({ ...ring, ownerWeight: undefined })
/** A plan's outcome in short: what a dispatcher sees of it. */
const gist = ({ permits, holds, againAt }: Plan) => ({ permits: permits.length, holds, againAt })

const snapshots = fc
  .record({
    shape: fc.record(
      {
        bucketMs: fc.integer({ min: 1, max: 50 }),
        buckets: fc.integer({ min: 3, max: 12 }),
        requests: fc.integer({ min: 1, max: 8 }),
        tokens: fc.integer({ min: 50, max: 200 }),
      },
      { requiredKeys: ['bucketMs', 'buckets', 'requests'] },
    ) as fc.Arbitrary<LedgerShape>,
    before: fc.array(fc.record({ bucket: fc.integer({ min: -12, max: 12 }), tokens: fc.nat(50) }), { maxLength: 25 }),
    order: fc.constantFrom('weighted', 'strict', 'owners'),
    pacing: fc.constantFrom('even', 'burst'),
    nextInMs: fc.integer({ min: -300, max: 600 }),
    travelMs: fc.nat(100),
    jobs: fc.array(
      fc.record({
        owner: fc.constantFrom('ann', 'bob', 'cid'),
        tier: fc.constantFrom(...TIERS),
        count: fc.integer({ min: 1, max: 8 }),
        at: fc.constantFrom(NOW - 10, NOW, NOW + 300),
        tokens: fc.integer({ min: 1, max: 50 }),
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ shape, before, order, jobs, nextInMs, ...rest }): { snapshot: Snapshot; calls: Call[] } => {
    let ledger = emptyLedger(shape, NOW)
    const calls: Call[] = []
    for (const { bucket, tokens } of before) {
      const call = { at: stampAt(shape, NOW + bucket * shape.bucketMs), requests: 1, tokens }
      if (!fits(ledger, call.at, call)) continue
      ledger = permit(ledger, call.at, call)
      calls.push(call)
    }
    return { snapshot: aSnapshot({ ring: aRing({ order, jobs }), ledger, next: NOW + nextInMs, ...rest }), calls }
  })

describe('a plan', () => {
  it('changes nothing of its snapshot', () => {
    fc.assert(
      fc.property(snapshots, ({ snapshot }) => {
        const before = [pictureOf(snapshot.ring), structuredClone(snapshot.ledger)]
        plan(snapshot, NOW)
        expect([pictureOf(snapshot.ring), snapshot.ledger]).toEqual(before)
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

  it('stamps slots that can be reached, in order, on jobs that are ready, and never exceeds a limit', () => {
    fc.assert(
      fc.property(snapshots, ({ snapshot, calls }) => {
        const { shape } = snapshot.ledger
        const lead = leadMs(intervalMs(shape, snapshot.pacing), snapshot.travelMs)
        const decided = plan(snapshot, NOW)
        const truth = [...calls]
        for (const { head, slot } of decided.permits) {
          expect(head.at).toBeLessThanOrEqual(NOW)
          expect(slot).toBeGreaterThanOrEqual(NOW + snapshot.travelMs)
          expect(slot).toBeLessThanOrEqual(NOW + lead)
          truth.push({ at: slot, requests: 1, tokens: head.tokens })
        }
        const slots = decided.permits.map((p) => p.slot)
        expect(slots).toEqual([...slots].sort((a, b) => a - b))
        expect(new Set(decided.permits.map((p) => p.head.jobId)).size).toBe(decided.permits.length)
        expect(fullestOf(truth, spanMs(shape), 'requests')).toBeLessThanOrEqual(shape.requests)
        expect(fullestOf(truth, spanMs(shape), 'tokens')).toBeLessThanOrEqual(shape.tokens ?? Infinity)
      }),
      { numRuns: 300 },
    )
  })

  it('wastes nothing (G3): while a job is ready, no legal slot that pacing offers within half a lead is left', () => {
    fc.assert(
      fc.property(snapshots, ({ snapshot, calls }) => {
        const { shape } = snapshot.ledger
        const decided = plan(snapshot, NOW)
        applyPlan(snapshot.ring, decided, NOW, watch)
        const inTurn = new Contest(snapshot.ring, NOW).first()
        expect(decided.holds === undefined).toBe(inTurn === undefined)
        if (!inTurn) return
        expect(decided.holds).toMatch(/^CAPACITY_/)
        const truth = [...calls, ...decided.permits.map((p) => ({ at: p.slot, requests: 1, tokens: p.head.tokens }))]
        const limits = { ms: spanMs(shape), requests: shape.requests, tokens: shape.tokens }
        const end = NOW + leadMs(intervalMs(shape, snapshot.pacing), snapshot.travelMs) / 2
        const from = stampAt(shape, Math.max(decided.next, NOW + snapshot.travelMs))
        for (let at = from; at <= end; at += shape.bucketMs)
          expect(isLegal(truth, { at, requests: 1, tokens: inTurn.head.tokens }, limits)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  it('goes on when it said: whoever is held by capacity is permitted at againAt', () => {
    fc.assert(
      fc.property(snapshots, fc.boolean(), ({ snapshot }, whole) => {
        const decided = plan(snapshot, NOW)
        applyPlan(snapshot.ring, decided, NOW, watch)
        if (!decided.holds) return
        const again = plan(
          { ...snapshot, ledger: decided.ledger, next: decided.next },
          whole ? Math.ceil(decided.againAt) : decided.againAt,
        )
        const grown = [...snapshot.ring.lanes.values()].some((lane) => lane.heads[0]?.at === NOW + 300)
        if (!grown || decided.againAt < NOW + 300) expect(again.permits.length).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })

  it('takes no more than its bound, and goes on at once', () => {
    const ring = aRing({ jobs: [{ count: 150 }, { owner: 'bob', count: 150 }] })
    const decided = plan(aSnapshot({ ring, ledger: aLedger({ shape: aShape({ requests: 10_000 }) }) }), NOW)
    expect(gist(decided)).toEqual({ permits: PERMITS_PER_TICK, holds: undefined, againAt: NOW })
  })

  it('lets a job above the whole limit pass as if it were the limit: its worker fails it, and the line goes on', () => {
    const ring = aRing({ jobs: [{ tokens: 5000 }, { owner: 'bob', tokens: 10 }] })
    const snapshot = aSnapshot({ ring, ledger: aLedger({ shape: aShape({ tokens: 100 }) }) })
    const decided = plan(snapshot, NOW)
    expect(decided.permits.map((p) => p.head.tokens)).toEqual([5000])
    expect(
      plan({ ...snapshot, ring: aRing({ jobs: [{ tokens: 10 }] }), ledger: decided.ledger }, NOW + 1000).permits,
    ).toHaveLength(1)
  })

  it('once applied, has moved what was permitted out of the lanes and under watch', () => {
    const ring = aRing({ jobs: [{ count: 3 }] })
    const decided = plan(aSnapshot({ ring, ledger: aLedger({ shape: aShape({ requests: 2 }) }) }), NOW)
    applyPlan(ring, decided, NOW, (p) => ({ notAfter: p.slot + 250, lookAt: p.slot + 9 }))
    const lane = laneIn(ring, { tier: 'medium', owner: 'ann' })
    expect(lane.heads).toHaveLength(1)
    const { head, slot } = decided.permits[0] ?? { head: undefined, slot: 0 }
    expect(ring.sent.get(head?.jobId ?? '')).toEqual({
      head,
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
  const used = (requests: number, over: Partial<LedgerShape> = {}, tokens = 0) =>
    aLedger({ shape: aShape(over), permits: Array.from({ length: requests }, () => ({ slot: NOW, tokens })) })
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
      { jobs: one, ledger: used(5) },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'the limit of tokens is used up',
      { jobs: one, ledger: used(1, { tokens: 100 }, 1) },
      { permits: 0, holds: 'CAPACITY_TPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'the limit of calls is used up where tokens are counted',
      { jobs: one, ledger: used(5, { tokens: 1000 }, 1) },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'there is no history yet',
      { jobs: one, ledger: fullLedger(aShape({ tokens: 1000 }), NOW) },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 1000 - HALF },
    ],
    [
      'the pace offers no slot yet',
      { jobs: one, pacing: 'even', next: NOW + 3000 },
      { permits: 0, holds: 'CAPACITY_RPM', againAt: NOW + 3000 - 500 },
    ],
    [
      'something is due before capacity is free',
      { jobs: [{}, { owner: 'bob', at: NOW + 300 }], ledger: used(5) },
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
    [
      'workers came late',
      { jobs: [{ count: 3 }, { owner: 'bob' }], slowed: { permits: 2, next: NOW } },
      { permits: 2, holds: undefined, againAt: NOW + SLOWED_TICK_MS },
    ],
    [
      'workers came late and a few were sent just now',
      { jobs: one, slowed: { permits: 2, next: NOW + 70 } },
      { permits: 0, holds: undefined, againAt: NOW + 70 },
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
