import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cost, minus, negative } from '../../core/cost.ts'
import { emptyLedger, type LedgerShape, spanMs, stampAt } from '../../core/ledger.ts'
import {
  amendAll,
  countsTokens,
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
import type { PoolSettings } from '../../core/settings.ts'
import { aCost, aPool, NOW } from '../support/builders.ts'
import { someCosts, someLimits } from './drawn.ts'
import { type Bound, type Call, exceeded, isLegalInAll } from './recount.ts'

/** A pool without a guard, with any of the limits, and its ledgers' shapes. */
const pools = fc
  .record({
    windowMs: fc.integer({ min: 200, max: 2_000 }),
    limits: someLimits,
    dayMs: fc.integer({ min: 700, max: 6_000 }),
    dayLimits: fc.record(
      { requests: fc.integer({ min: 2, max: 12 }), tokens: fc.integer({ min: 40, max: 200 }) },
      { requiredKeys: [] },
    ),
  })
  .map(({ windowMs, limits, dayMs, dayLimits }) => {
    const guard = { refusalMs: 0, skewMs: 0, networkMs: 0 }
    const day = { windowMs: dayMs, history: 'empty' as const, ...dayLimits }
    const { requests, tokens, input: inputTokens, output: outputTokens } = limits
    return aPool({ windowMs, guard, day, requests, tokens, inputTokens, outputTokens } as Partial<PoolSettings>)
  })
/** What the clock allows: the limits as they are set, in windows as they are set. */
const boundsOf = ({ windowMs, requests, tokens, inputTokens, outputTokens, day }: PoolSettings): Bound[] => [
  { ms: windowMs, limits: { requests, tokens, input: inputTokens, output: outputTokens } },
  { ms: day?.windowMs as number, limits: { requests: day?.requests, tokens: day?.tokens } },
]
const wishes = fc.array(fc.record({ afterMs: fc.nat(300), cost: someCosts }), { minLength: 5, maxLength: 40 })

const empty = ({ window, day }: Shapes): Ledgers => ({
  window: emptyLedger(window, NOW),
  ...(day ? { day: emptyLedger(day, NOW) } : {}),
})

/** Each as soon as it may be, one after the other. */
function issue(
  ledgers: Ledgers,
  wanted: readonly { afterMs: number; cost: Cost }[],
  { trimmed = true } = {},
): { ledgers: Ledgers; calls: Call[] } {
  const calls: Call[] = []
  let [held, at] = [ledgers, NOW]
  for (const { afterMs, cost } of wanted) {
    at = earliestStamp(held, at + afterMs, cost)
    held = permitAll(trimmed ? trimAll(held, at) : held, at, cost)
    calls.push({ at, ...cost })
  }
  return { ledgers: held, calls }
}

describe('a window and a longer one together', () => {
  it('are neither ever exceeded, by the clock and not by buckets', () => {
    fc.assert(
      fc.property(pools, wishes, (pool, wanted) => {
        const { calls } = issue(empty(shapesOf(pool)), wanted)
        for (const bound of boundsOf(pool)) expect(exceeded(calls, bound)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('offer the first stamp that is legal in both', () => {
    fc.assert(
      fc.property(pools, wishes, someCosts, fc.nat(3_000), (pool, wanted, cost, beforeMs) => {
        const { ledgers, calls } = issue(empty(shapesOf(pool)), wanted)
        const from = Math.max(NOW, (calls.at(-1) as Call).at - beforeMs)
        let first = stampAt(ledgers.window.shape, from)
        while (!fitsAll(ledgers, first, cost)) first += ledgers.window.shape.bucketMs
        expect(earliestStamp(ledgers, from, cost)).toBe(first)
      }),
      { numRuns: 100 },
    )
  })

  it('refuse a slot exactly when a recount of both does', () => {
    fc.assert(
      fc.property(
        pools,
        wishes,
        fc.array(fc.record({ inMs: fc.nat(4_000), cost: someCosts })),
        (pool, wanted, asked) => {
          const { ledgers, calls } = issue(empty(shapesOf(pool)), wanted, { trimmed: false })
          for (const { inMs, cost } of asked) {
            const at = stampAt(ledgers.window.shape, NOW + inMs)
            expect(fitsAll(ledgers, at, cost)).toBe(isLegalInAll(calls, { at, ...cost }, ledgers))
          }
        },
      ),
    )
  })

  it('are, once calls are settled or given back, the ledgers of what is left', () => {
    const settlings = fc.array(fc.record({ which: fc.nat(39), cost: fc.option(someCosts) }), { maxLength: 20 })
    fc.assert(
      fc.property(pools, wishes, settlings, (pool, wanted, settled) => {
        const { ledgers, calls } = issue(empty(shapesOf(pool)), wanted, { trimmed: false })
        const left = new Map(calls.entries())
        const after = settled.reduce((held, { which, cost }) => {
          const was = left.get(which)
          if (!was) return held
          if (cost) left.set(which, { at: was.at, ...cost })
          else left.delete(which)
          return amendAll(held, was.at, cost ? minus(cost, was) : negative(was))
        }, ledgers)
        const anew = [...left.values()].reduce(
          (held, { at, ...cost }) => permitAll(held, at, cost),
          empty(shapesOf(pool)),
        )
        const last = calls.at(-1) as Call
        for (const at of [NOW, ...calls.map((c) => c.at), last.at + 700])
          expect(usedAll(after, at)).toEqual(usedAll(anew, at))
      }),
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
  const guards = fc.record({
    refusalMs: fc.integer({ min: 10, max: 2000 }),
    skewMs: fc.nat(2000),
    networkMs: fc.nat(2000),
  })
  const guardedMs = (ms: number, p: { refusalMs: number; skewMs: number; networkMs: number }) =>
    ms + p.refusalMs + p.skewMs + p.networkMs

  it('span window and guard, in at most as many buckets as one record holds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 86_400_000 }), guards, (windowMs, guard) => {
        const { window } = shapesOf(aPool({ windowMs, guard }))
        expect(spanMs(window)).toBeGreaterThanOrEqual(guardedMs(windowMs, guard))
        expect(spanMs(window)).toBeLessThan(guardedMs(windowMs, guard) + window.bucketMs)
        expect(windowMs / window.bucketMs).toBeLessThan(901)
      }),
    )
  })

  it('span a longer window and guard with one bucket more, in fewer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 31 * 86_400_000 }), guards, (windowMs, guard) => {
        const day = shapesOf(aPool({ guard, day: { windowMs, history: 'empty' } })).day as LedgerShape
        expect(spanMs(day)).toBeGreaterThanOrEqual(guardedMs(windowMs, guard) + day.bucketMs)
        expect(spanMs(day)).toBeLessThan(guardedMs(windowMs, guard) + 2 * day.bucketMs)
        expect(windowMs / day.bucketMs).toBeLessThan(433)
      }),
    )
  })

  it('are 607 buckets of 100 ms for a minute under the default guard, and none for a day', () => {
    expect(shapesOf(aPool())).toEqual({ window: { bucketMs: 100, buckets: 607, limits: { requests: 300 } } })
  })

  it('limit what the settings limit, and nothing else', () => {
    const pool = aPool({
      tokens: 9,
      inputTokens: 8,
      outputTokens: 7,
      day: { windowMs: 9_000, tokens: 6, history: 'empty' },
    })
    const { window, day } = shapesOf(pool)
    expect(window.limits).toEqual({ requests: 300, tokens: 9, input: 8, output: 7 })
    expect(day?.limits).toEqual({ tokens: 6 })
    expect([
      countsTokens(pool),
      countsTokens(aPool({ day: { windowMs: 9_000, requests: 6, history: 'empty' } })),
    ]).toEqual([true, false])
  })

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
