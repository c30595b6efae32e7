import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cost, NOTHING } from '../../core/cost.ts'
import { likelyCalls, noDemand, stockFor, withAsked } from '../../core/demand.ts'
import { room, sameRoomUntil, spanMs, trim } from '../../core/ledger.ts'
import { holdingBack, roomInAll } from '../../core/ledgers.ts'
import { heldFor, newsOf, type PersonsPermit } from '../../core/people.ts'
import { lineOf, lineUp, NO_TURNS } from '../../core/people-line.ts'
import { heldFromAgents, inFlightForPeople, type PeopleState, planPeople } from '../../core/people-plan.ts'
import { plan } from '../../core/plan.ts'
import { aCost, aLedger, aRing, aShape, aSnapshot, NOW, someLedgers } from '../support/builders.ts'
import { aPersonsPermit, somePeople } from '../support/records.ts'

const calls = (requests: number): Cost => ({ ...NOTHING, requests })
const ledgers = (permits: readonly { slot: number }[] = [], requests = 10) =>
  someLedgers({ shape: aShape({ limits: { requests } }), permits })
const UNLIMITED: Cost = { requests: Infinity, tokens: Infinity, input: Infinity, output: Infinity }

const aState = (
  p: Partial<PeopleState> & { permits?: Record<string, PersonsPermit>; stock?: number } = {},
): PeopleState => {
  const { permits = {}, stock = 0, ...rest } = p
  return {
    record: somePeople({ permits, stock: calls(stock) }),
    now: NOW,
    doubt: NOTHING,
    used: NOTHING,
    atMost: UNLIMITED,
    target: calls(2),
    inFlightAtMost: Infinity,
    ...rest,
  }
}
const waits = (over: Partial<PersonsPermit> = {}) => aPersonsPermit({ askedAt: NOW, ...over })
const granted = (over: Partial<PersonsPermit> = {}) => aPersonsPermit({ grantedAt: NOW, ...over })

describe('what is held for people', () => {
  it('is the stock and all that was granted and has no moment yet, at what it cost where that is known', () => {
    const permits = {
      waits: waits({ cost: calls(7) }),
      open: granted({ useMs: 500 }),
      counted: granted({ counted: true }),
      closed: granted({ useMs: 500, closed: { at: NOW, cost: calls(3) } }),
    }
    expect(heldFor(somePeople({ stock: calls(4), permits }))).toEqual(calls(4 + 1 + 3))
  })

  it('gets its moment when it is granted, settled or run out, whichever comes first, and is over when nothing more is to come', () => {
    const permits = {
      atOnce: granted({ openMs: 100 }),
      later: granted({ useMs: 500 }),
      runOut: granted({ grantedAt: NOW - 500, useMs: 400, openMs: 50 }),
      settled: granted({ useMs: 500, closed: { at: NOW - 3, cost: calls(1) } }),
      corrected: granted({ counted: true, closed: { at: NOW, cost: calls(0) } }),
      gone: waits({ asksUntil: NOW - 1 }),
    }
    const { counted, amended, over } = newsOf(somePeople({ permits }), NOW)
    expect(Object.fromEntries(counted.map(({ id, at }) => [id, at]))).toEqual({
      atOnce: NOW,
      runOut: NOW - 100,
      settled: NOW - 3,
    })
    expect(amended).toEqual([{ id: 'corrected', at: NOW, by: calls(-1) }])
    expect([...over].sort()).toEqual(['corrected', 'gone', 'runOut', 'settled'])
  })
})

