import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Limits } from '../../core/cost.ts'
import {
  type Around,
  allowances,
  type Feedback,
  hear,
  Kept,
  keptOf,
  type Observation,
  recalled,
} from '../../core/feedback.ts'
import { aCost, NOW } from '../support/builders.ts'

const WINDOW_MS = 60_000
const around = (over: Partial<Around> = {}): Around => ({
  configured: { requests: 300 },
  windowMs: WINDOW_MS,
  guardMs: 0,
  inOrder: true,
  strangers: true,
  now: NOW,
  ...over,
})
const seen = (limit: number, remaining: number, held: number, over: Partial<Observation> = {}): Observation => ({
  told: { requests: { limit, remaining } },
  slot: NOW,
  held: { requests: held },
  cost: aCost(),
  refused: false,
  ...over,
})
const refusal = (held: number, over: Partial<Observation> = {}): Observation => ({
  told: {},
  slot: NOW,
  held: { requests: held },
  cost: aCost(),
  refused: true,
  ...over,
})
const heardAll = (all: readonly Observation[], p: Around = around()): Feedback =>
  all.reduce<Feedback>((known, o) => hear(known, o, p), {})
const requests = (known: Feedback, p: Around = around()) => allowances(known, p).requests

describe('what may be permitted in a window', () => {
  it('is what is configured, as long as nothing is heard', () => {
    expect(requests({})).toEqual({ limit: 300, why: 'configured', others: 0 })
  })

  it.each([0, 50, 90, 100])('is exactly the rest, where others use %i % of the limit', (percent) => {
    const others = 3 * percent
    const known = heardAll(Array.from({ length: 10 }, (_, i) => seen(300, 300 - others, 0, { slot: NOW + i })))
    expect(requests(known)).toMatchObject({ limit: 300 - others, others })
  })

  it('is the limit that is stated, where that is lower, and comes back at once when it is raised', () => {
    const low = hear({}, seen(150, 100, 50), around())
    expect(requests(low)).toEqual({ limit: 150, why: 'stated', others: 0 })
    expect(requests(hear(low, seen(300, 250, 50, { slot: NOW + 1 }), around()))).toMatchObject({
      limit: 300,
      why: 'configured',
    })
  })

  it('is never more than what is configured', () => {
    expect(requests(hear({}, seen(10_000, 9_000, 10), around()))).toMatchObject({ limit: 300, why: 'configured' })
  })

  it('is not lowered by others where the provider has more than is configured: they take of what is above', () => {
    const known = hear({}, seen(1_000, 300, 100), around())
    expect(requests(known)).toMatchObject({ limit: 300, why: 'configured', others: 600 })
  })

  it('is not lowered by our own use alone, however much of it and however late its answers come', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), fc.nat(5_000)), { minLength: 1 }), (calls) => {
        const known = heardAll(calls.map(([held, at]) => seen(300, 300 - held, held, { slot: NOW + at })))
        expect(requests(known)).toEqual({ limit: 300, why: 'configured', others: 0 })
      }),
    )
  })

  it('is not lowered by calls that arrive out of the order of their slots', () => {
    const known = heardAll([3, -4, 2, -1, 5, -5, 0, 1].map((off, i) => seen(300, 150 - off, 150, { slot: NOW + i })))
    expect(requests(known)?.limit).toBe(300)
  })

  it.each([
    [35, 300],
    [37, 263],
  ])(
    'is lowered by %i calls of others to %i only if so many cannot stand at both ends of the window',
    (others, limit) => {
      // 2 % of 300, and twice what goes in 3 s of a minute.
      const p = around({ guardMs: 3_000 })
      const told = Array.from({ length: 10 }, (_, i) => seen(300, 200 - others, 100, { slot: NOW + i }))
      expect(requests(heardAll(told, p), p)?.limit).toBe(limit)
    },
  )

  it('never takes off more than the most that was seen of others', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(300), fc.nat(300)), { minLength: 1, maxLength: 40 }), (calls) => {
        const all = calls.map(([held, others], i) =>
          seen(300, Math.max(0, 300 - held - others), held, { slot: NOW + i }),
        )
        const most = Math.max(...all.map((o) => 300 - (o.told.requests?.remaining ?? 0) - (o.held?.requests ?? 0)), 0)
        expect(requests(heardAll(all))?.limit).toBeGreaterThanOrEqual(300 - most)
      }),
    )
  })

  it('takes others off by a refusal alone, however few they are: both together were the limit', () => {
    const known = hear({}, seen(300, 0, 297, { refused: true }), around())
    expect(requests(known)).toMatchObject({ limit: 296, why: 'others', others: 4 })
  })

  it('goes on taking off those few whom a refusal has shown, for two windows', () => {
    const p = (ms: number) => around({ configured: { tokens: 1_000 }, now: NOW + ms })
    const told = (ms: number, remaining: number, refused: boolean, held = 900) =>
      seen(0, 0, 0, {
        told: { tokens: { limit: 1_000, remaining } },
        held: { tokens: held },
        cost: aCost({ tokens: 40 }),
        slot: NOW + ms,
        refused,
      })
    const tokens = (known: Feedback, ms: number) => allowances(known, p(ms)).tokens?.others
    const seenOnly = hear({}, told(0, 20, false), p(0))
    expect(tokens(seenOnly, 0)).toBe(0)
    const proven = hear(seenOnly, told(1_000, 20, true, 940), p(1_000))
    expect(tokens(proven, 1_000)).toBe(80)
    const later = [40_000, 80_000, 120_000].reduce((known, ms) => hear(known, told(ms, 20, false), p(ms)), proven)
    expect(tokens(later, 120_000)).toBe(80)
    expect(tokens(hear(later, told(122_000, 20, false), p(122_000)), 122_000)).toBe(0)
  })

  it('takes nobody for shown where a limit that fell refuses what was sent before', () => {
    const p = (ms: number) => around({ now: NOW + ms })
    const fell = hear({}, seen(150, 0, 300, { refused: true }), p(0))
    const later = hear(fell, seen(150, 46, 102, { slot: NOW + 10_000 }), p(10_000))
    expect(requests(later, p(10_000))).toEqual({ limit: 150, why: 'stated', others: 0 })
  })

  it('takes others off by a refusal alone where calls go in bursts: they arrive in any order', () => {
    const p = around({ inOrder: false })
    expect(requests(hear({}, seen(300, 100, 50), p), p)).toMatchObject({ limit: 300, others: 0 })
    expect(requests(hear({}, seen(300, 0, 201, { refused: true }), p), p)).toMatchObject({ limit: 200, others: 100 })
  })

  it('takes nothing off where others are not to be looked for', () => {
    const p = around({ strangers: false })
    expect(requests(hear({}, seen(300, 100, 50), p), p)).toMatchObject({ limit: 300, others: 0 })
  })

  it('follows those who leave as soon as their calls leave the window', () => {
    const came = heardAll(Array.from({ length: 20 }, (_, i) => seen(300, 100, 100, { slot: NOW + 200 * i })))
    expect(requests(came)?.limit).toBe(200)
    const left = Array.from({ length: 20 }, (_, i) => seen(300, 200, 100, { slot: NOW + 10_000 + 200 * i }))
    expect(requests(left.reduce<Feedback>((known, o) => hear(known, o, around()), came))?.limit).toBe(300)
  })

  it('is not taken from an answer that took long, once a later call has told otherwise', () => {
    const known = heardAll([seen(300, 200, 100, { slot: NOW + 5_000 }), seen(100, 50, 50)])
    expect(requests(known)?.limit).toBe(300)
  })

  it('is no other window’s: a limit far below what is admitted is not believed', () => {
    expect(requests(hear({}, seen(5, 4, 200), around()))).toEqual({ limit: 300, why: 'configured', others: 0 })
  })

  it('is not lowered where a day’s limit is told in place of the window’s, until the day has less left', () => {
    expect(requests(hear({}, seen(14_400, 9_000, 30), around()))?.limit).toBe(300)
    expect(requests(hear({}, seen(14_400, 40, 30), around()))?.limit).toBe(70)
  })

  it.each([9_000, 40])('takes our own calls of before for nobody else’s, where a day has %i left', (left) => {
    expect(requests(hear({}, seen(14_400, left, 30), around()))).toMatchObject({ others: 0 })
  })

  it('is forgotten when nothing more is heard: perhaps it was so for a while', () => {
    const known = hear({}, seen(150, 100, 50), around())
    expect(requests(known, around({ now: NOW + 2 * WINDOW_MS }))?.limit).toBe(150)
    expect(requests(known, around({ now: NOW + 2 * WINDOW_MS + 1 }))?.limit).toBe(300)
  })

  it('lets some calls ask, after a silence, where nothing is left', () => {
    const known = heardAll([seen(300, 0, 0)])
    expect(requests(known)?.limit).toBe(0)
    expect(requests(known, around({ now: NOW + 1_000 }))?.limit).toBe(5)
    expect(requests(known, around({ now: NOW + 30_000 }))?.limit).toBe(15)
  })
})

