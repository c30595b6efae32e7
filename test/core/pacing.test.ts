import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyLedger, type Ledger, type LedgerShape, permit, shapeOf, spanMs, trim } from '../../core/ledger.ts'
import { intervalMs, leadMs, offer } from '../../core/pacing.ts'
import { aLedger, aPool, aRing, aShape, NOW } from '../support/builders.ts'
import { World } from './world.ts'

const ONE = { requests: 1, tokens: 0 }

/** The slots offered one after another to a backlog, as if there were no lead. */
function backlogged(
  shape: LedgerShape,
  calls: number,
  start = NOW,
  pacing: 'even' | 'burst' = 'even',
): { slots: number[]; ledger: Ledger } {
  const interval = intervalMs(shape, pacing)
  const slots: number[] = []
  let ledger = emptyLedger(shape, start)
  let next = start
  while (slots.length < calls) {
    const offered = offer({ ledger, next, from: start, interval, cost: ONE })
    ledger = permit(trim(ledger, offered.slot), offered.slot, ONE)
    next = offered.next
    slots.push(offered.slot)
  }
  return { slots, ledger }
}
const within = (slots: readonly number[], end: number, ms: number) =>
  slots.filter((s) => s > end - ms && s <= end).length

describe('even pacing', () => {
  const dyadic = fc.record({
    bucketMs: fc.integer({ min: 1, max: 100 }),
    buckets: fc.integer({ min: 5, max: 100 }),
    requests: fc.constantFrom(1, 2, 4, 8, 16, 32),
  })

  it('puts exactly the limit into every span under backlog', () => {
    fc.assert(
      fc.property(dyadic, fc.nat(1000), (shape, offset) => {
        const { slots } = backlogged(shape, 4 * shape.requests, NOW + offset)
        const [first, last] = [slots[0] as number, slots.at(-1) as number]
        for (let end = first + spanMs(shape); end < last; end += shape.bucketMs)
          expect(within(slots, end, spanMs(shape))).toBe(shape.requests)
      }),
    )
  })

  it('never lets fractions of a bucket add up: ten spans later it is at most one bucket behind the ideal', () => {
    const pools = fc.record({
      windowMs: fc.integer({ min: 1000, max: 120_000 }),
      requests: fc.integer({ min: 1, max: 300 }),
    })
    fc.assert(
      fc.property(pools, fc.nat(1000), (p, offset) => {
        const shape = shapeOf(aPool(p))
        const { slots } = backlogged(shape, 10 * p.requests + 1, NOW + offset)
        const ideal = NOW + offset + 10 * spanMs(shape)
        const last = slots.at(-1) as number
        expect(last).toBeGreaterThan(ideal - shape.bucketMs)
        expect(last).toBeLessThan(ideal + 2 * shape.bucketMs)
      }),
      { numRuns: 25 },
    )
  })

  it('starts anew from now after a pause: what was not used is not made up for', () => {
    const ledger = emptyLedger(aShape(), NOW)
    expect(offer({ ledger, next: NOW - 5000, from: NOW + 50, interval: 200, cost: ONE })).toEqual({
      slot: NOW + 100,
      next: NOW + 250,
    })
  })

  it('goes on from the bucket to which the ledger put it off', () => {
    const ledger = aLedger({ shape: aShape({ requests: 1 }), permits: [{ slot: NOW }] })
    expect(offer({ ledger, next: NOW + 250, from: NOW, interval: 200, cost: ONE })).toEqual({
      slot: NOW + 1000,
      next: NOW + 1100,
    })
  })
})

describe('burst pacing', () => {
  it('offers the first legal moment', () => {
    const { slots } = backlogged(aShape({ requests: 3 }), 7, NOW, 'burst')
    expect(slots.map((s) => s - NOW)).toEqual([0, 0, 0, 1000, 1000, 1000, 2000])
  })
})

describe('the lead', () => {
  it('is between 50 ms and 1 s, covers ten calls by its half, and leaves four times what sending takes', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 5000, noNaN: true }),
        fc.double({ min: 0, max: 500, noNaN: true }),
        (interval, travelMs) => {
          const lead = leadMs(interval, travelMs)
          expect(lead).toBeGreaterThanOrEqual(50)
          expect(lead).toBeLessThanOrEqual(1000)
          if (lead < 1000) expect(lead / 2).toBeGreaterThanOrEqual(10 * interval)
          if (lead < 1000) expect(lead).toBeGreaterThanOrEqual(4 * travelMs)
        },
      ),
    )
    expect([leadMs(0, 0), leadMs(10, 20), leadMs(202, 60), leadMs(0, 60)]).toEqual([50, 200, 1000, 240])
  })
})

describe('under backlog (G3)', () => {
  /** Calls permitted in whole windows after the first, by the dispatcher's own rhythm of ticks, each a little late. */
  function usedOver(
    windows: number,
    p: { windowMs: number; requests: number; pacing?: 'even' | 'burst'; travelMs?: number; late?: number[] },
  ): number {
    const shape = shapeOf(aPool(p))
    const world = new World(aRing(), { shape, pacing: p.pacing ?? 'even', travelMs: p.travelMs ?? 60 })
    world.enter({ count: Math.ceil(p.requests * (windows + 3)) })
    const late = p.late ?? [0]
    let i = 0
    const from = NOW + p.windowMs
    const until = from + windows * p.windowMs
    world.run({ until: until + 1000, ticks: 50_000, lateMs: () => late[i++ % late.length] as number })
    return world.served.filter((s) => s.slot > from && s.slot <= until).length
  }
  const guardedShare = (p: { windowMs: number; requests: number }) =>
    (p.requests * p.windowMs) / spanMs(shapeOf(aPool(p)))

  it('ten windows of any pool use their limit but for the guard, and one call', () => {
    const pools = fc.record({
      windowMs: fc.oneof(fc.integer({ min: 200, max: 5000 }), fc.constantFrom(60_000, 600_000, 3_600_000, 86_400_000)),
      requests: fc.integer({ min: 1, max: 60 }),
      travelMs: fc.integer({ min: 20, max: 200 }),
      late: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 10 }),
    })
    fc.assert(
      fc.property(pools, (p) => {
        expect(usedOver(10, p) / 10).toBeGreaterThanOrEqual(guardedShare(p) - 1)
      }),
      { numRuns: 40 },
    )
  })

  it('at least 98.5 % of 300 calls a minute are used', () => {
    expect(usedOver(10, { windowMs: 60_000, requests: 300 })).toBeGreaterThanOrEqual(10 * 300 * 0.985)
  })

  it.each([
    ['many calls share a stamp', { windowMs: 60_000, requests: 6000, travelMs: 60 }],
    ['stamps are farther apart than the lead reaches', { windowMs: 3_600_000, requests: 3000, travelMs: 60 }],
  ])('as much is used where %s', (_, p) => {
    expect(usedOver(1, p)).toBeGreaterThanOrEqual(guardedShare(p) - 1)
  })

  it('a pool that bursts uses as much', () => {
    const p = { windowMs: 2000, requests: 40, pacing: 'burst' as const }
    expect(usedOver(10, p) / 10).toBeGreaterThanOrEqual(guardedShare(p) - 1)
  })
})
