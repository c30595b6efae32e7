import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cost, minus, negative } from '../../core/cost.ts'
import {
  amend,
  earliest,
  emptyLedger,
  fits,
  fullLedger,
  type Ledger,
  type LedgerShape,
  lastSlot,
  permit,
  spanMs,
  stampAt,
  trim,
  usedIn,
} from '../../core/ledger.ts'
import { shapesOf } from '../../core/ledgers.ts'
import { aCost, aLedger, aPool, aShape, NOW } from '../support/builders.ts'
import { someCosts, someLimits, someShapes } from './drawn.ts'
import { type Bound, type Call, exceeded, fullestOf, isLegal } from './recount.ts'

const shapes = someShapes()
/** Places in buckets from a start, before it and after it, and costs that no limit above excludes for ever. */
const wishes = fc.array(fc.record({ bucket: fc.integer({ min: -15, max: 40 }), cost: someCosts }), { maxLength: 60 })
/** Places at and soon after a moment, where what was forgotten would be missed first. */
const soon = fc.array(fc.record({ bucket: fc.nat(13), cost: someCosts }), { minLength: 5, maxLength: 20 })
const starts = fc.integer({ min: 100, max: 10_000 })
/** Places within a bucket. */
const parts = fc.double({ min: 0, max: 1, noNaN: true })

const boundOf = (shape: LedgerShape): Bound => ({ ms: spanMs(shape), limits: shape.limits })
const firstStamp = (ledger: Ledger, from: number, cost: Cost): number =>
  stampAt(ledger.shape, earliest(ledger, from, cost))
const callAt = (at: number, cost: Cost = aCost()): Call => ({ at, ...cost })

/** Permits what fits, and hands back the ledger beside the plain list of calls that it stands for. */
function issue(
  shape: LedgerShape,
  start: number,
  wanted: readonly { bucket: number; cost: Cost }[],
): { ledger: Ledger; calls: Call[] } {
  let ledger = emptyLedger(shape, start * shape.bucketMs)
  const calls: Call[] = []
  for (const { bucket, cost } of wanted) {
    const slot = (start + bucket) * shape.bucketMs
    if (!fits(ledger, slot, cost)) continue
    ledger = permit(ledger, slot, cost)
    calls.push(callAt(slot, cost))
  }
  return { ledger, calls }
}

/** The ledger gives the answers of these calls, for a cost that shows every limit. */
function expectToStandFor(ledger: Ledger, calls: readonly Call[], start: number): void {
  const cost = aCost({ tokens: 20, input: 20, output: 10 })
  for (let bucket = start - 15; bucket <= start + 60; bucket++) {
    const slot = bucket * ledger.shape.bucketMs
    expect(fits(ledger, slot, cost)).toBe(isLegal(calls, callAt(slot, cost), boundOf(ledger.shape)))
  }
}

