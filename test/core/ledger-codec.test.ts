import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  emptyLedger,
  fits,
  fullLedger,
  type Ledger,
  type LedgerShape,
  permit,
  shapeOf,
  spanMs,
  stampAt,
} from '../../core/ledger.ts'
import { packLedger, unpackLedger } from '../../core/ledger-codec.ts'
import { aLedger, aPool, aShape, NOW } from '../support/builders.ts'
import { type Call, isLegal } from './recount.ts'

const sizes = fc.oneof(fc.nat(127), fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 40))
const permits = fc.array(fc.record({ bucket: fc.integer({ min: 0, max: 900 }), requests: sizes, tokens: sizes }), {
  maxLength: 40,
})
const START = 17_000

/** What stands where, without regard to where the arrays begin and end. */
function countsOf(ledger: Ledger): Map<number, [number, number]> {
  const counts = new Map<number, [number, number]>()
  ledger.requests.forEach((requests, i) => {
    const tokens = ledger.tokens[i] as number
    if (requests + tokens > 0) counts.set((ledger.first + i) * ledger.shape.bucketMs, [requests, tokens])
  })
  return counts
}
const totals = (ledger: Ledger) => [ledger.requests, ledger.tokens].map((counts) => counts.reduce((a, b) => a + b, 0))
const reread = (ledger: Ledger, shape: LedgerShape = ledger.shape) =>
  unpackLedger(packLedger(ledger), { first: ledger.first, bucketMs: ledger.shape.bucketMs, shape })

const ledgerOf = (shape: LedgerShape, wanted: readonly { bucket: number; requests: number; tokens: number }[]) =>
  aLedger({
    shape,
    now: START * shape.bucketMs,
    permits: wanted.map((p) => ({ ...p, slot: (START + p.bucket) * shape.bucketMs })),
  })

describe('a packed ledger', () => {
  it('is unpacked without loss', () => {
    fc.assert(
      fc.property(permits, (wanted) => {
        const ledger = ledgerOf(aShape({ tokens: 1000 }), wanted)
        expect(countsOf(reread(ledger))).toEqual(countsOf(ledger))
      }),
    )
  })

  it('keeps its requests where tokens are not counted', () => {
    const ledger = ledgerOf(aShape(), [{ bucket: 3, requests: 2, tokens: 99 }])
    expect([...countsOf(reread(ledger)).values()]).toEqual([[2, 0]])
  })

  it('is small: under 1 KB for 300 calls a minute, wherever they fall', () => {
    const shape = shapeOf(aPool())
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 607 }), { minLength: 300, maxLength: 300 }), (buckets) => {
        expect(
          packLedger(
            ledgerOf(
              shape,
              buckets.map((bucket) => ({ bucket, requests: 1, tokens: 0 })),
            ),
          ).length,
        ).toBeLessThan(1024)
      }),
      { numRuns: 20 },
    )
  })

  it('is under 4 KB with tokens, even when each call takes a million', () => {
    const shape = shapeOf(aPool({ tokens: 300_000_000 }))
    const spread = Array.from({ length: 300 }, (_, n) => ({ bucket: 2 * n, requests: 1, tokens: 1_000_000 }))
    expect(packLedger(ledgerOf(shape, spread)).length).toBeLessThan(4096)
  })

  it('of nothing is one byte, and is read back as nothing', () => {
    const empty = emptyLedger(aShape(), NOW)
    expect(packLedger(empty)).toHaveLength(1)
    expect(reread(empty)).toEqual(empty)
  })

  it('that is full stays full', () => {
    const full = fullLedger(aShape({ tokens: 7 }), NOW)
    expect(reread(full)).toEqual(full)
  })
})

describe('a ledger unpacked into another shape', () => {
  const shapes = fc.record(
    {
      bucketMs: fc.integer({ min: 1, max: 20 }),
      buckets: fc.integer({ min: 5, max: 12 }),
      requests: fc.integer({ min: 1, max: 6 }),
      tokens: fc.integer({ min: 20, max: 100 }),
    },
    { requiredKeys: ['bucketMs', 'buckets', 'requests'] },
  ) as fc.Arbitrary<LedgerShape>

  it('never loses a count', () => {
    fc.assert(
      fc.property(shapes, shapes, permits, (before, after, wanted) => {
        const ledger = ledgerOf({ ...before, tokens: 1 }, wanted)
        expect(totals(reread(ledger, after))).toEqual(totals(ledger))
      }),
    )
  })

  it('begins to count tokens with what it knows: none', () => {
    const ledger = ledgerOf(aShape(), [{ bucket: 0, requests: 2, tokens: 50 }])
    expect(totals(reread(ledger, aShape({ tokens: 100 })))).toEqual([2, 0])
  })

  it('permits after its last slot only what a recount of the true stamps under the new limits permits', () => {
    const calls = fc.array(fc.record({ bucket: fc.nat(30), tokens: fc.nat(20) }), { minLength: 1, maxLength: 30 })
    const asked = fc.array(fc.record({ offset: fc.integer({ min: 0, max: 400 }), tokens: fc.nat(20) }), {
      minLength: 1,
      maxLength: 30,
    })
    fc.assert(
      fc.property(shapes, shapes, calls, asked, (before, after, taken, wanted) => {
        const kept = { ...before, tokens: 1 }
        const slots = taken.map((p) => ({ slot: (START + p.bucket) * kept.bucketMs, requests: 1, tokens: p.tokens }))
        let ledger = reread(aLedger({ shape: kept, now: START * kept.bucketMs, permits: slots }), after)
        const truth: Call[] = slots.map((s) => ({ at: s.slot, requests: 1, tokens: s.tokens }))
        const last = Math.max(...truth.map((c) => c.at))
        const limits = { ms: spanMs(after), requests: after.requests, tokens: after.tokens }
        for (const { offset, tokens } of wanted) {
          const call = { at: stampAt(after, last + 1 + offset), requests: 1, tokens }
          if (!fits(ledger, call.at, call)) continue
          expect(isLegal(truth, call, limits)).toBe(true)
          ledger = permit(ledger, call.at, call)
          truth.push(call)
        }
      }),
      { numRuns: 500 },
    )
  })
})