describe('the line', () => {
  it('serves everybody once before anybody twice, each round in the order of asking, and nobody who has gone', () => {
    const permits = {
      a1: waits({ person: 'ann', askedAt: 1 }),
      a2: waits({ person: 'ann', askedAt: 2 }),
      b1: waits({ person: 'bob', askedAt: 3 }),
      gone: waits({ person: 'cy', askedAt: 0, asksUntil: NOW - 1 }),
      has: granted({ person: 'dan' }),
    }
    expect(lineOf(somePeople({ permits }), NOW).map(([id]) => id)).toEqual(['a1', 'b1', 'a2'])
  })

  it('charges nobody for calls that were given up, nor for long ago', () => {
    const asked = (n: number) =>
      Object.fromEntries(Array.from({ length: n }, (_, i) => [`a${i}`, waits({ person: 'ann' })]))
    const many = lineUp(NO_TURNS, somePeople({ permits: asked(9) }), NOW)
    const gone = lineUp(many, somePeople({ permits: {} }), NOW)
    const permits = {
      b: waits({ person: 'bob' }),
      b2: waits({ person: 'bob' }),
      a: waits({ person: 'ann', askedAt: NOW + 1 }),
    }
    expect(lineOf(somePeople({ permits }), NOW, gone).map(([id]) => id)).toEqual(['b', 'a', 'b2'])
    const had = lineUp(
      lineUp(NO_TURNS, somePeople({ permits: asked(1) }), NOW),
      somePeople({ permits: { a0: granted({ person: 'ann' }) } }),
      NOW,
    )
    const soon = { a: waits({ person: 'ann' }), b: waits({ person: 'bob', askedAt: NOW + 1 }) }
    expect(lineOf(somePeople({ permits: soon }), NOW, had).map(([id]) => id)).toEqual(['b', 'a'])
    const later = Object.fromEntries(Object.entries(soon).map(([id, p]) => [id, { ...p, asksUntil: NOW + 90_000 }]))
    expect(lineOf(somePeople({ permits: later }), NOW + 60_000, had).map(([id]) => id)).toEqual(['a', 'b'])
  })

  it('lets who comes later have a first one before the second of who was served meanwhile, as often as that happens', () => {
    const many = (n: number) =>
      Object.fromEntries(Array.from({ length: n }, (_, i) => [`a${i}`, waits({ person: 'ann' })]))
    let turns = lineUp(NO_TURNS, somePeople({ permits: many(9) }), NOW)
    let permits: Record<string, PersonsPermit> = many(9)
    for (const person of ['bob', 'cy', 'dan']) {
      const [first] = lineOf(somePeople({ permits }), NOW, turns)[0] ?? []
      permits = {
        ...permits,
        [first as string]: granted({ person: 'ann' }),
        [person]: waits({ person, askedAt: NOW + 1 }),
      }
      turns = lineUp(turns, somePeople({ permits }), NOW)
      const { [first as string]: _, ...standing } = permits
      permits = standing
      expect(lineOf(somePeople({ permits }), NOW, turns)[0]?.[0]).toBe(person)
      permits = { ...permits, [person]: granted({ person }) }
      turns = lineUp(turns, somePeople({ permits }), NOW)
    }
  })
})

describe('a plan for people', () => {
  const at = { ledgers: ledgers(), agentsWait: true, concurrency: Infinity }

  it('grants to those in line before it fills the stock', () => {
    const permits = { a: waits({ person: 'ann' }), b: waits({ person: 'bob', askedAt: NOW + 1 }) }
    const three = ledgers(Array.from({ length: 7 }, () => ({ slot: NOW })))
    expect(planPeople(aState({ permits }), { ...at, ledgers: three })).toEqual({ granted: ['a', 'b'], stock: calls(1) })
    const one = ledgers(Array.from({ length: 9 }, () => ({ slot: NOW })))
    expect(planPeople(aState({ permits }), { ...at, ledgers: one })).toEqual({ granted: ['a'], stock: calls(0) })
  })

  it('gives people no more than their share while agents wait, and all that is free when none does', () => {
    const permits = { a: waits(), b: waits({ person: 'bob' }) }
    const state = aState({ permits, used: calls(4), atMost: calls(5), target: calls(5) })
    expect(planPeople(state, at)).toEqual({ granted: ['a'], stock: calls(0) })
    expect(planPeople(state, { ...at, agentsWait: false })).toEqual({ granted: ['a', 'b'], stock: calls(4) })
  })

  it('takes back from the stock what agents wait for, and what a limit no longer allows', () => {
    expect(planPeople(aState({ stock: 8 }), at).stock).toEqual(calls(-6))
    const over = ledgers(Array.from({ length: 9 }, () => ({ slot: NOW })))
    expect(planPeople(aState({ stock: 2, target: calls(2) }), { ...at, ledgers: over }).stock).toEqual(calls(-1))
  })

  it('keeps within the calls that may be in flight', () => {
    const permits = { a: waits(), b: waits({ person: 'bob' }) }
    expect(planPeople(aState({ permits }), { ...at, concurrency: 1 })).toEqual({ granted: ['a'], stock: calls(0) })
  })

  it('gives the stock back while somebody waits, as nobody takes of it then', () => {
    const cost = { ...calls(1), tokens: 50 }
    const state = aState({ permits: { a: waits({ cost }) }, target: { ...calls(2), tokens: 20 } })
    const record = { ...state.record, stock: { ...calls(2), tokens: 20 } }
    const two = someLedgers({ shape: aShape({ limits: { requests: 10, tokens: 60 } }) })
    const change = planPeople({ ...state, record }, { ...at, ledgers: two, concurrency: 0 })
    expect(change).toEqual({ granted: [], stock: { ...calls(-2), tokens: -20 } })
  })

  it('have no more in flight than their part while agents wait, whatever is free', () => {
    const permits = { a: granted({ useMs: 500 }), b: granted({ useMs: 500 }), c: waits() }
    const few = aState({ permits, target: calls(0), inFlightAtMost: 2 })
    expect(planPeople(few, { ...at, concurrency: 3 }).granted).toEqual([])
    expect(planPeople(few, { ...at, concurrency: 3, agentsWait: false }).granted).toEqual(['c'])
  })

  it('never lets ledger and stock together exceed a limit, whatever has been called and whoever asks (G2)', () => {
    const slots = fc.array(fc.record({ slot: fc.nat(19).map((n) => NOW + 100 * (n - 9)) }), { maxLength: 12 })
    const some = fc.record({ line: fc.nat(6), stock: fc.nat(4), target: fc.nat(12), agentsWait: fc.boolean() })
    fc.assert(
      fc.property(slots, some, (permits, { line, stock, target, agentsWait }) => {
        const asking = Object.fromEntries(Array.from({ length: line }, (_, i) => [`p${i}`, waits({ person: `${i}` })]))
        const state = aState({ permits: asking, stock, target: calls(target) })
        const all = ledgers(permits)
        const before = roomInAll(all, NOW).requests - stock
        const { granted: now, stock: change } = planPeople(state, { ledgers: all, agentsWait, concurrency: Infinity })
        const after = before - now.length - change.requests
        expect(stock + change.requests).toBeGreaterThanOrEqual(0)
        if (before >= 0) expect(after).toBeGreaterThanOrEqual(0)
        else expect(now.length + change.requests).toBeLessThanOrEqual(0)
      }),
      { numRuns: 500 },
    )
  })
})

