import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextLease } from '../../core/lease.ts'
import { earliest, fits, fullLedger, type Ledger, spanMs, usedIn } from '../../core/ledger.ts'
import { AHEAD_AT_MOST_MS, withoutFuture } from '../../core/ledger-history.ts'
import { type LedgerRecord, ledgerOf, packed } from '../../core/ledger-record.ts'
import { aLedger, aShape, NOW } from '../support/builders.ts'

const one = { requests: 1, tokens: 10 }
const recordOf = (ledger: Ledger): LedgerRecord => ({
  ...(nextLease(undefined, { holder: 'one', now: NOW, leaseMs: 1000 }) as LedgerRecord),
  ledger: packed(ledger),
})

describe('a ledger that is read under other settings', () => {
  const shape = aShape()
  /** Of a pool that is older than its window. */
  const used = aLedger({ shape, now: NOW - spanMs(shape), permits: [{ slot: NOW }] })

  it('counts a window that has grown as used up for as long as it reaches back to what was not kept', () => {
    const wider = { ...shape, buckets: shape.buckets * 3 }
    const read = ledgerOf(recordOf(used), { shape: wider, history: 'full', now: NOW })
    const unknownUntil = used.first * shape.bucketMs + spanMs(wider)
    expect(earliest(read, NOW, one)).toBe(unknownUntil)
  })

  it('is as it was under a window that has shrunk, or stayed', () => {
    for (const buckets of [shape.buckets, shape.buckets - 1]) {
      const read = ledgerOf(recordOf(used), { shape: { ...shape, buckets }, history: 'full', now: NOW })
      expect(read.requests).toEqual(used.requests)
    }
  })

  it('counts as used up what a clock ahead has forgotten of its window', () => {
    const forgotten = { ...used, first: used.first + 2 * shape.buckets, requests: [], tokens: [] }
    const read = ledgerOf(recordOf(forgotten), { shape, history: 'full', now: NOW })
    expect(fits(read, NOW, one)).toBe(false)
  })

  it('counts tokens that were not counted before as used up by its last call', () => {
    const read = ledgerOf(recordOf(used), { shape: { ...shape, tokens: 100 }, history: 'full', now: NOW })
    expect(earliest(read, NOW, one)).toBe(NOW + spanMs(shape))
    expect(earliest(read, NOW, { requests: 1, tokens: 0 })).toBe(NOW)
  })

  it('knows nothing of what was not kept where the pool says that nothing was', () => {
    const grown = { ...shape, buckets: shape.buckets * 3, tokens: 100 }
    const read = ledgerOf(recordOf(used), { shape: grown, history: 'empty', now: NOW })
    expect(fits(read, NOW, one)).toBe(true)
  })
})

describe('slots that a clock ahead has stamped', () => {
  const ahead = fc.array(fc.integer({ min: -50_000, max: 3_600_000 }), { maxLength: 20 })

  it('are taken for used now, each once, and hold up nobody after a window', () => {
    fc.assert(
      fc.property(ahead, (offsets) => {
        const shape = aShape({ requests: 100 })
        const slots = offsets.map((ms) => NOW + Math.floor(ms / shape.bucketMs) * shape.bucketMs)
        const ledger = withoutFuture(aLedger({ shape, permits: slots.map((slot) => ({ slot })) }), NOW)
        const sum = ledger.requests.reduce((a, b) => a + b, 0)
        expect(sum).toBe(slots.length)
        const future = slots.filter((slot) => slot > NOW + AHEAD_AT_MOST_MS).length
        expect(usedIn(ledger, NOW)).toBeGreaterThanOrEqual(future)
        const over = NOW + AHEAD_AT_MOST_MS + spanMs(shape) + shape.bucketMs
        expect(usedIn(ledger, over)).toBe(0)
      }),
    )
  })

  it('cost nothing, however far ahead the clock was', () => {
    const century = 100 * 365 * 86_400_000
    const far = { ...aLedger(), first: Math.floor((NOW + century) / 100), requests: [], tokens: [] }
    expect(withoutFuture(far, NOW).requests.length).toBeLessThan(10)
    const used = { ...far, requests: [3], tokens: [0] }
    expect(usedIn(withoutFuture(used, NOW), NOW)).toBe(3)
    const grown = { ...aShape(), buckets: 9_999 }
    const read = ledgerOf(recordOf(used), { shape: grown, history: 'full', now: NOW })
    expect(read.requests.length).toBeLessThan(20_000)
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
