import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Dimension } from '../../core/cost.ts'
import { nextLease } from '../../core/lease.ts'
import {
  earliest,
  fits,
  fullLedger,
  type Ledger,
  type LedgerShape,
  spanMs,
  stampAt,
  usedIn,
} from '../../core/ledger.ts'
import { AHEAD_AT_MOST_MS, withoutFuture } from '../../core/ledger-history.ts'
import { type LedgerRecord, ledgersOf, packedAll } from '../../core/ledger-record.ts'
import { aCost, aLedger, aShape, NOW } from '../support/builders.ts'

const one = aCost({ tokens: 10, input: 10, output: 10 })
const recordOf = (ledger: Ledger): LedgerRecord => ({
  ...(nextLease(undefined, { holder: 'one', now: NOW, leaseMs: 1000 }) as LedgerRecord),
  ...packedAll({ window: ledger }),
})
/** The ledger as a holder reads it whose settings are these. */
const readAs = (ledger: Ledger, shape: LedgerShape, history: 'full' | 'empty' = 'full'): Ledger =>
  ledgersOf(recordOf(ledger), { shapes: { window: shape }, history, dayHistory: 'empty', now: NOW }).window
const firstStamp = (ledger: Ledger, cost = one) => stampAt(ledger.shape, earliest(ledger, NOW, cost))

describe('a ledger that is read under other settings', () => {
  const shape = aShape()
  /** Of a pool that is older than its window. */
  const used = aLedger({ shape, now: NOW - spanMs(shape), permits: [{ slot: NOW }] })

  it('counts a window that has grown as used up for as long as it reaches back to what was not kept', () => {
    const wider = { ...shape, buckets: shape.buckets * 3 }
    expect(firstStamp(readAs(used, wider))).toBe(used.first * shape.bucketMs + spanMs(wider))
  })

  it('is as it was under a window that has shrunk, or stayed', () => {
    for (const buckets of [shape.buckets, shape.buckets - 1]) {
      expect(readAs(used, { ...shape, buckets }).counts).toEqual(used.counts)
    }
  })

  it('counts as used up what a clock ahead has forgotten of its window', () => {
    const forgotten = { ...used, first: used.first + 2 * shape.buckets, counts: { requests: [] } }
    expect(fits(readAs(forgotten, shape), NOW, one)).toBe(false)
  })

  it.each<Dimension>(['tokens', 'input', 'output'])(
    'counts %s that were not counted before as used up by its last call',
    (of) => {
      const read = readAs(used, { ...shape, limits: { requests: 5, [of]: 100 } })
      expect(firstStamp(read)).toBe(NOW + spanMs(shape))
      expect(firstStamp(read, aCost())).toBe(NOW)
    },
  )

  it('knows of calls that were not limited before, and assumes no more of them', () => {
    const unlimited = aLedger({ shape: aShape({ limits: {} }), now: NOW - spanMs(shape), permits: [{ slot: NOW }] })
    expect(usedIn(readAs(unlimited, shape), NOW)).toEqual({ requests: 1 })
  })

  it('knows nothing of what was not kept where the pool says that nothing was', () => {
    const grown = {
      ...shape,
      buckets: shape.buckets * 3,
      limits: { requests: 5, tokens: 100, input: 100, output: 100 },
    }
    expect(fits(readAs(used, grown, 'empty'), NOW, one)).toBe(true)
  })
})

describe('slots that a clock ahead has stamped', () => {
  const ahead = fc.array(fc.integer({ min: -50_000, max: 3_600_000 }), { maxLength: 20 })

  it('are taken for used now, each once, and hold up nobody after a window', () => {
    fc.assert(
      fc.property(ahead, (offsets) => {
        const shape = aShape({ limits: { requests: 100 } })
        const slots = offsets.map((ms) => NOW + Math.floor(ms / shape.bucketMs) * shape.bucketMs)
        const ledger = withoutFuture(aLedger({ shape, permits: slots.map((slot) => ({ slot })) }), NOW)
        const sum = ledger.counts.requests.reduce((a, b) => a + b, 0)
        expect(sum).toBe(slots.length)
        // A stamp is rounded up to its bucket.
        const future = slots.filter((slot) => slot > NOW + AHEAD_AT_MOST_MS + shape.bucketMs).length
        expect(usedIn(ledger, NOW).requests).toBeGreaterThanOrEqual(future)
        const over = NOW + AHEAD_AT_MOST_MS + spanMs(shape) + shape.bucketMs
        expect(usedIn(ledger, over)).toEqual({ requests: 0 })
      }),
    )
  })

  it('cost nothing, however far ahead the clock was', () => {
    const century = 100 * 365 * 86_400_000
    const far = { ...aLedger(), first: Math.floor((NOW + century) / 100), counts: { requests: [] } }
    expect(withoutFuture(far, NOW).counts.requests.length).toBeLessThan(10)
    const used = { ...far, counts: { requests: [3] } }
    expect(usedIn(withoutFuture(used, NOW), NOW)).toEqual({ requests: 3 })
    const grown = { ...aShape(), buckets: 9_999 }
    expect(readAs(used, grown).counts.requests.length).toBeLessThan(20_000)
  })

  it('are taken for used now in all that is counted', () => {
    const shape = aShape({ limits: { requests: 9, tokens: 99, output: 99 } })
    const permits = [NOW, NOW + 60_000].map((slot) => ({ slot, tokens: 7, output: 4 }))
    expect(usedIn(withoutFuture(aLedger({ shape, permits }), NOW), NOW)).toEqual({ requests: 2, tokens: 14, output: 8 })
    const tokensAlone = aLedger({ shape, permits: [{ slot: NOW }, { slot: NOW + 60_000, requests: 0, tokens: 7 }] })
    expect(usedIn(withoutFuture(tokensAlone, NOW), NOW)).toEqual({ requests: 1, tokens: 7, output: 0 })
  })

  it('are not the stamps of a pool whose buckets are minutes wide', () => {
    const shape = aShape({ bucketMs: 144_000 })
    const ledger = fullLedger(shape, NOW)
    expect(withoutFuture(ledger, NOW)).toBe(ledger)
  })

  it('change nothing as long as they are within what is leased ahead', () => {
    const ledger = aLedger({ permits: [{ slot: NOW + 1_000 }] })
    expect(withoutFuture(ledger, NOW)).toBe(ledger)
  })
})