describe('calls in flight that agents are planned without', () => {
  const inFlight = (p: Parameters<typeof aState>[0]) => inFlightForPeople(aState({ target: calls(0), ...p }))

  it('are those in stock and under way, and up to their part those in line', () => {
    const permits = {
      open: granted(),
      closed: granted({ closed: { at: NOW, cost: calls(1) } }),
      a: waits(),
      b: waits(),
    }
    expect(inFlight({ permits, stock: 1 })).toBe(2 + 2)
    expect(inFlight({ permits, stock: 1, inFlightAtMost: 3 })).toBe(3)
    expect(inFlight({ permits, stock: 3, inFlightAtMost: 1 })).toBe(4)
  })

  it('are one at least for who waits, and none for a stock that is to be kept', () => {
    expect(inFlight({ permits: { a: waits() }, inFlightAtMost: 0 })).toBe(1)
    expect(inFlight({ target: calls(0), inFlightAtMost: 0 })).toBe(0)
  })

  it('are none that people may not have: their share of the window is used', () => {
    const used = { permits: { a: waits() }, atMost: calls(3), used: calls(3), target: calls(2) }
    expect(inFlight(used)).toBe(0)
  })

  it('are those that a write in doubt may have added', () => {
    expect(inFlight({ doubt: calls(2) })).toBe(2)
  })
})

describe('agents beside people', () => {
  it('are planned without what is held or wanted for people, within their share, and say so', () => {
    const state = aState({ stock: 1, target: calls(3), permits: { a: waits() }, atMost: calls(3) })
    expect(heldFromAgents(state)).toEqual(calls(3))
    const snapshot = aSnapshot({ ring: aRing({ jobs: [{ count: 20 }] }), ledgers: ledgers(), pacing: 'burst' })
    const decided = plan({ ...snapshot, held: calls(3) }, NOW)
    expect(decided.permits).toHaveLength(7)
    expect(decided.holds).toBe('PEOPLE_FIRST')
    expect(decided.ledgers.window.shape).toEqual(snapshot.ledgers.window.shape)
  })

  it('say what one of them needs that is larger than what people leave of a limit', () => {
    const shape = aShape({ limits: { requests: 10, tokens: 100 } })
    const ring = aRing({ jobs: [{ tokens: 90 }] })
    const snapshot = aSnapshot({ ring, ledgers: someLedgers({ shape, permits: [] }) })
    const decided = plan({ ...snapshot, held: { ...NOTHING, tokens: 20 } }, NOW)
    expect(decided.permits).toEqual([])
    expect(decided.holds).toBe('PEOPLE_FIRST')
    expect(decided.exceeds?.tokens).toBe(90)
    // Nobody tells when they give way: who plans is to look again, and not to end.
    expect(decided.againAt).toBeLessThanOrEqual(NOW + 1_000)
  })
})

