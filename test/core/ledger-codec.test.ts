import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cost, DIMENSIONS, type Limits } from '../../core/cost.ts'
import {
  emptyLedger,
  fits,
  fullLedger,
  type Ledger,
  type LedgerShape,
  permit,
  spanMs,
  stampAt,
} from '../../core/ledger.ts'
import { countedInBytes, packLedger, unpackLedger } from '../../core/ledger-codec.ts'
import { shapesOf } from '../../core/ledgers.ts'
import { aCost, aLedger, aPool, aShape, NOW } from '../support/builders.ts'
import { someCosts, someLimits, someShapes } from './drawn.ts'
import { type Call, isLegal } from './recount.ts'

const sizes = fc.oneof(fc.nat(127), fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 40))
const costs = fc.record({ requests: sizes, tokens: sizes, input: sizes, output: sizes })
const permits = fc.array(fc.record({ bucket: fc.integer({ min: 0, max: 900 }), cost: costs }), { maxLength: 40 })
const START = 17_000
const ALL: Limits = { requests: 1, tokens: 1, input: 1, output: 1 }

/** What stands where, without regard to where the arrays begin and end. */
function countsOf({ shape, first, counts }: Ledger): Map<number, number[]> {
  const places = counts.requests.map((_, i) => {
    const amounts = DIMENSIONS.map((d) => counts[d]?.[i] ?? 0)
    return [(first + i) * shape.bucketMs, amounts] as const
  })
  return new Map(places.filter(([, amounts]) => amounts.some((n) => n > 0)))
}
const total = (row: readonly number[] = []) => row.reduce((a, b) => a + b, 0)
const totals = ({ counts }: Ledger) => DIMENSIONS.map((d) => total(counts[d]))
const reread = (ledger: Ledger, shape: LedgerShape = ledger.shape) =>
  unpackLedger(packLedger(ledger), { first: ledger.first, bucketMs: ledger.shape.bucketMs, shape })

const ledgerOf = (shape: LedgerShape, wanted: readonly { bucket: number; cost: Cost }[]) =>
  aLedger({
    shape,
    now: START * shape.bucketMs,
    permits: wanted.map(({ bucket, cost }) => ({ ...cost, slot: (START + bucket) * shape.bucketMs })),
  })

