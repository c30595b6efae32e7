import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asOf, cappedUntil, charged, noUse, type UseLedgers, useShapes } from '../../core/caps.ts'
import type { Cost } from '../../core/cost.ts'
import { reasonFor } from '../../core/holds.ts'
import { usedIn } from '../../core/ledger.ts'
import type { UseChange } from '../../core/ledger-record.ts'
import { ownerRecord, useOf } from '../../core/owner-record.ts'
import { applyPlan, plan } from '../../core/plan.ts'
import type { Lane } from '../../core/ring.ts'
import type { Caps } from '../../core/settings.ts'
import { aCost, aPool, aRing, aSnapshot, enterJobs, limitedTo, NOW } from '../support/builders.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const NO_TURNS = { order: 'weighted', tiers: {}, turn: 0, v: 0 }
const pool = aPool()
const watch = () => ({ notAfter: 0, lookAt: 0 })
const unused = (caps: Caps = {}): UseLedgers => noUse(useShapes(pool, caps), NOW)
const laneOf = (ring: { lanes: Map<string, Lane> }, owner: string) =>
  [...ring.lanes.values()].find((lane) => lane.owner === owner) as Lane

const calls = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 2 * MINUTE }), tokens: fc.integer({ min: 1, max: 400 }) }),
  { minLength: 1, maxLength: 40 },
)
const someCaps = fc.record({ requests: fc.integer({ min: 1, max: 8 }), tokens: fc.integer({ min: 400, max: 1_500 }) })

describe('an owner’s caps', () => {
  it('hold in every window, whenever its calls come, and each comes as soon as it may', () => {
    fc.assert(
      fc.property(calls, someCaps, (wanted, caps) => {
        let ledgers = unused(caps)
        const made: (Cost & { at: number })[] = []
        for (const { afterMs, tokens } of wanted) {
          const cost = aCost({ tokens })
          const at = Math.max(NOW + afterMs, made.at(-1)?.at ?? 0)
          const slot = cappedUntil(ledgers, at, cost) ?? at
          ledgers = charged(ledgers, slot, cost)
          made.push({ ...cost, at: slot })
          const inside = made.filter((call) => call.at > slot - MINUTE)
          expect(inside.length).toBeLessThanOrEqual(caps.requests)
          expect(inside.reduce((sum, call) => sum + call.tokens, 0)).toBeLessThanOrEqual(caps.tokens)
          if (slot > at + 2_000) {
            // A bucket, and the guard, sooner there was no room.
            const sooner = made.filter((call) => call.at > slot - 2_500 - MINUTE)
            const full = sooner.length > caps.requests || sooner.reduce((sum, c) => sum + c.tokens, 0) > caps.tokens
            expect(full).toBe(true)
          }
        }
      }),
    )
  })

  it('of a day hold beside those of a window', () => {
    let ledgers = unused({ requests: 10, day: { requests: 2 } })
    for (const at of [NOW, NOW + 5 * MINUTE]) ledgers = charged(ledgers, at, aCost())
    const free = cappedUntil(ledgers, NOW + 10 * MINUTE, aCost())
    expect(free).toBeGreaterThan(NOW + DAY)
    expect(free).toBeLessThan(NOW + DAY + 11 * MINUTE)
  })

  it('let a call that is larger than they are go alone, since its owner may have had it before them', () => {
    const ledgers = unused({ tokens: 100 })
    const large = aCost({ tokens: 500 })
    expect(cappedUntil(ledgers, NOW, large)).toBeUndefined()
    expect(cappedUntil(charged(ledgers, NOW, aCost({ tokens: 1 })), NOW + 1_000, large)).toBeGreaterThan(NOW + MINUTE)
  })
})