describe('a provider that refuses and says nothing of its limit', () => {
  it('is given a tenth less, once for all that was sent before', () => {
    const known = heardAll([refusal(250), refusal(251, { slot: NOW - 10 })])
    expect(requests(known)).toEqual({ limit: 270, why: 'learned', others: 0 })
  })

  it('is given less again where a call is refused that was sent since, unless more is out than is now allowed', () => {
    const once = hear({}, refusal(300), around())
    const at = (held: number) => hear(once, refusal(held, { slot: NOW + 1 }), around({ now: NOW + 1 }))
    expect(requests(at(280), around({ now: NOW + 1 }))?.limit).toBeCloseTo(270, 1)
    expect(requests(at(260), around({ now: NOW + 1 }))?.limit).toBeCloseTo(243, 1)
  })

  it('gets it back little by little', () => {
    const known = hear({}, refusal(300), around())
    expect(requests(known, around({ now: NOW + WINDOW_MS }))?.limit).toBeCloseTo(285)
    expect(requests(known, around({ now: NOW + 2 * WINDOW_MS }))).toMatchObject({ limit: 300, why: 'configured' })
  })

  it('is never given less than what asks', () => {
    let known: Feedback = {}
    for (let i = 1; i < 100; i++) known = hear(known, refusal(1, { slot: NOW + i }), around({ now: NOW + i }))
    expect(requests(known, around({ now: NOW + 99 }))?.limit).toBeGreaterThanOrEqual(15)
  })

  it('is not blamed for calls where tokens were what it lacked', () => {
    const configured: Limits = { requests: 300, tokens: 1_000 }
    const told = { tokens: { limit: 1_000, remaining: 10 } }
    const o = refusal(200, { told, held: { requests: 200, tokens: 900 }, cost: aCost({ tokens: 100 }) })
    const known = hear({}, o, around({ configured }))
    expect(allowances(known, around({ configured })).requests?.limit).toBe(300)
  })
})

