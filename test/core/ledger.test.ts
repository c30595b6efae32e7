import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Cost,
  earliest,
  emptyLedger,
  fits,
  fullLedger,
  type Ledger,
  type LedgerShape,
  lastSlot,
  permit,
  refund,
  shapeOf,
  spanMs,
  stampAt,
  trim,
  usedIn,
} from '../../core/ledger.ts'
import { aLedger, aPool, aShape, NOW } from '../support/builders.ts'
import { type Call, fullestOf, isLegal } from './recount.ts'

const shapes = fc.record(
  {
    bucketMs: fc.integer({ min: 1, max: 20 }),
    buckets: fc.integer({ min: 1, max: 12 }),
    requests: fc.integer({ min: 1, max: 6 }),
    tokens: fc.integer({ min: 20, max: 100 }),
  },
  { requiredKeys: ['bucketMs', 'buckets', 'requests'] },
) as fc.Arbitrary<LedgerShape>
/** Places in buckets from a start, before it and after it, and costs that no limit above excludes for ever. */
const wishes = fc.array(fc.record({ bucket: fc.integer({ min: -15, max: 40 }), tokens: fc.nat(20) }), { maxLength: 60 })
/** Places at and soon after a moment, where what was forgotten would be missed first. */
const soon = fc.array(fc.record({ bucket: fc.nat(13), tokens: fc.nat(20) }), { minLength: 5, maxLength: 20 })
const starts = fc.integer({ min: 100, max: 10_000 })

const limitsOf = (shape: LedgerShape) => ({ ms: spanMs(shape), requests: shape.requests, tokens: shape.tokens })
const costOf = (tokens: number): Cost => ({ requests: 1, tokens })
const callAt = (at: number, tokens: number): Call => ({ at, requests: 1, tokens })

/** Permits what fits, and hands back the ledger beside the plain list of calls that it stands for. */
function issue(
  shape: LedgerShape,
  start: number,
  wanted: readonly { bucket: number; tokens: number }[],
): { ledger: Ledger; calls: Call[] } {
  let ledger = emptyLedger(shape, start * shape.bucketMs)
  const calls: Call[] = []
  for (const { bucket, tokens } of wanted) {
    const slot = (start + bucket) * shape.bucketMs
    if (!fits(ledger, slot, costOf(tokens))) continue
    ledger = permit(ledger, slot, costOf(tokens))
    calls.push(callAt(slot, tokens))
  }
  return { ledger, calls }
}

