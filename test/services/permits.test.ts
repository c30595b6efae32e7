/** A person's permit: asked for, granted, used, settled, given back, refused. In virtual time. */
import { describe, expect, it } from 'vitest'
import { changePool } from '../../services/change-pool.ts'
import { KEPT_IN_LINE_MS } from '../../services/permits/ask.ts'
import { getPermit, releasePermit, settlePermit } from '../../services/permits/standing.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { ask, at, busy, granted, meanwhile, pat, quin, shared, WINDOW_MS } from '../support/people.ts'
import type { Fault } from '../support/port-faults.ts'
import { World } from '../support/world.ts'

describe('a permit', () => {
  it('is granted at once while agents use all that is left, and says until when it may be used', async () => {
    const world = await busy()
    const asked = world.now()
    const { state, useBy, reserved } = await granted(world)
    expect(world.now() - asked).toBeLessThan(50)
    expect({ state, useBy, reserved }).toEqual({ state: 'granted', useBy: asked + 1_000, reserved: { requests: 1 } })
  })

  it('starts a dispatcher where none is, and is granted within a second or so', async () => {
    const world = shared()
    const asked = world.now()
    expect((await granted(world)).state).toBe('granted')
    expect(world.now() - asked).toBeLessThan(1_500)
    expect(world.holders).toHaveLength(1)
  })

  it('is told to wait where none is free yet, and granted before further jobs', async () => {
    const world = await busy({ people: { reserve: 0, perPerson: { open: 9 } } })
    const first = await meanwhile(world, ask(world))
    expect(first).toMatchObject({ ok: true, permit: { state: 'waiting', ahead: 0 } })
    const id = first.ok ? first.permit.id : ''
    const then = await meanwhile(world, getPermit(world.api, pat, at(id), { waitS: 25 }))
    expect(then).toMatchObject({ ok: true, permit: { id, state: 'granted' } })
  })

  it('tells who waits how many come before, and when the turn comes at the latest', async () => {
    const world = await busy({ people: { max: 0.5, reserve: 0, perPerson: { open: 99, calls: 999 } } })
    for (let i = 0; i < 15; i++) void ask(world, { waitS: 25, useWithinMs: 25_000 }, quin)
    await world.pass(1)
    const asked = world.now()
    const first = await meanwhile(world, ask(world))
    if (!first.ok) throw new Error(first.detail)
    // Everybody's first before anybody's second; both are within a window's thirty.
    expect(first.permit).toMatchObject({ state: 'waiting', ahead: 1 })
    expect(first.permit.expectedWithinMs).toBeGreaterThanOrEqual(WINDOW_MS)
    expect(first.permit.expectedWithinMs).toBeLessThan(1.2 * WINDOW_MS)
    await meanwhile(world, getPermit(world.api, pat, at(first.permit.id), { waitS: 25 }))
    expect(world.now() - asked).toBeLessThan(1_000)
  })

  it('is refused where a hundred wait already: their looks are all that the line’s record can be asked for', async () => {
    const world = shared({ people: { perPerson: { open: 100, calls: 200 } } })
    world.wakes = false
    for (let i = 0; i < 100; i++) expect((await ask(world)).ok).toBe(true)
    expect(await ask(world, {}, quin)).toMatchObject({ ok: false, code: 'line-full', retryAfterS: 1 })
  })

  it('tells operators whether it was granted at once, or how long it waited in line', async () => {
    const stocked = await busy()
    await granted(stocked)
    await stocked.pass(500)
    expect(stocked.counted('PeopleAtOnce')).toBe(1)
    expect(stocked.counts.filter(({ name }) => name === 'PeopleWaitedMs')).toEqual([])
    const world = await busy({ people: { reserve: 0, perPerson: { open: 9 } } })
    const asked = world.now()
    await granted(world)
    const waits = world.counts.filter(({ name }) => name === 'PeopleWaitedMs').map(({ value }) => value)
    expect(waits).toHaveLength(1)
    expect(waits[0]).toBeGreaterThan(0)
    expect(waits[0]).toBeLessThanOrEqual(world.now() - asked)
    await world.pass(500)
    expect(world.counted('PeopleAtOnce')).toBe(0)
  })

  it('tells operators of those who have left without, too', async () => {
    const world = shared({ concurrency: 1 })
    await granted(world, { lastsMs: 600_000 })
    const before = world.counted('PeopleWaitedMs')
    expect(await meanwhile(world, ask(world))).toMatchObject({ permit: { state: 'waiting' } })
    await world.pass(2 * KEPT_IN_LINE_MS)
    expect(world.counted('PeopleWaitedMs') - before).toBeGreaterThanOrEqual(KEPT_IN_LINE_MS)
  })

  it('keeps its place while it is asked for again under its key', async () => {
    const world = await busy({ concurrency: 1, people: { reserve: 0, perPerson: { open: 9, calls: 9 } } })
    const { id } = await granted(world, { lastsMs: 40_000 }, quin)
    for (let i = 0; i < 4; i++) {
      expect(await ask(world, { idempotencyKey: 'one' })).toMatchObject({ permit: { state: 'waiting', ahead: 0 } })
      await world.pass(10_000)
    }
    await releasePermit(world.api, quin, at(id))
    const again = await meanwhile(world, ask(world, { idempotencyKey: 'one', waitS: 5 }))
    expect(again).toMatchObject({ permit: { state: 'granted' } })
  })

  it('whose asking failed leaves neither a place in line nor a use behind, unless a key can come back for it', async () => {
    const failing = async (world: World, method: string, when: Fault, key?: string) => {
      const deps = world.process((call) => (call.method === method ? when : undefined))
      const asked = ask({ api: deps }, { waitS: 3, idempotencyKey: key }).catch(() => 'failed')
      expect(await meanwhile(world, asked)).toBe('failed')
      const { permits = {} } = (await world.api.people.read({ pool: 'main' })) ?? {}
      return Object.values(permits).map(({ closed }) => (closed ? 'given back' : 'stands'))
    }
    const asleep = () => Object.assign(shared(), { wakes: false })
    expect(await failing(asleep(), 'read', 'fails-before')).toEqual([])
    expect(await failing(asleep(), 'join', 'fails-after')).toEqual([])
    expect(await failing(await busy(), 'take', 'fails-after')).toEqual(['given back'])
    expect(await failing(asleep(), 'read', 'fails-before', 'a key')).toEqual(['stands'])
  })

  it('is not another one’s under the same key: one of another size is refused', async () => {
    const world = await busy()
    await granted(world, { idempotencyKey: 'one' })
    expect(await ask(world, { idempotencyKey: 'one', useWithinMs: 9 })).toMatchObject({ permit: { state: 'granted' } })
    const pool = { tokens: 10_000 }
    const counting = await busy(pool)
    await granted(counting, { idempotencyKey: 'one' })
    expect(await ask(counting, { idempotencyKey: 'one', maxOutputTokens: 900 })).toMatchObject({ code: 'key-reused' })
  })

  it('is settled with all that was reserved for it, though the limit is lower by now', async () => {
    const world = await busy({ tokens: 6_000, people: { maxOutputTokens: 3_000, perPerson: { open: 3, calls: 20 } } })
    const { id } = await granted(world, { maxOutputTokens: 2_000 })
    const lowered = await changePool(world.api, ADMIN, 'main', { patch: { tokens: 1_000 }, ifMatch: '*' })
    expect(lowered).toMatchObject({ ok: true })
    expect(await settlePermit(world.api, pat, at(id), { inputTokens: 10, outputTokens: 1_990 })).toMatchObject({
      ok: true,
    })
  })

  it('is asked for again under the same key as the same permit', async () => {
    const world = await busy()
    const first = await granted(world, { idempotencyKey: 'once' })
    const again = await granted(world, { idempotencyKey: 'once' })
    expect(again.id).toBe(first.id)
  })

  it.each([
    { what: 'a pool that there is not', pool: 'nowhere', request: {}, code: 'not-found' },
    { what: 'more output than a call may have', pool: 'main', request: { maxOutputTokens: 5_000 }, code: 'too-large' },
    {
      what: 'more tokens than people may ever have',
      pool: 'main',
      request: { inputTokens: 501 },
      code: 'larger-than-pool',
    },
  ])('is refused at once for $what, and stands in no line', async ({ pool, request, code }) => {
    const world = shared({ tokens: 1_000 })
    const asked = world.now()
    expect(await ask(world, { waitS: 25, ...request }, pat, pool)).toMatchObject({ ok: false, code })
    expect(world.now()).toBe(asked)
    expect((await world.api.people.read({ pool: 'main' }))?.waiting ?? 0).toBe(0)
  })

  it('is refused where a pool is not shared with people, and without the scope', async () => {
    expect(await ask(new World())).toMatchObject({ code: 'not-shared' })
    expect(await ask(shared(), {}, aCaller('pat', { scopes: ['jobs:submit'] }))).toMatchObject({
      code: 'scope-missing',
    })
  })

  it('is refused to who holds as many as one may, until one is given back', async () => {
    const world = await busy()
    const permits = [await granted(world), await granted(world), await granted(world)]
    expect(await meanwhile(world, ask(world))).toMatchObject({ code: 'permits-open', retryAfterS: 1 })
    expect((await granted(world, {}, quin)).state).toBe('granted')
    expect(await releasePermit(world.api, pat, at(permits[0]?.id as string))).toMatchObject({ ok: true })
    await world.pass(500)
    expect((await granted(world)).state).toBe('granted')
  })

  it('is refused to who was granted as many in a window as one may, until that window has passed', async () => {
    const world = await busy({ people: { perPerson: { open: 9, calls: 2 } } })
    for (const permit of [await granted(world), await granted(world)])
      await releasePermit(world.api, pat, at(permit.id))
    expect(await meanwhile(world, ask(world))).toMatchObject({ code: 'rate-reached' })
    await world.pass(WINDOW_MS + 1_000)
    expect((await granted(world)).state).toBe('granted')
  })

  it('ends by itself when it is neither used nor settled', async () => {
    const world = await busy()
    const { id } = await granted(world)
    await world.pass(1_000 + 5_000 + 500)
    expect(await getPermit(world.api, pat, at(id))).toMatchObject({ code: 'not-found' })
    expect(await settlePermit(world.api, pat, at(id), { inputTokens: 1 })).toMatchObject({ code: 'not-found' })
  })

  it("is nobody else's to look at, settle or give back", async () => {
    const world = await busy()
    const { id } = await granted(world)
    expect(await getPermit(world.api, quin, at(id))).toMatchObject({ code: 'not-found' })
    expect(await settlePermit(world.api, quin, at(id), {})).toMatchObject({ code: 'not-found' })
    expect(await releasePermit(world.api, quin, at(id))).toMatchObject({ code: 'not-found' })
    expect(await settlePermit(world.api, pat, at(id), {})).toMatchObject({ ok: true })
    await world.pass(1)
    expect(await settlePermit(world.api, pat, at(id), {})).toMatchObject({ code: 'not-found' })
  })

  it('is not settled before it is granted, nor with more than its pool has', async () => {
    const world = await busy({ tokens: 10_000, accounting: 'anthropic', people: { reserve: 0 } })
    const waiting = await meanwhile(world, ask(world))
    const id = waiting.ok ? waiting.permit.id : ''
    expect(await settlePermit(world.api, pat, at(id), {})).toMatchObject({ code: 'not-granted' })
    await meanwhile(world, getPermit(world.api, pat, at(id), { waitS: 25 }))
    const absurd = { inputTokens: 9_000_000, outputTokens: 1 }
    expect(await settlePermit(world.api, pat, at(id), absurd)).toMatchObject({ code: 'absurd-usage' })
  })
})
