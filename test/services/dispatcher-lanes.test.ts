import { describe, expect, it } from 'vitest'
import { liveItem } from '../../adapters/records.ts'
import { HEADS_KEPT } from '../../core/ring.ts'
import { cancel } from '../../services/cancel.ts'
import { LEAVE_AFTER_IDLE_MS } from '../../services/dispatch/holder.ts'
import { readLane } from '../../services/dispatch/take-over.ts'
import { submit } from '../../services/submit.ts'
import { aRing } from '../support/builders.ts'
import { aCaller } from '../support/callers.ts'
import { aKey, aRunning, JOB, NOW } from '../support/records.ts'
import { asleep, World } from '../support/world.ts'

/** Every job in the order of its slot. */
const inOrder = (world: World) =>
  world.messages.flatMap((m) => m.jobs.map((j) => ({ ...j, sentAt: m.sentAt }))).sort((a, b) => a.slot - b.slot)
const owners = async (world: World) => (await world.api.rings.owners({ pool: 'main' })).map((o) => o.owner)
const FAST = { pool: { requests: 6_000 } }

describe('a lane longer than what is kept in memory', () => {
  it('is run whole, each job once, in its order', async () => {
    const world = new World(FAST)
    const ids = await world.submitMany(5 * HEADS_KEPT)
    await world.ended(ids)
    expect(world.model.calls.map((c) => c.jobId)).toEqual(ids)
  })

  it('makes a newcomer of its tier wait for two slots at most', async () => {
    const world = new World(FAST)
    const backlog = await world.submitMany(5 * HEADS_KEPT)
    await world.pass(3_000)
    const few = await world.submitMany(3, 'step', { owner: 'bob' })
    const cameAt = world.now()
    await world.ended([...backlog, ...few])
    expect(world.model.calls).toHaveLength(5 * HEADS_KEPT + 3)
    // What was sent before the dispatcher could have heard of him is on its way already.
    const after = inOrder(world).filter((j) => j.sentAt > cameAt + 100)
    const places = few.map((id) => after.findIndex((j) => j.key.jobId === id))
    expect(places).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)])
    for (const [i, place] of places.entries()) expect(place).toBeLessThanOrEqual(2 * i + 1)
  })

  it('hears of what comes before, among and behind what is in memory', async () => {
    const world = new World(FAST)
    const at = world.now() + 60_000
    const later = await Promise.all(
      Array.from({ length: 2 * HEADS_KEPT }, (_, i) => world.submit('step', { startAt: at + 10 * i })),
    )
    await world.pass(1_000)
    const more = await Promise.all([5, 1_999, 3_985, 9_000].map((ms) => world.submit('step', { startAt: at + ms })))
    const now = await world.submit()
    await world.ended([...later, ...more, now])
    expect(world.model.calls).toHaveLength(2 * HEADS_KEPT + 5)
    expect(world.model.calls[0]?.jobId).toBe(now)
    for (const call of world.model.calls)
      expect(call.at).toBeGreaterThanOrEqual(world.parts(call.jobId)?.input.key.at ?? 0)
  })

  it('is found whole by the next holder', async () => {
    const world = new World(FAST)
    const ids = await world.submitMany(3 * HEADS_KEPT)
    void world.dispatch('main', world.now() + 2_000)
    await world.ended(ids)
    expect(world.runs.map((r) => r.end)).toContain('handed-over')
    expect(world.model.calls).toHaveLength(3 * HEADS_KEPT)
  })

  it('goes on where many of it were cancelled', async () => {
    const world = new World(FAST)
    const ids = await world.submitMany(3 * HEADS_KEPT)
    for (const [i, id] of ids.entries()) if (i % 3 !== 0) await cancel(world.api, aCaller(), id)
    await world.ended(ids)
    expect(world.model.calls.map((c) => c.jobId)).toEqual(ids.filter((_, i) => i % 3 === 0))
  })

  it('goes on past a record that does not parse', async () => {
    const world = new World(FAST)
    world.wakes = false
    const ids = await world.submitMany(HEADS_KEPT + 50)
    const spoilt = world.live().find((r) => r.key.jobId === ids[3])
    const sk = `${spoilt?.key.at}#${ids[3]}`
    world.tables.commit([{ table: 'live', put: { pk: 'main#medium#ada', sk, v: 99 } }])
    await world.api.rings.deleteBells({
      pool: 'main',
      ids: (await world.api.rings.bells({ pool: 'main', limit: 999 })).bells.map((b) => b.id),
    })
    await world.api.rings.note({
      pool: 'main',
      owners: [{ owner: 'ada', tiers: { medium: { turn: 0, beyond: 0 } }, turn: 0, v: 0 }],
    })
    void world.dispatch()
    await world.ended(ids.filter((_, i) => i !== 3))
    expect(world.model.calls).toHaveLength(HEADS_KEPT + 49)
    expect(world.counted('Unreadable')).toBe(1)
  })
})