describe('a plan', () => {
  const useFor = (of: Readonly<Record<string, UseLedgers>>) => (owner: string) => of[owner] ?? unused()
  const wide = limitedTo({ requests: 1_000 })

  it('passes a capped owner over, and serves the others as if it had nothing', () => {
    const ring = aRing({
      jobs: [
        { owner: 'ada', count: 9 },
        { owner: 'bob', count: 9 },
      ],
    })
    const decided = plan(aSnapshot({ ring, ledgers: wide, useOf: useFor({ ada: unused({ requests: 3 }) }) }), NOW)
    const served = (owner: string) => decided.permits.filter(({ lane }) => lane.owner === owner).length
    expect([served('ada'), served('bob')]).toEqual([3, 9])
    expect(decided.uses.get('ada')?.window.counts.requests.reduce((a, b) => a + b)).toBe(3)
  })

  it('counts what is in flight already, and what it permits itself', () => {
    const ring = aRing({ jobs: [{ owner: 'ada', count: 9 }] })
    const snapshot = aSnapshot({ ring, ledgers: wide, atOnceOf: () => 4 })
    const first = plan(snapshot, NOW)
    expect(first.permits).toHaveLength(4)
    applyPlan(ring, first, NOW, watch)
    expect(plan(snapshot, NOW).permits).toEqual([])
    ring.sent.delete([...ring.sent.keys()][0] as string)
    expect(plan(snapshot, NOW).permits).toHaveLength(1)
  })

  it('looks at a capped lane again when its cap frees, not before, and says meanwhile why it waits', () => {
    const ring = aRing({ jobs: [{ owner: 'ada', count: 2 }] })
    let asked = 0
    let use = unused({ requests: 1 })
    const snapshot = aSnapshot({
      ring,
      ledgers: limitedTo({ requests: 1_000 }),
      useOf: () => {
        asked++
        return use
      },
    })
    const first = plan(snapshot, NOW)
    applyPlan(ring, first, NOW, watch)
    use = first.uses.get('ada') as UseLedgers
    const lane = laneOf(ring, 'ada')
    const until = lane.capped?.until as number
    expect(until).toBeGreaterThan(NOW + MINUTE)
    expect(first.againAt).toBe(until)
    expect(reasonFor(ring, lane, { now: NOW })).toBe('OWNER_LIMIT')
    asked = 0
    expect(plan(snapshot, NOW + 1_000).permits).toEqual([])
    expect(asked).toBe(0)
    expect(plan({ ...snapshot, ledgers: limitedTo({ requests: 1_000 }) }, NOW + 1_000).againAt).toBe(until)
  })

  it('asks anew for another job at the lane’s head', () => {
    const ring = aRing({ jobs: [{ owner: 'ada', tokens: 900 }] })
    const [first, later] = [aCost({ tokens: 500 }), { ledgers: wide, useOf: useFor({}) }]
    const ledgers = charged(unused({ tokens: 1_000 }), NOW, first)
    const snapshot = aSnapshot({ ring, ...later, useOf: () => ledgers })
    const costOf = ({ tokens }: { tokens: number }) => aCost({ tokens })
    applyPlan(ring, plan({ ...snapshot, costOf }, NOW), NOW, watch)
    const lane = laneOf(ring, 'ada')
    expect(lane.capped?.jobId).toBe(lane.heads[0]?.jobId)
    lane.heads = [{ ...(lane.heads[0] as Lane['heads'][number]), jobId: 'small', tokens: 100 }]
    expect(plan({ ...snapshot, costOf }, NOW).permits.map(({ head }) => head.jobId)).toEqual(['small'])
  })

  it('lifts an owner that was capped as one that was idle: it hoards no turns', () => {
    const ring = aRing({
      jobs: [
        { owner: 'ada', count: 20 },
        { owner: 'bob', count: 60 },
      ],
    })
    const snapshot = aSnapshot({ ring, ledgers: wide, useOf: useFor({ ada: unused({ requests: 1 }) }) })
    applyPlan(ring, plan(snapshot, NOW), NOW, watch)
    expect(laneOf(ring, 'ada').active).toBe(false)
    delete laneOf(ring, 'ada').capped
    enterJobs(ring, { owner: 'bob', count: 20 })
    const back = plan(aSnapshot({ ring, ledgers: limitedTo({ requests: 10 }) }), NOW)
    expect(back.permits).toHaveLength(10)
    expect(back.permits.filter(({ lane }) => lane.owner === 'ada').length).toBeLessThanOrEqual(6)
  })
})

