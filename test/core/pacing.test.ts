import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Limits } from '../../core/cost.ts'
import { type LedgerShape, spanMs } from '../../core/ledger.ts'
import { type Ledgers, permitAll, shapesOf, trimAll } from '../../core/ledgers.ts'
import { amendNext, leadMs, type Next, offer, type Pacing } from '../../core/pacing.ts'
import { aCost, aPool, aRing, aShape, NOW, someLedgers } from '../support/builders.ts'
import { type Call, exceeded } from './recount.ts'
import { World } from './world.ts'

const asked = { pacing: 'even', slowedMs: 0, cost: aCost() } as const

/** The slots offered one after another to a backlog, as if there were no lead. */
function backlogged(shape: LedgerShape, calls: number, start = NOW, pacing: Pacing = 'even'): number[] {
  const slots: number[] = []
  let ledgers: Ledgers = someLedgers({ shape, now: start })
  let next: Next = { requests: start }
  while (slots.length < calls) {
    const offered = offer({ ...asked, ledgers, next, from: start, pacing })
    ledgers = permitAll(trimAll(ledgers, offered.slot), offered.slot, asked.cost)
    next = offered.next
    slots.push(offered.slot)
  }
  return slots
}
const within = (slots: readonly number[], end: number, ms: number) =>
  slots.filter((s) => s > end - ms && s <= end).length

describe('even pacing', () => {
  const dyadic = fc.record({
    bucketMs: fc.integer({ min: 1, max: 100 }),
    buckets: fc.integer({ min: 5, max: 100 }),
    limits: fc.record({ requests: fc.constantFrom(1, 2, 4, 8, 16, 32) }),
  })

  it('puts exactly the limit into every span under backlog', () => {
    fc.assert(
      fc.property(dyadic, fc.nat(1000), (shape, offset) => {
        const { requests } = shape.limits
        const slots = backlogged(shape, 4 * requests, NOW + offset)
        const [first, last] = [slots[0] as number, slots.at(-1) as number]
        for (let end = first + spanMs(shape); end < last; end += shape.bucketMs)
          expect(within(slots, end, spanMs(shape))).toBe(requests)
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
        const shape = shapesOf(aPool(p)).window
        const slots = backlogged(shape, 10 * p.requests + 1, NOW + offset)
        const ideal = NOW + offset + 10 * spanMs(shape)
        const last = slots.at(-1) as number
        expect(last).toBeGreaterThan(ideal - shape.bucketMs)
        expect(last).toBeLessThan(ideal + 2 * shape.bucketMs)
      }),
      { numRuns: 25 },
    )
  })

  it('starts anew from now after a pause: what was not used is not made up for', () => {
    expect(offer({ ...asked, ledgers: someLedgers(), next: { requests: NOW - 5000 }, from: NOW + 50 })).toEqual({
      slot: NOW + 100,
      due: NOW + 100,
      next: { requests: NOW + 250 },
    })
  })

  it('goes on from the bucket to which the ledger put it off', () => {
    const ledgers = someLedgers({ permits: Array.from({ length: 5 }, () => ({ slot: NOW })) })
    expect(offer({ ...asked, ledgers, next: { requests: NOW + 250 }, from: NOW })).toEqual({
      slot: NOW + 1000,
      due: NOW + 300,
      next: { requests: NOW + 1100 },
    })
  })

  it('is no denser than the workers can keep up with', () => {
    const offered = offer({ ...asked, ledgers: someLedgers(), next: {}, from: NOW, slowedMs: 700 })
    expect(offered.next).toEqual({ requests: NOW + 700 })
  })
})