describe('an owner', () => {
  it('without work leaves the ring after a while, comes back with the next job, and is served at once', async () => {
    const world = new World()
    world.start()
    await world.ended([await world.submit()])
    expect(await owners(world)).toEqual(['ada'])
    const minutes = LEAVE_AFTER_IDLE_MS / 60_000 + 3
    for (let i = 0; i < minutes * 6; i++) {
      await world.submit('step', { owner: 'bob' })
      await world.pass(10_000)
    }
    expect(await owners(world)).toEqual(['bob'])
    const at = world.now()
    const id = await world.submit()
    await world.ended([id], 3_000)
    expect((world.model.of(id)[0]?.at as number) - at).toBeLessThan(1_000)
    await world.pass(1_000)
    expect(await owners(world)).toEqual(['ada', 'bob'])
  })

  it('whose leaving was not heard is noted again with its next job', async () => {
    const world = new World()
    let unheard = 0
    world.dispatcher = () =>
      world.process(({ method }) => (method === 'leave' && unheard++ === 0 ? 'fails-after' : undefined))
    world.start()
    await world.ended([await world.submit()])
    for (let i = 0; i < 60; i++) await world.submit('step', { owner: 'bob', startAt: world.now() + i * 10_000 })
    await world.until(() => unheard > 0, 600_000)
    // Before its dispatcher has tried again.
    await world.submit('step', { startAt: world.now() + 60_000 })
    await world.pass(2_000)
    expect(await owners(world)).toEqual(['ada', 'bob'])
  })

  it('stays in the ring while a job of its waits for its time, or runs', async () => {
    const world = new World()
    world.start()
    const later = await world.submit('step', { startAt: world.now() + 2 * LEAVE_AFTER_IDLE_MS })
    for (let i = 0; i < 60; i++) {
      await world.submit('step', { owner: 'bob' })
      await world.pass(10_000)
    }
    expect(await owners(world)).toContain('ada')
    await world.ended([later])
  })

  it('stays in the ring while a record stands in its lane that nobody has rung for', async () => {
    const world = new World()
    world.start()
    await world.ended([await world.submit()])
    const died = world.process(({ method }) => (method === 'ring' ? 'fails-before' : undefined))
    const request = { kind: 'step', input: { name: 'Grace' } }
    await submit(died, aCaller(), request).catch(() => undefined)
    for (let i = 0; i < 48; i++) {
      await world.submit('step', { owner: 'bob' })
      await world.pass(10_000)
    }
    expect(await owners(world)).toContain('ada')
    await world.pass(120_000)
    expect(world.live()).toEqual([])
  })

  it('whose record came after the last look at its lane does not fall out', async () => {
    const world = new World()
    const deps = world.process()
    let came: string | undefined
    const leave: typeof deps.rings.leave = async (p) => {
      if (!came && p.owners.includes('ada')) came = await world.submit()
      return deps.rings.leave(p)
    }
    world.dispatcher = () => ({ ...deps, rings: { ...deps.rings, leave } })
    world.start()
    await world.ended([await world.submit()])
    await world.until(() => came !== undefined, 20 * 60_000)
    await world.ended([came as string], 3_000)
  })

  it('is looked for in no lane that nothing was heard of', async () => {
    const world = new World()
    const lanes = countLanes(world)
    void world.dispatch()
    await world.ended([await world.submit()])
    await world.pass(30_000)
    expect(await owners(world)).toEqual([])
    expect(lanes).toEqual(['main#medium#ada'])
  })

  it.each([500, 20_000])('of many does not keep a job waiting that comes %d ms after they had work', async (restMs) => {
    const world = new World(FAST)
    const ids: string[] = []
    for (let i = 0; i < 300; i++) ids.push(await world.submit('step', { owner: `owner-${i}` }))
    await world.ended(ids)
    await world.pass(15_000 + restMs)
    const at = world.now()
    const id = await world.submit()
    await world.ended([id], 3_000)
    expect((world.model.of(id)[0]?.at as number) - at).toBeLessThan(500)
  })
})

describe('a dispatcher that lets go', () => {
  it('takes all out of the ring that have no work, so that the next one reads nothing of theirs', async () => {
    const world = new World(FAST)
    const ids: string[] = []
    for (let i = 0; i < 100; i++) ids.push(await world.submit('step', { owner: `owner-${i}` }))
    const later = await world.submit('step', { startAt: world.now() + 3_600_000 })
    await world.ended(ids)
    await world.until(() => world.runs[0]?.end === 'idle')
    expect(await owners(world)).toEqual(['ada'])
    const lanes = countLanes(world)
    await world.clock.during(world.dispatch())
    expect(lanes).toHaveLength(3)
    await world.pass(3_600_000)
    void world.dispatch()
    await world.ended([later])
  })
})

/** The lanes that dispatchers read from now on. */
function countLanes(world: World): string[] {
  const lanes: string[] = []
  const deps = world.process()
  const lane: typeof deps.jobs.lane = (p) => {
    if (p.lane.startsWith('main#')) lanes.push(p.lane)
    return deps.jobs.lane(p)
  }
  world.dispatcher = () => ({ ...deps, jobs: { ...deps.jobs, lane } })
  return lanes
}

describe('a job with two records in its lane', () => {
  const at = (from: number, fence: number) => aRunning({ key: aKey({ at: NOW + from }), fence, leaseUntil: NOW + from })

  it.each([
    { first: at(0, 1), second: at(1_000, 3) },
    { first: at(0, 3), second: at(1_000, 1) },
  ])(
    'is looked after where it is under its later fence: $first.fence, then $second.fence',
    async ({ first, second }) => {
      const world = asleep()
      const live = [first, second].map((record) => ({ table: 'live' as const, put: liveItem(record) }))
      world.tables.commit(live)
      const ring = aRing()
      await readLane(world.api, ring, { tier: first.tier, owner: first.owner })
      const later = first.fence > second.fence ? first : second
      expect(ring.sent.get(JOB)?.head).toMatchObject({ fence: 2, at: later.key.at })
    },
  )
})