describe('a limit that is lower at present than what a job costs', () => {
  const shape = aShape({ limits: { requests: 10, tokens: 50 } })
  const ring = aRing({ jobs: [{ tokens: 90 }] })
  const costOf = () => aCost({ tokens: 90 })
  const snapshot = { ...aSnapshot({ ring, ledgers: someLedgers({ shape, permits: [] }) }), costOf }

  it('is not taken for what people hold: once they hold nothing the job goes', () => {
    const beside = plan({ ...snapshot, held: { ...NOTHING, tokens: 20 } }, NOW)
    expect(beside.holds).toBe('PEOPLE_FIRST')
    expect(beside.exceeds?.tokens).toBe(50)
    const alone = plan({ ...snapshot, held: NOTHING }, NOW + 2 * spanMs(shape))
    expect(alone.permits).toHaveLength(1)
  })
})

describe('room', () => {
  it('is what the fullest window has left that ends now or later', () => {
    const shape = aShape({ limits: { requests: 5 } })
    const ledger = aLedger({ shape, permits: [{ slot: NOW - 900 }, { slot: NOW + 100 }, { slot: NOW + 200 }] })
    expect(room(ledger, NOW)).toEqual({ requests: 3 })
    expect(room(ledger, NOW - 900)).toEqual({ requests: 3 })
    expect(room(ledger, NOW + 1_100)).toEqual({ requests: 4 })
    expect(roomInAll(holdingBack({ window: ledger }, aCost({ requests: 2 })), NOW).requests).toBe(1)
  })
})

describe('the moment up to which there is no more room', () => {
  it('is the last one before the room grows', () => {
    const shape = aShape({ limits: { requests: 50, tokens: 1_000 } })
    const slot = fc.integer({ min: -8, max: 12 }).map((i) => NOW + i * shape.bucketMs)
    const permits = fc.array(fc.record({ slot, tokens: fc.integer({ min: 0, max: 9 }) }), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(permits, fc.integer({ min: 0, max: 5_000 }), (drawn, ahead) => {
        const ledger = trim(aLedger({ shape, permits: drawn }), NOW)
        const [from, until] = [NOW + ahead, sameRoomUntil(ledger, NOW + ahead)]
        const more = (at: number) => {
          const [then, before] = [roomInAll({ window: ledger }, at), roomInAll({ window: ledger }, from)]
          return then.requests > before.requests || then.tokens > before.tokens
        }
        expect(more(until === Infinity ? NOW + 100_000 : until)).toBe(false)
        if (until < Infinity) expect(more(until + 1)).toBe(true)
      }),
    )
  })
})

describe('the demand of people', () => {
  const asked = (n: number, at: number) => Array.from({ length: n }, () => ({ at, cost: { ...calls(1), tokens: 30 } }))

  it('asks for one call where nobody came, and for more the more come at once', () => {
    expect(likelyCalls(noDemand(NOW))).toBe(1)
    const steady = Array.from({ length: 400 }, (_, i) => asked(1, NOW + 200 * i)).flat()
    const bursts = Array.from({ length: 20 }, (_, i) => asked(20, NOW + 4_000 * i)).flat()
    expect(likelyCalls(withAsked(noDemand(NOW), steady, NOW + 80_000))).toBeLessThanOrEqual(2)
    expect(likelyCalls(withAsked(noDemand(NOW), bursts, NOW + 80_000))).toBeGreaterThan(10)
  })

  it('is forgotten after a minute and a half', () => {
    const once = withAsked(noDemand(NOW), asked(30, NOW), NOW)
    expect(likelyCalls(once)).toBe(30)
    expect(likelyCalls(withAsked(once, [], NOW + 100_000))).toBe(1)
  })

  it('is met by calls of the size that people ask for, within the limits', () => {
    const limits = { ...UNLIMITED, requests: 100, tokens: 100 }
    const demand = withAsked(noDemand(NOW), asked(4, NOW), NOW)
    expect(stockFor(demand, 2, limits)).toMatchObject({ requests: 2, tokens: 60 })
    expect(stockFor(demand, 9, limits)).toMatchObject({ requests: 9, tokens: 100 })
    expect(stockFor(noDemand(NOW), 3, limits)).toMatchObject({ requests: 3, tokens: 3 })
  })
})
