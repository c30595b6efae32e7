/** EASY backfill (Lifka 1995): one that waits for tokens has a reservation, and smaller ones go before it beside that. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Tier } from '../../core/job.ts'
import type { Ledgers } from '../../core/ledgers.ts'
import type { Pacing } from '../../core/pacing.ts'
import { applyPlan, type Plan, plan } from '../../core/plan.ts'
import { aLedger, aRing, aShape, aSnapshot, enterJobs, type Jobs, NOW, someLedgers } from '../support/builders.ts'

const SPAN = 1_000
const TOKENS = 100
const watch = () => ({ notAfter: NOW, lookAt: NOW })
const owners = (decided: Plan) => decided.permits.map((p) => p.lane.owner)
const ledgersWith = (permits: readonly { slot: number; tokens: number }[], requests = 100): Ledgers =>
  someLedgers({ shape: aShape({ limits: { requests, tokens: TOKENS } }), permits })
const used = (tokens: number) => ledgersWith([{ slot: NOW - 500, tokens }])

/** When ann's one job is called, which was in turn before these others came. */
function whenAnn(
  large: number,
  others: readonly Jobs[],
  p: { ledgers: Ledgers; pacing: Pacing },
  tier: Tier = 'medium',
): number {
  const ring = aRing({ jobs: [{ owner: 'ann', tier, tokens: large }] })
  let snapshot = aSnapshot({ ring, ...p })
  for (let now = NOW; now < NOW + 20 * SPAN; now += 10) {
    const decided = plan(snapshot, now)
    const its = decided.permits.find((one) => one.lane.owner === 'ann')
    if (its) return its.slot
    applyPlan(ring, decided, now, watch)
    snapshot = { ...snapshot, ledgers: decided.ledgers, next: decided.next }
    if (now === NOW) others.forEach((some, i) => void enterJobs(ring, { owner: `small-${i}`, ...some }))
  }
  return Infinity
}

