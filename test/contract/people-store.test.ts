import { describe, expect, it } from 'vitest'
import { NOTHING } from '../../core/cost.ts'
import { STAND_AT_MOST } from '../../core/people.ts'
import type { PeopleChange } from '../../services/ports.ts'
import { onEveryEngine } from '../support/engines.ts'
import { aPersonsPermit, NOW, POOL, somePeople } from '../support/records.ts'
import { theOne } from './outcomes.ts'

const GOOD_UNTIL = NOW + 60_000
const CAPS = { open: 3, calls: 5 }
const cost = (requests: number, tokens = 0) => ({ ...NOTHING, requests, tokens })
const NO_CHANGE: PeopleChange = {
  stock: NOTHING,
  goodUntil: GOOD_UNTIL,
  granted: [],
  at: NOW,
  counted: [],
  over: [],
  aged: {},
  gone: [],
}

describe('what people have of a pool', () =>
  onEveryEngine((on) => {
    const stands = (over: Parameters<typeof somePeople>[0] = {}) => on().plant('capacity', somePeople(over))
    const read = async () => (await on().people.read({ pool: POOL })) as NonNullable<ReturnType<typeof somePeople>>
    const permit = (id: string, over: Parameters<typeof aPersonsPermit>[0] = {}) => ({
      pool: POOL,
      id,
      permit: aPersonsPermit(over),
      caps: CAPS,
    })
    const take = (id: string, over: Parameters<typeof aPersonsPermit>[0] = {}) =>
      on().people.take({ ...permit(id, { grantedAt: NOW, ...over }), now: NOW })
    const join = (id: string, over: Parameters<typeof aPersonsPermit>[0] = {}) =>
      on().people.join({ ...permit(id, over), atMost: 4 })
    const write = (change: Partial<PeopleChange>, p: { epoch?: number; seq?: number } = {}) =>
      on().people.write({ pool: POOL, epoch: p.epoch ?? 7, seq: p.seq ?? 3, change: { ...NO_CHANGE, ...change } })

    it('is nothing until a holder or somebody in line comes', async () => {
      expect(await on().people.read({ pool: POOL })).toBeUndefined()
      expect(await take('a')).toBe('empty')
      expect(await on().people.hold({ pool: POOL, epoch: 1 })).toMatchObject({ epoch: 1, stock: NOTHING, permits: {} })
    })

    it('is taken of by as many at once as the stock is enough for', async () => {
      await stands({ stock: cost(5) })
      const twenty = Array.from({ length: 20 }, (_, i) => take(`p${i}`, { person: `person.${i}` }))
      const outcomes = await Promise.all(twenty)
      expect(outcomes.filter((o) => o === 'granted')).toHaveLength(5)
      expect(outcomes.filter((o) => o === 'empty')).toHaveLength(15)
      const { stock, permits } = await read()
      expect(stock.requests).toBe(0)
      expect(Object.keys(permits)).toHaveLength(5)
    })

    it('is taken of in every dimension or in none', async () => {
      await stands({ stock: cost(5, 99) })
      expect(await take('a', { cost: cost(1, 100) })).toBe('empty')
      expect((await read()).stock).toEqual(cost(5, 99))
      expect(await take('a', { cost: cost(1, 99) })).toBe('granted')
      expect((await read()).stock).toEqual(cost(4, 0))
    })

    it('is not taken of past those who wait, nor when nobody has looked after it for long', async () => {
      await stands({ stock: cost(5), waiting: 1, permits: { w: aPersonsPermit() } })
      expect(await take('a')).toBe('empty')
      await stands({ stock: cost(5), goodUntil: NOW })
      expect(await take('a')).toBe('empty')
    })

    it('is given twice for no id, and once if the same is asked again', async () => {
      await stands({ stock: cost(5) })
      expect(await take('a')).toBe('granted')
      expect(await take('a')).toBe('granted')
      expect((await read()).stock.requests).toBe(4)
    })

    it.each([
      { cap: 'open', over: { open: { 'ann@example.com': 3 } } },
      { cap: 'rate', over: { took: { 'ann@example.com': 5 } } },
    ] as const)('goes to nobody who has as much as one person may: $cap', async ({ cap, over }) => {
      await stands({ stock: cost(5), ...over })
      expect(await take('a', { person: 'ann@example.com' })).toBe(cap)
      expect(await join('a', { person: 'ann@example.com' })).toBe(cap)
      expect(await take('b', { person: 'bob' })).toBe('granted')
    })

    it('is changed once by one write of its holder, which knows it again, and by no other of the same number', async () => {
      await stands({ waiting: 1, permits: { w: aPersonsPermit() }, stock: cost(5) })
      const change = { stock: cost(2), granted: ['w'] }
      const first = await write(change)
      expect(first.kind).toBe('written')
      expect(await write(change)).toEqual(first)
      expect(await write({ stock: cost(1), goodUntil: GOOD_UNTIL + 1 })).toEqual({ kind: 'stale' })
      expect((await read()).stock).toEqual(cost(7))
    })

    it('is counted for whatever a person is called', async () => {
      await stands({ stock: cost(5) })
      expect(await take('a', { person: 'constructor' })).toBe('granted')
      expect(await take('b', { person: 'constructor' })).toBe('granted')
      expect(await read()).toMatchObject({ open: { constructor: 2 }, took: { constructor: 2 } })
    })

    it('has a line, in which nobody stands twice and which is so long and no longer', async () => {
      const ids = ['a', 'b', 'c', 'd', 'e']
      const outcomes = await Promise.all(ids.map((id) => join(id, { person: id })))
      expect(outcomes.filter((o) => o === 'joined')).toHaveLength(4)
      expect(outcomes[theOne(outcomes, (o) => o === 'full')]).toBe('full')
      expect((await read()).waiting).toBe(4)
      expect(await join(ids[outcomes.indexOf('joined')] as string)).toBe('joined')
      expect((await read()).waiting).toBe(4)
    })

    it('begins with whoever comes first, and loses none of those who come with them', async () => {
      const ids = Array.from({ length: 20 }, (_, i) => `p${i}`)
      const join = (id: string) => on().people.join({ ...permit(id, { person: id }), atMost: 20 })
      expect(new Set(await Promise.all(ids.map(join)))).toEqual(new Set(['joined']))
      expect(Object.keys((await read()).permits).sort()).toEqual(ids.sort())
    })

    it('holds so many permits and no more, so that its item never grows too large', async () => {
      const standing = (n: number) =>
        Object.fromEntries(Array.from({ length: n }, (_, i) => [`p${i}`, aPersonsPermit({ grantedAt: NOW })]))
      await stands({ stock: cost(5), permits: standing(STAND_AT_MOST) })
      expect(await take('a')).toBe('empty')
      expect(await join('a')).toBe('full')
      await stands({ stock: cost(5), permits: standing(STAND_AT_MOST - 1) })
      expect(await take('a')).toBe('granted')
    })

    it('is left by one who waits, and not by one who was granted meanwhile', async () => {
      await stands({
        waiting: 1,
        permits: { w: aPersonsPermit(), g: aPersonsPermit({ grantedAt: NOW }) },
        open: { ann: 2 },
        took: { ann: 2 },
      })
      expect(await on().people.leave({ pool: POOL, id: 'g', person: 'ann' })).toBe('not-waiting')
      expect(await on().people.leave({ pool: POOL, id: 'w', person: 'ann' })).toBe('left')
      expect(await on().people.leave({ pool: POOL, id: 'w', person: 'ann' })).toBe('not-waiting')
      expect(await read()).toMatchObject({ waiting: 0, open: { ann: 1 }, took: { ann: 1 }, permits: { g: {} } })
    })

    it('hears of one who still waits, and of nobody else', async () => {
      const permits = { w: aPersonsPermit(), g: aPersonsPermit({ grantedAt: NOW }) }
      await stands({ waiting: 1, permits })
      for (const id of ['w', 'g', 'nobody']) await on().people.ask({ pool: POOL, id, asksUntil: NOW + 99 })
      expect((await read()).permits).toEqual({ ...permits, w: aPersonsPermit({ asksUntil: NOW + 99 }) })
    })

    it('hears once that a granted call is over, and what it has cost', async () => {
      await stands({ waiting: 1, permits: { w: aPersonsPermit(), g: aPersonsPermit({ grantedAt: NOW }) } })
      const close = (id: string, at = NOW + 5) => on().people.close({ pool: POOL, id, at, cost: cost(1, 12) })
      expect(await close('w')).toBe('gone')
      expect(await close('nobody')).toBe('gone')
      expect(await close('g')).toBe('closed')
      expect(await close('g')).toBe('closed')
      expect(await close('g', NOW + 6)).toBe('gone')
      expect((await read()).permits['g']).toMatchObject({ closed: { at: NOW + 5, cost: cost(1, 12) } })
    })

    it('is changed by its holder in one write, beside those who take of it', async () => {
      const permits = {
        w: aPersonsPermit({ person: 'bob' }),
        c: aPersonsPermit({ grantedAt: NOW }),
        o: aPersonsPermit({ grantedAt: NOW - 1 }),
        gone: aPersonsPermit({ person: 'bob' }),
      }
      await stands({
        stock: cost(2),
        waiting: 2,
        permits,
        open: { ann: 2, bob: 2, cy: 0 },
        took: { ann: 3, bob: 2, cy: 0 },
      })
      const [written] = await Promise.all([
        write({
          stock: cost(3),
          granted: ['w'],
          at: NOW + 9,
          counted: ['c'],
          over: [
            { id: 'o', person: 'ann', waiting: false },
            { id: 'gone', person: 'bob', waiting: true },
          ],
          aged: { ann: 1 },
          gone: ['cy'],
        }),
      ])
      expect(written).toEqual({
        kind: 'written',
        record: {
          ...(await read()),
          seq: 4,
          stock: cost(5),
          waiting: 0,
          open: { ann: 1, bob: 1 },
          took: { ann: 2, bob: 1 },
          permits: { w: { ...permits.w, grantedAt: NOW + 9 }, c: { ...permits.c, counted: true } },
        },
      })
    })

    it.each([
      { what: 'more was taken meanwhile than is to be taken out', change: { stock: cost(-3) } },
      { what: 'one in line has left', change: { granted: ['nobody'] } },
      { what: 'one who went away was granted', change: { over: [{ id: 'g', person: 'ann', waiting: true }] } },
      { what: 'a person has come back', change: { gone: ['ann'] } },
    ])('is not changed where $what', async ({ change }) => {
      const stood = {
        stock: cost(2),
        permits: { g: aPersonsPermit({ grantedAt: NOW }) },
        open: { ann: 1 },
        took: { ann: 1 },
      }
      await stands(stood)
      expect(await write(change)).toEqual({ kind: 'stale' })
      expect(await read()).toMatchObject({ ...stood, seq: 3 })
    })

    it('is written by one holder, and each write once', async () => {
      await stands({ stock: cost(2) })
      expect(await write({ stock: cost(1) }, { epoch: 6 })).toEqual({ kind: 'lost' })
      expect(await write({ stock: cost(1), goodUntil: NOW + 1 }, { seq: 2 })).toEqual({ kind: 'stale' })
      expect(await write({ stock: cost(1) })).toMatchObject({ kind: 'written', record: { seq: 4, stock: cost(3) } })
      expect(await write({ stock: cost(1), goodUntil: NOW + 1 })).toEqual({ kind: 'stale' })
    })

    it('passes to the next lease with an empty stock, and the last one’s holder can add nothing more', async () => {
      const permits = { g: aPersonsPermit({ grantedAt: NOW }) }
      await stands({ stock: cost(2, 50), permits })
      expect(await on().people.hold({ pool: POOL, epoch: 8 })).toMatchObject({ epoch: 8, stock: NOTHING, permits })
      expect(await write({ stock: cost(1) })).toEqual({ kind: 'lost' })
      expect(await on().people.hold({ pool: POOL, epoch: 8 })).toMatchObject({ epoch: 8, stock: NOTHING, permits })
    })

    it('is not taken back by an earlier lease, and what its own has added stays if it asks twice', async () => {
      await stands({ stock: cost(2) })
      await expect(on().people.hold({ pool: POOL, epoch: 6 })).rejects.toThrow('later lease')
      expect(await on().people.hold({ pool: POOL, epoch: 7 })).toMatchObject({ epoch: 7, stock: cost(2) })
      expect((await read()).stock).toEqual(cost(2))
    })
  }))