describe('a packed ledger', () => {
  it('is unpacked without loss, whatever is limited', () => {
    fc.assert(
      fc.property(someLimits, permits, (limits, wanted) => {
        const ledger = ledgerOf(aShape({ limits }), wanted)
        expect(countsOf(reread(ledger))).toEqual(countsOf(ledger))
      }),
    )
  })

  it('keeps its requests, limited or not, and nothing else that is not limited', () => {
    for (const limits of [{ requests: 5 }, {}]) {
      const ledger = ledgerOf(aShape({ limits }), [{ bucket: 3, cost: aCost({ requests: 2, tokens: 99, output: 7 }) }])
      expect([...countsOf(reread(ledger)).values()]).toEqual([[2, 0, 0, 0]])
    }
  })

  it('tells what was counted when it was packed', () => {
    fc.assert(
      fc.property(someLimits, (limits) => {
        const counted = countedInBytes(packLedger(emptyLedger(aShape({ limits }), NOW)))
        expect(new Set(counted)).toEqual(new Set(['requests', ...Object.keys(limits)]))
      }),
    )
  })

  it('of older code, which knew requests and tokens alone, is read as it was meant', () => {
    const asked = { first: START, bucketMs: 100, shape: aShape({ limits: ALL }) }
    expect(totals(unpackLedger(Uint8Array.from([0, 3, 2, 0, 1]), asked))).toEqual([3, 0, 0, 0])
    expect(totals(unpackLedger(Uint8Array.from([1, 3, 2, 0x80, 1, 0, 1, 5]), asked))).toEqual([3, 133, 0, 0])
  })

  it('names what it counts by a bit of each, in tables for as long as they stand', () => {
    const bitsOf = (limits: Limits) => [...packLedger(ledgerOf(aShape({ limits }), [{ bucket: 2, cost }]))]
    const cost = aCost({ tokens: 7, input: 5, output: 130 })
    expect(bitsOf({ requests: 1 })).toEqual([0, 2, 1])
    expect(bitsOf({ tokens: 1 })).toEqual([1, 2, 1, 7])
    expect(bitsOf({ input: 1 })).toEqual([2, 2, 1, 5])
    expect(bitsOf({ output: 1 })).toEqual([4, 2, 1, 0x82, 1])
    expect(bitsOf(ALL)).toEqual([7, 2, 1, 7, 5, 0x82, 1])
  })

  it('is small: under 1 KB for 300 calls a minute, wherever they fall', () => {
    const shape = shapesOf(aPool()).window
    const places = fc.array(fc.integer({ min: 0, max: 607 }), { minLength: 300, maxLength: 300 })
    fc.assert(
      fc.property(places, (buckets) => {
        const spread = buckets.map((bucket) => ({ bucket, cost: aCost() }))
        expect(packLedger(ledgerOf(shape, spread)).length).toBeLessThan(1024)
      }),
      { numRuns: 20 },
    )
  })

  it('is under 4 KB with tokens, even when each call takes a million', () => {
    const shape = shapesOf(aPool({ tokens: 300_000_000 })).window
    const spread = Array.from({ length: 300 }, (_, n) => ({ bucket: 2 * n, cost: aCost({ tokens: 1_000_000 }) }))
    expect(packLedger(ledgerOf(shape, spread)).length).toBeLessThan(4096)
  })

  it('is under 4 KB with input and output counted apart, each call taking a million', () => {
    const shape = shapesOf(aPool({ inputTokens: 300_000_000, outputTokens: 300_000_000 })).window
    const cost = aCost({ input: 1_000_000, output: 1_000_000 })
    const spread = Array.from({ length: 300 }, (_, n) => ({ bucket: 2 * n, cost }))
    expect(packLedger(ledgerOf(shape, spread)).length).toBeLessThan(4096)
  })

  it('of nothing is one byte, and is read back as nothing', () => {
    const empty = emptyLedger(aShape(), NOW)
    expect(packLedger(empty)).toHaveLength(1)
    expect(reread(empty)).toEqual(empty)
  })

  it('that is full stays full', () => {
    const full = fullLedger(aShape({ limits: { requests: 5, tokens: 7, input: 6, output: 4 } }), NOW)
    expect(reread(full)).toEqual(full)
  })
})

describe('a ledger unpacked into another shape', () => {
  const shapes = someShapes({ buckets: 5 })

  it('never loses a count of what is still limited, and makes none up', () => {
    fc.assert(
      fc.property(shapes, shapes, permits, (before, after, wanted) => {
        const ledger = ledgerOf(before, wanted)
        const stays = (i: number) => i === 0 || (after.limits[DIMENSIONS[i] as keyof Cost] ?? 0) > 0
        expect(totals(reread(ledger, after))).toEqual(totals(ledger).map((n, i) => (stays(i) ? n : 0)))
      }),
    )
  })

  it('begins to count tokens with what it knows: none', () => {
    const ledger = ledgerOf(aShape(), [{ bucket: 0, cost: aCost({ requests: 2, tokens: 50, input: 30, output: 20 }) }])
    expect(totals(reread(ledger, aShape({ limits: { tokens: 100, input: 100 } })))).toEqual([2, 0, 0, 0])
  })

  it('permits after its last slot only what a recount of the true stamps under the new limits permits', () => {
    const taken = fc.array(fc.record({ bucket: fc.nat(30), cost: someCosts }), { minLength: 1, maxLength: 30 })
    const asked = fc.array(fc.record({ offset: fc.integer({ min: 0, max: 400 }), cost: someCosts }), {
      minLength: 1,
      maxLength: 30,
    })
    fc.assert(
      fc.property(shapes, shapes, taken, asked, (before, after, stood, wanted) => {
        const kept = ledgerOf({ ...before, limits: ALL }, stood)
        let ledger = reread(kept, after)
        const truth: Call[] = stood.map(({ bucket, cost }) => ({ at: (START + bucket) * before.bucketMs, ...cost }))
        const last = Math.max(...truth.map((c) => c.at))
        for (const { offset, cost } of wanted) {
          const at = stampAt(after, last + 1 + offset)
          if (!fits(ledger, at, cost)) continue
          expect(isLegal(truth, { at, ...cost }, { ms: spanMs(after), limits: after.limits })).toBe(true)
          ledger = permit(ledger, at, cost)
          truth.push({ at, ...cost })
        }
      }),
      { numRuns: 500 },
    )
  })
})