describe('a job that waits for tokens', () => {
  const lives = fc.record({
    large: fc.integer({ min: 41, max: TOKENS }),
    small: fc.array(fc.record({ tokens: fc.integer({ min: 1, max: 40 }) }), { minLength: 1, maxLength: 8 }),
    before: fc.array(
      fc.record({ slot: fc.nat(9).map((n) => NOW - 100 * n), tokens: fc.integer({ min: 1, max: 60 }) }),
      { maxLength: 8 },
    ),
    requests: fc.integer({ min: 8, max: 100 }),
  })

  it('is passed by a smaller one that finds room beside it', () => {
    const ring = aRing({ jobs: [{ tokens: 90 }, { owner: 'bob', tokens: 10 }] })
    const decided = plan(aSnapshot({ ring, ledgers: used(60) }), NOW)
    expect(owners(decided)).toEqual(['bob'])
    expect(decided.holds).toBe('CAPACITY_TPM')
  })

  it('is not passed by one that would put it off', () => {
    const ring = aRing({ jobs: [{ tokens: 90 }, { owner: 'bob', tokens: 11 }] })
    expect(owners(plan(aSnapshot({ ring, ledgers: used(60) }), NOW))).toEqual([])
  })

  it('is passed by as many as find room, and by each of them once', () => {
    const others = [4, 7, 3, 4].map((tokens, i) => ({ owner: `bob-${i}`, tokens }))
    const ring = aRing({ jobs: [{ tokens: 90 }, ...others] })
    expect(owners(plan(aSnapshot({ ring, ledgers: used(60) }), NOW))).toEqual(['bob-0', 'bob-2'])
  })

  it.each(['burst', 'even'] as const)('goes no later for those that pass it, in a pool of %s pacing', (pacing) => {
    fc.assert(
      fc.property(lives, fc.boolean(), ({ large, small, before, requests }, longer) => {
        const day = aLedger({ shape: aShape({ bucketMs: 500, buckets: 9, limits: { tokens: 250 } }), permits: before })
        const p = { ledgers: { ...ledgersWith(before, requests), ...(longer ? { day } : {}) }, pacing }
        expect(whenAnn(large, small, p)).toBeLessThanOrEqual(whenAnn(large, [], p))
      }),
      { numRuns: 200 },
    )
  })

  it('goes no later for those of other tiers, whose turn comes while those of its own pass it', () => {
    const p = { ledgers: used(60), pacing: 'burst' } as const
    const others = [
      { tier: 'low', tokens: 5 },
      { tier: 'medium', tokens: 8 },
    ] as const
    expect(whenAnn(90, others, p, 'low')).toBe(whenAnn(90, [], p, 'low'))
  })

  it('keeps no room from a higher tier, where tiers are strict', () => {
    const ring = aRing({ order: 'strict', jobs: [{ tier: 'low', tokens: 90 }] })
    const snapshot = aSnapshot({ ring, ledgers: used(60) })
    applyPlan(ring, plan(snapshot, NOW), NOW, watch)
    expect(ring.waits).toBeDefined()
    enterJobs(ring, { owner: 'bob', tier: 'high', tokens: 40 })
    expect(owners(plan(snapshot, NOW))).toEqual(['bob'])
  })

  it('goes no later, in a pool of even pacing, for one whose call would take up the time until its slot', () => {
    // There is room for its ninety tokens at 500 ms. Ten more would fit beside them, and take up 100 ms of the pace.
    const p = { ledgers: used(60), pacing: 'even' } as const
    expect(whenAnn(90, [{ tokens: 10, at: NOW + 380 }], p)).toBe(NOW + 500)
  })

  it('is passed by all of its own tier that find room, each by no more than its own cost', () => {
    const others = Array.from({ length: 9 }, (_, i) => ({ owner: `bob-${i}`, tokens: 1 }))
    const ring = aRing({ jobs: [{ tokens: 90 }, ...others] })
    expect(owners(plan(aSnapshot({ ring, ledgers: used(60) }), NOW))).toEqual(others.map(({ owner }) => owner))
  })

  it('keeps its turn while others pass it, though its tier has nothing else: it pays for its own tokens alone', () => {
    const jobs = [{ tokens: 40 }, { owner: 'bob', tier: 'low', tokens: 1, count: 10 }] as const
    const ring = aRing({ share: 'tokens', jobs })
    const snapshot = aSnapshot({ ring, ledgers: used(61) })
    const passing = plan(snapshot, NOW)
    expect(owners(passing)).toEqual(Array(10).fill('bob'))
    applyPlan(ring, passing, NOW, watch)
    const its = plan({ ...snapshot, ledgers: passing.ledgers, next: passing.next }, NOW + SPAN)
    applyPlan(ring, its, NOW + SPAN, watch)
    expect(ring.groups.get('medium')?.turn).toBe(40 / ring.tierWeight.medium)
  })

  it.each([
    { where: 'calls are shared', share: 'requests', tokens: 1, weight: 1, passes: 2 },
    { where: 'tokens are shared', share: 'tokens', tokens: 1, weight: 0.5, passes: 21 },
    { where: 'the others are larger', share: 'tokens', tokens: 3, weight: 0.5, passes: 7 },
    { where: 'they are of another tier', share: 'tokens', tokens: 1, weight: 0.5, tier: 'low', passes: 14 },
    { where: 'tiers are strict', share: 'tokens', tokens: 1, weight: 0.5, tier: 'low', order: 'strict', passes: 39 },
  ] as const)(
    'is passed by nobody who is then ahead by weight of its own cost and one job more, unless tiers are strict: $where',
    ({ share, tokens, weight, passes, ...p }) => {
      const ring = aRing({
        share,
        order: 'order' in p ? p.order : 'weighted',
        weights: { bob: weight },
        jobs: [{ tokens: 40 }, { owner: 'bob', tier: 'tier' in p ? p.tier : 'medium', tokens, count: 60 }],
      })
      expect(owners(plan(aSnapshot({ ring, ledgers: used(61) }), NOW))).toEqual(Array(passes).fill('bob'))
    },
  )
})