describe('a ledger', () => {
  it('lets no half-open window exceed a limit, in whatever order slots are taken', () => {
    fc.assert(
      fc.property(shapes, starts, wishes, (shape, start, wanted) => {
        const { calls } = issue(shape, start, wanted)
        expect(exceeded(calls, boundOf(shape))).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('lets no window exceed a limit that is a bucket shorter, where slots are no stamps of its own', () => {
    const moments = fc.array(fc.record({ bucket: fc.nat(40), part: parts, cost: someCosts }), { maxLength: 60 })
    fc.assert(
      fc.property(someShapes({ buckets: 2 }), starts, moments, (shape, start, wanted) => {
        const places = wanted.map(({ bucket, part, cost }) => ({ bucket: bucket + part, cost }))
        const { calls } = issue(shape, start, places)
        expect(exceeded(calls, { ...boundOf(shape), ms: spanMs(shape) - shape.bucketMs })).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('refuses a slot exactly when a recount of every window that contains it does', () => {
    fc.assert(
      fc.property(shapes, starts, wishes, wishes, (shape, start, wanted, asked) => {
        const { ledger, calls } = issue(shape, start, wanted)
        for (const { bucket, cost } of asked) {
          const slot = (start + bucket) * shape.bucketMs
          expect(fits(ledger, slot, cost)).toBe(isLegal(calls, callAt(slot, cost), boundOf(shape)))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('still does so when more stands in it than its limits allow, as after they were lowered', () => {
    fc.assert(
      fc.property(shapes, starts, wishes, wishes, (shape, start, taken, asked) => {
        const calls = taken.map(({ bucket, cost }) => callAt((start + bucket) * shape.bucketMs, cost))
        const permits = calls.map(({ at, ...cost }) => ({ slot: at, ...cost }))
        const ledger = aLedger({ shape, now: start * shape.bucketMs, permits })
        for (const { bucket, cost } of asked) {
          const slot = (start + bucket) * shape.bucketMs
          expect(fits(ledger, slot, cost)).toBe(isLegal(calls, callAt(slot, cost), boundOf(shape)))
        }
      }),
    )
  })

  it('is, after refunds, the ledger of the permits that are left', () => {
    fc.assert(
      fc.property(shapes, starts, wishes, fc.array(fc.nat(59)), (shape, start, wanted, which) => {
        const { ledger, calls } = issue(shape, start, wanted)
        const given = new Set(which)
        const refunded = calls.filter((_, i) => given.has(i))
        const left = calls.filter((_, i) => !given.has(i))
        const after = refunded.reduce((l, { at, ...cost }) => amend(l, at, negative(cost)), ledger)
        expectToStandFor(after, left, start)
      }),
    )
  })

  it('is, once calls are settled, the ledger of what they have used', () => {
    const settlings = fc.array(fc.record({ which: fc.nat(59), cost: someCosts }), { maxLength: 30 })
    fc.assert(
      fc.property(shapes, starts, wishes, settlings, (shape, start, wanted, settled) => {
        const { ledger, calls } = issue(shape, start, wanted)
        const now = [...calls]
        let after = ledger
        for (const { which, cost } of settled) {
          const was = now[which]
          if (!was) continue
          after = amend(after, was.at, minus(cost, was))
          now[which] = callAt(was.at, cost)
        }
        expectToStandFor(after, now, start)
      }),
    )
  })

  it('gives nothing back of what it has forgotten, or never knew', () => {
    const ledger = trim(aLedger({ permits: [{ slot: NOW }] }), NOW + 100_000)
    expect(amend(ledger, NOW, negative(aCost()))).toBe(ledger)
    expect(amend(ledger, 0, negative(aCost()))).toBe(ledger)
    expect(amend(ledger, NOW + 1_000_000, negative(aCost()))).toBe(ledger)
  })

  it.each(['tokens', 'input', 'output'] as const)(
    'grants all or nothing: a call whose %s do not fit takes no request either',
    (of) => {
      const shape = aShape({ limits: { requests: 2, [of]: 100 } })
      const ledger = aLedger({ shape, permits: [{ slot: NOW, [of]: 60 }] })
      expect(fits(ledger, NOW, aCost({ [of]: 41 }))).toBe(false)
      expect(fits(ledger, NOW, aCost({ [of]: 40 }))).toBe(true)
      expect(fits(permit(ledger, NOW, aCost()), NOW, aCost())).toBe(false)
    },
  )

  it('looks at the windows that end later, not only at the one that ends at the slot', () => {
    const ledger = aLedger({ shape: aShape({ limits: { requests: 1 } }), permits: [{ slot: NOW + 500 }] })
    expect(fits(ledger, NOW, aCost())).toBe(false)
    expect(fits(ledger, NOW - 500, aCost())).toBe(true)
  })

  it('lets a call go again exactly one span after the last', () => {
    const ledger = aLedger({ shape: aShape({ limits: { requests: 1 } }), permits: [{ slot: NOW }] })
    expect(fits(ledger, NOW + 900, aCost())).toBe(false)
    expect(fits(ledger, NOW + 1000, aCost())).toBe(true)
  })

  it('counts its limit in slots before its beginning too', () => {
    const ledger = aLedger({ shape: aShape({ limits: { requests: 1 } }), permits: [{ slot: NOW }] })
    expect(fits(ledger, NOW - 300, aCost())).toBe(false)
  })

  it('leaves the ledger it was made from as it was', () => {
    const before = aLedger({ permits: [{ slot: NOW }] })
    const copy = structuredClone(before)
    permit(before, NOW + 300, aCost({ tokens: 5 }))
    trim(before, NOW + 10_000)
    expect(before).toEqual(copy)
  })
})

describe('the earliest legal moment', () => {
  it('is legal, at or after the moment asked for, and nothing legal lies between', () => {
    fc.assert(
      fc.property(
        shapes,
        starts,
        wishes,
        fc.integer({ min: -10, max: 50 }),
        parts,
        someCosts,
        (shape, start, wanted, bucket, part, cost) => {
          const { ledger, calls } = issue(shape, start, wanted)
          const from = (start + bucket + part) * shape.bucketMs
          const found = earliest(ledger, from, cost)
          const stamp = stampAt(shape, found)
          expect(found).toBe(Math.max(from, stamp - shape.bucketMs + 1))
          expect(isLegal(calls, callAt(stamp, cost), boundOf(shape))).toBe(true)
          for (let slot = stampAt(shape, from); slot < stamp; slot += shape.bucketMs)
            expect(isLegal(calls, callAt(slot, cost), boundOf(shape))).toBe(false)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('trimming', () => {
  it('changes no answer about the present and the future', () => {
    fc.assert(
      fc.property(
        shapes,
        starts,
        wishes,
        fc.integer({ min: -20, max: 60 }),
        soon,
        (shape, start, wanted, trimAt, asked) => {
          const { ledger, calls } = issue(shape, start, wanted)
          const now = (start + trimAt) * shape.bucketMs
          const trimmed = trim(ledger, now)
          for (const { bucket, cost } of asked) {
            const slot = now + bucket * shape.bucketMs
            expect(fits(trimmed, slot, cost)).toBe(isLegal(calls, callAt(slot, cost), boundOf(shape)))
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('keeps the ledger as short as one span and what is leased ahead', () => {
    const shape = aShape()
    let ledger = emptyLedger(shape, NOW)
    for (let at = NOW; at < NOW + 60_000; at += 200) ledger = permit(trim(ledger, at), at + 300, aCost())
    expect(ledger.counts.requests.length).toBeLessThanOrEqual(shape.buckets + 5)
  })

  it('costs nothing after a long rest: a pool that was idle for a week does not fill the gap', () => {
    const week = 7 * 86_400_000
    for (const rested of [
      emptyLedger(aShape(), NOW),
      aLedger({ permits: [{ slot: NOW }] }),
      fullLedger(aShape(), NOW),
    ]) {
      const ledger = permit(trim(rested, NOW + week), NOW + week, aCost())
      expect(ledger.counts.requests.length).toBeLessThanOrEqual(aShape().buckets + 1)
    }
  })
})

describe('a ledger without history', () => {
  it('permits nothing for one whole span, and everything afterwards', () => {
    const limited = shapes.filter(({ limits }) => Object.keys(limits).length > 0)
    const costs = someCosts.map(({ tokens, input, output }) =>
      aCost({ tokens: Math.max(1, tokens), input: Math.max(1, input), output: Math.max(1, output) }),
    )
    fc.assert(
      fc.property(limited, fc.integer({ min: 100_000, max: 200_000 }), costs, (shape, now, cost) => {
        const full = fullLedger(shape, now)
        const free = firstStamp(full, now, cost)
        expect(free).toBeGreaterThanOrEqual(now + spanMs(shape))
        expect(free).toBeLessThan(now + spanMs(shape) + 2 * shape.bucketMs)
        expect(firstStamp(trim(full, free), now, cost)).toBe(free)
      }),
    )
  })
})

describe('what a ledger tells', () => {
  const shape = aShape({ limits: { requests: 5, output: 100 } })
  const ledger = aLedger({ shape, permits: [{ slot: NOW, output: 7 }, { slot: NOW, tokens: 9 }, { slot: NOW + 700 }] })

  it('is what was used in the span up to a moment, which counts at the next stamp', () => {
    const used = (at: number) => usedIn(ledger, at).requests
    expect([-100, -1, 0, 700, 900, 901, 1000, 1700].map((ms) => used(NOW + ms))).toEqual([0, 2, 2, 3, 3, 1, 1, 0])
  })

  it('is what is limited, and the calls in any case', () => {
    expect(usedIn(ledger, NOW)).toEqual({ requests: 2, output: 7 })
    expect(usedIn(aLedger({ shape: aShape({ limits: {} }), permits: [{ slot: NOW }] }), NOW)).toEqual({ requests: 1 })
  })

  it('is its last slot, or 0 where there is none', () => {
    expect(lastSlot(ledger)).toBe(NOW + 700)
    expect(lastSlot(emptyLedger(aShape(), NOW))).toBe(0)
  })
})

describe('counted where the provider counts (G2)', () => {
  const pools = fc.record({
    windowMs: fc.integer({ min: 200, max: 400 }),
    limits: someLimits,
    guard: fc.record({ refusalMs: fc.integer({ min: 10, max: 60 }), skewMs: fc.nat(30), networkMs: fc.nat(30) }),
  })
  /** Where a call comes within the guard: mostly at its edges, which is where it could go wrong. */
  const delays = fc.oneof(fc.constantFrom(0, 1), parts)
  const asked = fc.record({ from: fc.nat(1000), cost: someCosts, delay: delays })

  it('no window holds more than the limits, however calls are delayed within the guard', () => {
    fc.assert(
      fc.property(pools, fc.array(asked, { minLength: 5, maxLength: 25 }), ({ windowMs, limits, guard }, wanted) => {
        const shape = { ...shapesOf(aPool({ windowMs, guard })).window, limits }
        const guardMs = guard.refusalMs + guard.skewMs + guard.networkMs
        let ledger = emptyLedger(shape, NOW)
        const arrivals: Call[] = []
        for (const { from, cost, delay } of wanted) {
          const slot = firstStamp(ledger, NOW + from, cost)
          ledger = permit(ledger, slot, cost)
          arrivals.push(callAt(slot + delay * guardMs, cost))
        }
        expect(exceeded(arrivals, { ms: windowMs, limits })).toEqual([])
      }),
      { numRuns: 30 },
    )
  })

  it('one call beyond the guard can be one too many: the guard is what the bound rests on', () => {
    const pool = aPool({ windowMs: 1000, requests: 1, guard: { refusalMs: 100, skewMs: 0, networkMs: 0 } })
    const shape = shapesOf(pool).window
    const again = firstStamp(aLedger({ shape, permits: [{ slot: NOW }] }), NOW, aCost())
    const fullest = (lateMs: number) => fullestOf([callAt(NOW + lateMs), callAt(again)], 1000, 'requests')
    expect([fullest(100), fullest(102)]).toEqual([1, 2])
  })
})