describe('what an owner has used', () => {
  const shapes = useShapes(pool, {})
  const of = (record: ReturnType<typeof ownerRecord> | undefined, since: readonly UseChange[], now = NOW) =>
    useOf(record, { owner: 'ada', shapes, since, now })
  const kept = (epoch: number, n: number, use = noUse(shapes, NOW)) =>
    ownerRecord({ owner: 'ada', epoch, n, at: NOW, turns: NO_TURNS, use })
  const change = (epoch: number, n: number, owner = 'ada'): UseChange => [epoch, n, owner, NOW + n, 1, 10]
  const calls = (use: ReturnType<typeof of>) => usedIn(use.window, NOW + 5_000).requests

  it('is what its record holds and what was changed since, each once, whoever held the lease', () => {
    const since = [change(2, 1), change(2, 2), change(3, 1), change(3, 2, 'bob')]
    expect(calls(of(undefined, since))).toBe(3)
    expect(calls(of(kept(2, 1), since))).toBe(2)
    expect(calls(of(kept(2, 7), since))).toBe(1)
    expect(calls(of(kept(3, 1), since))).toBe(0)
  })

  it('is the same when it was written and read, and goes when it counts no more', () => {
    fc.assert(
      fc.property(history, (made) => {
        const use = made.reduce(
          (u, { afterMs, tokens }) => charged(u, NOW - afterMs, aCost({ tokens })),
          noUse(shapes, NOW - 3 * MINUTE),
        )
        const record = kept(1, 1, use)
        expect(usedIn(of(record, []).window, NOW)).toEqual(usedIn(use.window, NOW))
        expect(usedIn(of(record, []).day, NOW)).toEqual(usedIn(use.day, NOW))
        expect(usedIn(of(record, [], record.expiresAt).day, record.expiresAt)).toEqual({ requests: 0, tokens: 0 })
      }),
    )
  })

  it('makes no long ledger of a short past, however old its record or its changes are', () => {
    const longAgo = charged(noUse(shapes, NOW - 7 * DAY), NOW - 7 * DAY, aCost())
    const record = ownerRecord({ owner: 'ada', epoch: 1, n: 1, at: NOW - 7 * DAY, turns: NO_TURNS, use: longAgo })
    for (const use of [of(record, [change(2, 1)]), of(undefined, [change(2, 1)], NOW + 7 * DAY)])
      for (const ledger of [use.window, use.day])
        expect(ledger.counts.requests.length).toBeLessThanOrEqual(ledger.shape.buckets + 2)
  })

  it('of a clock that was far ahead counts as used about now', () => {
    const use = asOf(of(undefined, [[1, 1, 'ada', NOW + 3_600_000, 1, 10]]), NOW)
    expect(usedIn(use.window, NOW)).toMatchObject({ requests: 1 })
    expect(cappedUntil(use, NOW + 1_000, aCost())).toBeUndefined()
  })

  it('is forgotten by no clock that looks at it from an hour ahead', () => {
    const use = charged(noUse(shapes, NOW), NOW, aCost())
    const record = ownerRecord({ owner: 'ada', epoch: 1, n: 1, at: NOW + 3_600_000, turns: NO_TURNS, use })
    expect(usedIn(asOf(of(record, [], NOW + 3_600_000), NOW + 1_000).window, NOW + 1_000)).toMatchObject({
      requests: 1,
    })
  })

  it('is lowered by what was given back, but not below what is forgotten', () => {
    const use = of(undefined, [change(1, 1), [1, 2, 'ada', NOW + 1, 0, -4], [1, 3, 'ada', NOW - DAY, -1, -10]])
    expect(usedIn(use.window, NOW + 5_000)).toEqual({ requests: 1, tokens: 6 })
  })

  const history = fc.array(
    fc.record({ afterMs: fc.integer({ min: 0, max: 2 * MINUTE }), tokens: fc.integer({ min: 1, max: 400 }) }),
    { maxLength: 40 },
  )
})