describe('even pacing of calls and tokens together', () => {
  /** What is called when jobs of these sizes wait, one after the other, each asked for when the last one's slot has come. */
  function worked(limits: Limits, sizes: readonly number[], slots: number): Call[] {
    let ledgers = someLedgers({ shape: aShape({ bucketMs: 10, buckets: 100, limits }) })
    let next: Next = {}
    const calls: Call[] = []
    for (let i = 0; i < slots; i++) {
      const cost = aCost({ tokens: sizes[i % sizes.length] as number })
      const offered = offer({ ...asked, ledgers, next, from: calls.at(-1)?.at ?? NOW, cost })
      ledgers = permitAll(trimAll(ledgers, offered.slot), offered.slot, cost)
      next = offered.next
      calls.push({ at: offered.slot, ...cost })
    }
    return calls
  }
  const usedIn = (calls: readonly Call[], of: 'requests' | 'tokens', from: number, until: number) =>
    calls.reduce((sum, c) => (c.at > from && c.at <= until ? sum + c[of] : sum), 0)
  const pools = fc.record({
    requests: fc.integer({ min: 20, max: 60 }),
    tokens: fc.integer({ min: 1000, max: 10_000 }),
    /** Of the limit: what a job leaves over where it does not fit is the fault of no pacing. */
    sizes: fc.record({
      small: fc.double({ min: 0, max: 0.002, noNaN: true }),
      large: fc.double({ min: 0.002, max: 0.02, noNaN: true }),
    }),
  })

  it('uses 98 % of the limit that binds, where small and large jobs take turns, and exceeds none in any window', () => {
    fc.assert(
      fc.property(pools, ({ requests, tokens, sizes }) => {
        const [small, large] = [Math.ceil(sizes.small * tokens), Math.floor(sizes.large * tokens)]
        const calls = worked({ requests, tokens }, [small, large], 12 * requests)
        expect(exceeded(calls, { ms: 1000, limits: { requests, tokens } })).toEqual([])
        const used = (of: 'requests' | 'tokens') => usedIn(calls, of, NOW + 1000, NOW + 11_000)
        expect(Math.max(used('requests') / requests, used('tokens') / tokens)).toBeGreaterThanOrEqual(9.8)
      }),
      { numRuns: 40 },
    )
  })

  it('offers the very slots of a pool without a limit of tokens, where that does not bind', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.nat(50), { minLength: 1, maxLength: 5 }),
        (requests, sizes) => {
          const slots = (limits: Limits) => worked(limits, sizes, 5 * requests).map((c) => c.at)
          expect(slots({ requests, tokens: 51 * requests, input: 1 })).toEqual(slots({ requests }))
        },
      ),
    )
  })

  it('spreads tokens as it does calls: no tenth of a span holds more than its part and two jobs', () => {
    const calls = worked({ requests: 1000, tokens: 1000 }, [1, 40], 500)
    for (const { at } of calls) expect(usedIn(calls, 'tokens', at - 100, at)).toBeLessThanOrEqual(100 + 2 * 41)
  })

  it('makes up for tokens that calls left unused, by half a span of them at most', () => {
    const sizes = Array.from({ length: 600 }, (_, i) => (i < 500 ? 1 : 50))
    const calls = worked({ requests: 100, tokens: 1000 }, sizes, 600)
    const since = calls[500]?.at as number
    const madeUp = usedIn(calls, 'tokens', since - 1, since + 250)
    expect(madeUp).toBeGreaterThan(500)
    expect(madeUp).toBeLessThanOrEqual(750 + 2 * 50)
  })
})

describe('pacing once a call has cost other than it was offered for', () => {
  const shape = aShape({ limits: { requests: 10, tokens: 1000 } })
  const next = { requests: NOW + 700, tokens: NOW + 900, input: NOW + 300 }

  it('goes on by so much sooner or later in what it has cost, and stays where nothing was counted', () => {
    const by = (tokens: number) => aCost({ requests: 0, tokens, input: tokens })
    expect(amendNext(next, by(-200), { shape, pacing: 'even' })).toEqual({ ...next, tokens: NOW + 700 })
    expect(amendNext(next, by(50), { shape, pacing: 'even' })).toEqual({ ...next, tokens: NOW + 950 })
    expect(amendNext({}, by(50), { shape, pacing: 'even' })).toEqual({})
  })

  it('is as it was in a pool that bursts', () => {
    expect(amendNext(next, aCost({ tokens: -200 }), { shape, pacing: 'burst' })).toEqual(next)
  })

  it('stands where it would stand had the call been offered for what it has cost', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }), (reserved, used) => {
        const nextOf = (tokens: number) =>
          offer({ ...asked, ledgers: someLedgers({ shape }), next: {}, from: NOW, cost: aCost({ tokens }) }).next
        const by = aCost({ requests: 0, tokens: used - reserved })
        const amended = amendNext(nextOf(reserved), by, { shape, pacing: 'even' })
        expect(amended.tokens).toBeCloseTo(nextOf(used).tokens as number)
        expect(amended.requests).toBe(nextOf(used).requests)
      }),
    )
  })
})

describe('burst pacing', () => {
  it('offers the first legal moment', () => {
    const slots = backlogged(aShape({ limits: { requests: 3 } }), 7, NOW, 'burst')
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
    const shape = shapesOf(aPool(p)).window
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
    (p.requests * p.windowMs) / spanMs(shapesOf(aPool(p)).window)

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

  it('a stamp that holds more than a tick takes is used up though each tick takes its time', () => {
    const shape = shapesOf(aPool({ windowMs: 600_000, requests: 300_000 })).window
    const world = new World(aRing(), { shape, pacing: 'even', travelMs: 60 })
    world.enter({ count: 12_000 })
    const [from, until] = [NOW + 2_000, NOW + 22_000]
    world.run({ until, lateMs: () => 50 })
    const used = world.served.filter((s) => s.slot > from && s.slot <= until).length
    expect(used).toBeGreaterThanOrEqual(0.98 * 20 * 500)
  })

  it('at least 98.5 % of 300 calls a minute are used', () => {
    expect(usedOver(10, { windowMs: 60_000, requests: 300 })).toBeGreaterThanOrEqual(10 * 300 * 0.985)
  })

  it.each([
    ['many calls share a stamp', { windowMs: 60_000, requests: 6000, travelMs: 60 }],
    ['stamps are farther apart than the lead reaches', { windowMs: 600_000, requests: 500, travelMs: 60 }],
  ])('as much is used where %s', (_, p) => {
    expect(usedOver(1, p)).toBeGreaterThanOrEqual(guardedShare(p) - 1)
  })

  it('a pool that bursts uses as much', () => {
    const p = { windowMs: 2000, requests: 40, pacing: 'burst' as const }
    expect(usedOver(10, p) / 10).toBeGreaterThanOrEqual(guardedShare(p) - 1)
  })
})
