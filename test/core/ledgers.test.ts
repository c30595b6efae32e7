import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cost, negative } from '../../core/cost.ts'
import { emptyLedger, spanMs } from '../../core/ledger.ts'
import {
  amendAll,
  earliestStamp,
  fitsAll,
  type Ledgers,
  limitsOnOne,
  permitAll,
  type Shapes,
  shapesOf,
  trimAll,
  usedAll,
} from '../../core/ledgers.ts'
import { aCost, aPool, NOW } from '../support/builders.ts'
import { someCosts } from './drawn.ts'
import { type Call, fullestOf } from './recount.ts'

const guard = { refusalMs: 0, skewMs: 0, networkMs: 0 }
const pools = fc.record({
  windowMs: fc.integer({ min: 200, max: 600 }),
  requests: fc.integer({ min: 1, max: 6 }),
  tokens: fc.integer({ min: 20, max: 80 }),
  day: fc.record({
    windowMs: fc.integer({ min: 700, max: 3_000 }),
    requests: fc.integer({ min: 2, max: 12 }),
    tokens: fc.integer({ min: 40, max: 200 }),
  }),
})
const wishes = fc.array(fc.record({ afterMs: fc.nat(300), cost: someCosts }), { minLength: 5, maxLength: 40 })

const empty = ({ window, day }: Shapes): Ledgers => ({
  window: emptyLedger(window, NOW),
  ...(day ? { day: emptyLedger(day, NOW) } : {}),
})

const shapesDrawn = ({ day, ...p }: { windowMs: number; requests: number; tokens: number; day: object }): Shapes =>
  shapesOf(aPool({ ...p, guard, day: { ...(day as { windowMs: number }), history: 'empty' } }))

/** Each as soon as it may be, one after the other. */
function issue(
  ledgers: Ledgers,
  wanted: readonly { afterMs: number; cost: Cost }[],
): { ledgers: Ledgers; calls: Call[] } {
  const calls: Call[] = []
  let [held, at] = [ledgers, NOW]
  for (const { afterMs, cost } of wanted) {
    at = earliestStamp(held, at + afterMs, cost)
    held = permitAll(trimAll(held, at), at, cost)
    calls.push({ at, ...cost })
  }
  return { ledgers: held, calls }
}

describe('a window and a longer one together', () => {
  it('are neither ever exceeded, by the clock and not by buckets', () => {
    fc.assert(
      fc.property(pools, wishes, (p, wanted) => {
        const { calls } = issue(empty(shapesDrawn(p)), wanted)
        for (const { ms, limits } of [
          { ms: p.windowMs, limits: p },
          { ms: p.day.windowMs, limits: p.day },
        ]) {
          expect(fullestOf(calls, ms, 'requests')).toBeLessThanOrEqual(limits.requests)
          expect(fullestOf(calls, ms, 'tokens')).toBeLessThanOrEqual(limits.tokens)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('offer the first stamp that is legal in both', () => {
    fc.assert(
      fc.property(pools, wishes, someCosts, (p, wanted, cost) => {
        const { ledgers, calls } = issue(empty(shapesDrawn(p)), wanted)
        const from = (calls.at(-1) as Call).at
        const offered = earliestStamp(ledgers, from, cost)
        const { bucketMs } = ledgers.window.shape
        for (let at = from; at < offered; at += bucketMs) expect(fitsAll(ledgers, at, cost)).toBe(false)
        expect(fitsAll(ledgers, offered, cost)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it('take a permit into both, and give it back to both', () => {
    const ledgers = empty(
      shapesOf(aPool({ requests: 5, tokens: 500, day: { windowMs: 86_400_000, requests: 9, history: 'empty' } })),
    )
    const cost = aCost({ tokens: 100 })
    const held = permitAll(ledgers, NOW, cost)
    expect(usedAll(held, NOW)).toEqual({ window: { requests: 1, tokens: 100 }, day: { requests: 1 } })
    expect(usedAll(amendAll(held, NOW, negative(cost)), NOW)).toEqual({
      window: { requests: 0, tokens: 0 },
      day: { requests: 0 },
    })
  })
})

describe('the ledgers of a pool', () => {
  it('count in some 600 buckets of its window, and in 288 of a day and one more', () => {
    const { window, day } = shapesOf(
      aPool({ windowMs: 60_000, day: { windowMs: 86_400_000, requests: 9, history: 'empty' } }),
    )
    expect(window.bucketMs).toBe(100)
    expect(day?.bucketMs).toBe(300_000)
    expect(spanMs(day as typeof window)).toBeGreaterThanOrEqual(86_400_000 + 300_000)
  })

  it('exclude for ever what is above either of their limits', () => {
    const p = aPool({
      requests: 5,
      tokens: 500,
      outputTokens: 50,
      day: { windowMs: 1_000, tokens: 90, history: 'empty' },
    })
    expect(limitsOnOne(p)).toEqual({ requests: 5, tokens: 90, output: 50 })
  })

  it('do not hold for tokens what takes none of them', () => {
    const ledgers = permitAll(empty(shapesOf(aPool({ requests: 5, tokens: 100 }))), NOW, aCost({ tokens: 100 }))
    expect(earliestStamp(ledgers, NOW, aCost())).toBe(NOW)
    expect(earliestStamp(ledgers, NOW, aCost({ tokens: 1 }))).toBeGreaterThan(NOW + 59_000)
  })
})