const wild = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -1, Number.NaN, Infinity, -Infinity, 1e300))
const wildTold = fc.record({ limit: wild, remaining: wild })

describe('whatever a provider says, and whatever clocks do', () => {
  it('the limit stays a number from nothing up to what is configured', () => {
    const moment = fc.integer({ min: -4 * NOW, max: 4 * NOW })
    const observed = fc.record({ told: wildTold, slot: moment, held: fc.nat(400), refused: fc.boolean(), now: moment })
    fc.assert(
      fc.property(fc.array(observed), moment, (all, now) => {
        let known: Feedback = {}
        for (const { told, held, ...o } of all)
          known = hear(known, { ...o, told: { requests: told }, held: { requests: held } }, around({ now: o.now }))
        const limit = requests(known, around({ now }))?.limit
        expect(limit).toBeGreaterThanOrEqual(0)
        expect(limit).toBeLessThanOrEqual(300)
      }),
    )
  })

  it('a limit beyond all numbers is no limit', () => {
    const boundless = { requests: { limit: Infinity, remaining: Infinity } }
    const known = hear({}, { told: boundless, slot: NOW, held: { requests: 0 }, refused: false }, around())
    expect(requests(known)?.limit).toBe(300)
  })

  it('a clock that leaps ahead and back forgets, and hears anew', () => {
    const leapt = hear({}, seen(150, 100, 50, { slot: NOW + 3_600_000 }), around({ now: NOW + 3_600_000 }))
    expect(requests(leapt)?.limit).toBe(150)
    const later = around({ now: NOW + 3_600_000 + 3 * WINDOW_MS })
    expect(requests(hear(leapt, seen(200, 150, 50), later), later)?.limit).toBe(200)
  })
})

describe('what the next holder is told', () => {
  it('is the same limits', () => {
    const known = heardAll([seen(200, 50, 100), seen(200, 50, 100)])
    const kept = Kept.parse(JSON.parse(JSON.stringify(keptOf(known, around()))))
    expect(requests(recalled(kept, NOW))).toEqual(requests(known))
    const learned = hear({}, refusal(300), around())
    expect(requests(recalled(keptOf(learned, around()), NOW))?.limit).toBe(270)
  })

  it('gives way to what it hears itself', () => {
    const kept = keptOf(heardAll([seen(300, 100, 100)]), around())
    expect(requests(hear(recalled(kept, NOW), seen(300, 200, 100), around()))?.limit).toBe(300)
  })

  it('is taken for told now where it was told by a clock that was ahead', () => {
    const kept = keptOf(hear({}, seen(150, 100, 50), around({ now: NOW + 3_600_000 })), around())
    expect(requests(recalled(kept, NOW), around({ now: NOW + 3 * WINDOW_MS }))?.limit).toBe(300)
  })
})