describe('a ledger', () => {
  it('lets no half-open window exceed a limit, in whatever order slots are taken', () => {
    fc.assert(
      fc.property(shapes, starts, wishes, (shape, start, wanted) => {
        const { calls } = issue(shape, start, wanted)
        expect(fullestOf(calls, spanMs(shape), 'requests')).toBeLessThanOrEqual(shape.requests)
        expect(fullestOf(calls, spanMs(shape), 'tokens')).toBeLessThanOrEqual(shape.tokens ?? Infinity)
      }),
      { numRuns: 300 },
    )
  })

  it('refuses a slot exactly when a recount of every window that contains it does', () => {
    fc.assert(
      fc.property(shapes, starts, wishes, wishes, (shape, start, wanted, asked) => {
        const { ledger, calls } = issue(shape, start, wanted)
        for (const { bucket, tokens } of asked) {
          const slot = (start + bucket) * shape.bucketMs
          expect(fits(ledger, slot, costOf(tokens))).toBe(isLegal(calls, callAt(slot, tokens), limitsOf(shape)))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('still does so when more stands in it than its limits allow, as after they were lowered', () => {
    fc.assert(
      fc.property(shapes, starts, wishes, wishes, (shape, start, taken, asked) => {
        const permits = taken.map(({ bucket, tokens }) => ({ slot: (start + bucket) * shape.bucketMs, tokens }))
        const ledger = aLedger({ shape, now: start * shape.bucketMs, permits })
        const calls = permits.map((p) => callAt(p.slot, p.tokens))
        for (const { bucket, tokens } of asked) {
          const slot = (start + bucket) * shape.bucketMs
          expect(fits(ledger, slot, costOf(tokens))).toBe(isLegal(calls, callAt(slot, tokens), limitsOf(shape)))
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
        const after = refunded.reduce((l, c) => refund(l, c.at, costOf(c.tokens)), ledger)
        for (let bucket = start - 15; bucket <= start + 60; bucket++) {
          const slot = bucket * shape.bucketMs
          expect(fits(after, slot, costOf(20))).toBe(isLegal(left, callAt(slot, 20), limitsOf(shape)))
        }
      }),
    )
  })

  it('gives nothing back of what it has forgotten, or never knew', () => {
    const ledger = trim(aLedger({ permits: [{ slot: NOW }] }), NOW + 100_000)
    expect(refund(ledger, NOW, costOf(0))).toBe(ledger)
    expect(refund(ledger, 0, costOf(0))).toBe(ledger)
    expect(refund(ledger, NOW + 1_000_000, costOf(0))).toBe(ledger)
  })

  it('grants all or nothing: a call whose tokens do not fit takes no request either', () => {
    const shape = aShape({ requests: 2, tokens: 100 })
    const ledger = aLedger({ shape, permits: [{ slot: NOW, tokens: 60 }] })
    expect(fits(ledger, NOW, costOf(41))).toBe(false)
    expect(fits(ledger, NOW, costOf(40))).toBe(true)
    expect(fits(permit(ledger, NOW, costOf(0)), NOW, costOf(0))).toBe(false)
  })

  it('looks at the windows that end later, not only at the one that ends at the slot', () => {
    const ledger = aLedger({ shape: aShape({ requests: 1 }), permits: [{ slot: NOW + 500 }] })
    expect(fits(ledger, NOW, costOf(0))).toBe(false)
    expect(fits(ledger, NOW - 500, costOf(0))).toBe(true)
  })

  it('lets a call go again exactly one span after the last', () => {
    const ledger = aLedger({ shape: aShape({ requests: 1 }), permits: [{ slot: NOW }] })
    expect(fits(ledger, NOW + 900, costOf(0))).toBe(false)
    expect(fits(ledger, NOW + 1000, costOf(0))).toBe(true)
  })

  it('counts its limit in slots before its beginning too', () => {
    const ledger = aLedger({ shape: aShape({ requests: 1 }), permits: [{ slot: NOW }] })
    expect(fits(ledger, NOW - 300, costOf(0))).toBe(false)
  })

  it('leaves the ledger it was made from as it was', () => {
    const before = aLedger({ permits: [{ slot: NOW }] })
    const copy = structuredClone(before)
    permit(before, NOW + 300, costOf(5))
    trim(before, NOW + 10_000)
    expect(before).toEqual(copy)
  })
})

describe('the earliest legal stamp', () => {
  it('is legal, at or after the moment asked for, and nothing legal lies between', () => {
    fc.assert(
      fc.property(
        shapes,
        starts,
        wishes,
        fc.integer({ min: -10, max: 50 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(20),
        (shape, start, wanted, bucket, part, tokens) => {
          const { ledger, calls } = issue(shape, start, wanted)
          const from = (start + bucket + part) * shape.bucketMs
          const found = earliest(ledger, from, costOf(tokens))
          expect(found).toBeGreaterThanOrEqual(from)
          expect(found % shape.bucketMs).toBe(0)
          expect(isLegal(calls, callAt(found, tokens), limitsOf(shape))).toBe(true)
          for (let slot = stampAt(shape, from); slot < found; slot += shape.bucketMs)
            expect(isLegal(calls, callAt(slot, tokens), limitsOf(shape))).toBe(false)
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
          for (const { bucket, tokens } of asked) {
            const slot = now + bucket * shape.bucketMs
            expect(fits(trimmed, slot, costOf(tokens))).toBe(isLegal(calls, callAt(slot, tokens), limitsOf(shape)))
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('keeps the ledger as short as one span and what is leased ahead', () => {
    const shape = aShape()
    let ledger = emptyLedger(shape, NOW)
    for (let at = NOW; at < NOW + 60_000; at += 200) ledger = permit(trim(ledger, at), at + 300, costOf(0))
    expect(ledger.requests.length).toBeLessThanOrEqual(shape.buckets + 5)
  })

  it('costs nothing after a long rest: a pool that was idle for a week does not fill the gap', () => {
    const week = 7 * 86_400_000
    for (const rested of [
      emptyLedger(aShape(), NOW),
      aLedger({ permits: [{ slot: NOW }] }),
      fullLedger(aShape(), NOW),
    ]) {
      const ledger = permit(trim(rested, NOW + week), NOW + week, costOf(0))
      expect(ledger.requests.length).toBeLessThanOrEqual(aShape().buckets + 1)
    }
  })
})

describe('a ledger without history', () => {
  it('permits nothing for one whole span, and everything afterwards', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 100_000, max: 200_000 }), fc.nat(20), (shape, now, tokens) => {
        const full = fullLedger(shape, now)
        const free = earliest(full, now, costOf(tokens))
        expect(free).toBeGreaterThanOrEqual(now + spanMs(shape))
        expect(free).toBeLessThan(now + spanMs(shape) + 2 * shape.bucketMs)
        expect(earliest(trim(full, free), now, costOf(tokens))).toBe(free)
      }),
    )
  })
})

describe('the shape of a pool', () => {
  it('spans window and guard, in at most as many buckets as one record holds', () => {
    const guards = fc.record({
      refusalMs: fc.integer({ min: 10, max: 2000 }),
      skewMs: fc.nat(2000),
      networkMs: fc.nat(2000),
    })
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 86_400_000 }), guards, (windowMs, guard) => {
        const shape = shapeOf(aPool({ windowMs, guard }))
        const guarded = windowMs + guard.refusalMs + guard.skewMs + guard.networkMs
        expect(spanMs(shape)).toBeGreaterThanOrEqual(guarded)
        expect(spanMs(shape)).toBeLessThan(guarded + shape.bucketMs)
        expect(windowMs / shape.bucketMs).toBeLessThan(901)
      }),
    )
  })

  it('is 607 buckets of 100 ms for a minute under the default guard', () => {
    expect(shapeOf(aPool())).toEqual({ bucketMs: 100, buckets: 607, requests: 300 })
    expect(shapeOf(aPool({ tokens: 10_000 })).tokens).toBe(10_000)
  })
})

describe('what a ledger tells', () => {
  const ledger = aLedger({ permits: [{ slot: NOW }, { slot: NOW }, { slot: NOW + 700 }] })

  it('is what was used in the span up to a moment', () => {
    expect([NOW - 1, NOW, NOW + 700, NOW + 999, NOW + 1000, NOW + 1700].map((at) => usedIn(ledger, at))).toEqual([
      0, 2, 3, 3, 1, 0,
    ])
  })

  it('is its last slot, or 0 where there is none', () => {
    expect(lastSlot(ledger)).toBe(NOW + 700)
    expect(lastSlot(emptyLedger(aShape(), NOW))).toBe(0)
  })
})

describe('counted where the provider counts (G2)', () => {
  const pools = fc.record({
    windowMs: fc.integer({ min: 200, max: 400 }),
    requests: fc.integer({ min: 2, max: 6 }),
    tokens: fc.option(fc.integer({ min: 20, max: 100 }), { nil: undefined }),
    guard: fc.record({ refusalMs: fc.integer({ min: 10, max: 60 }), skewMs: fc.nat(30), networkMs: fc.nat(30) }),
  })
  /** Where a call comes within the guard: mostly at its edges, which is where it could go wrong. */
  const delays = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }))
  const asked = fc.record({ from: fc.nat(1000), tokens: fc.nat(20), delay: delays })

  it('no window holds more than the limits, however calls are delayed within the guard', () => {
    fc.assert(
      fc.property(pools, fc.array(asked, { minLength: 5, maxLength: 25 }), (pool, wanted) => {
        const shape = shapeOf(pool)
        const guardMs = pool.guard.refusalMs + pool.guard.skewMs + pool.guard.networkMs
        let ledger = emptyLedger(shape, NOW)
        const arrivals: Call[] = []
        for (const { from, tokens, delay } of wanted) {
          const slot = earliest(ledger, NOW + from, costOf(tokens))
          ledger = permit(ledger, slot, costOf(tokens))
          arrivals.push(callAt(slot + delay * guardMs, tokens))
        }
        expect(fullestOf(arrivals, pool.windowMs, 'requests')).toBeLessThanOrEqual(pool.requests)
        expect(fullestOf(arrivals, pool.windowMs, 'tokens')).toBeLessThanOrEqual(pool.tokens ?? Infinity)
      }),
      { numRuns: 30 },
    )
  })

  it('one call beyond the guard can be one too many: the guard is what the bound rests on', () => {
    const pool = aPool({ windowMs: 1000, requests: 1, guard: { refusalMs: 100, skewMs: 0, networkMs: 0 } })
    const slots = [NOW, earliest(aLedger({ shape: shapeOf(pool), permits: [{ slot: NOW }] }), NOW, costOf(0))] as const
    const fullest = (lateMs: number) => fullestOf([callAt(slots[0] + lateMs, 0), callAt(slots[1], 0)], 1000, 'requests')
    expect([fullest(100), fullest(102)]).toEqual([1, 2])
  })
})
