/** A pool `main` whose provider goes down, and a pool `spare` where some of its kinds may be served meanwhile. */
import { describe, expect, it } from 'vitest'
import { Head } from '../../core/bell.ts'
import type { LiveKey } from '../../core/job.ts'
import { changePool } from '../../services/change-pool.ts'
import { getJob } from '../../services/get-job.ts'
import { GOOD_FOR_MS } from '../../services/in-force.ts'
import type { ModelRequest } from '../../services/ports.ts'
import { work } from '../../services/work.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { badKey, providerError, type Reply, text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'
import type { WorldSettings } from '../support/world-settings.ts'

const MAIN = { requests: 600, windowMs: 60_000, guard: { refusalMs: 100, skewMs: 0, networkMs: 50 } }
const SPARE = { provider: { kind: 'bedrock' }, requests: 1_200, windowMs: 60_000, history: 'empty' } as const
const FALLBACK = [{ pool: 'spare', model: 'model-b' }]
const DOWN: Reply = providerError(503)

interface Weather {
  main: Reply
  spare: Reply
}
/** Calls by model: `model-a` is main's. */
function aWorld(p: { spare?: object; kinds?: WorldSettings['kinds']; pool?: object } = {}) {
  const kinds = { step: { fallback: FALLBACK }, reply: { fallback: FALLBACK }, ...p.kinds }
  const world = new World({ pool: { ...MAIN, ...p.pool }, pools: { spare: { ...SPARE, ...p.spare } }, kinds })
  const weather: Weather = { main: text(), spare: text() }
  const requests: (ModelRequest & { at: number })[] = []
  world.model.script = (request, _, { at }) => {
    requests.push({ ...request, at })
    return request.model === 'model-a' ? weather.main : weather.spare
  }
  const by = (model: string, from = 0) => requests.filter((r) => r.model === model && r.at >= from).length
  return { world, weather, requests, by }
}
/** Main's breaker is open, and nobody waits. */
async function broken(p: Parameters<typeof aWorld>[0] = {}) {
  const its = aWorld(p)
  its.weather.main = DOWN
  await its.world.submitMany(6, 'nudge')
  await its.world.until(() => its.world.tables.get('capacity', { pk: 'main', sk: 'stop' }) !== undefined, 30_000)
  return its
}
const view = async (world: World, id: string) => {
  const seen = await getJob(world.api, aCaller(), id)
  if (!seen.ok) throw new Error(seen.detail)
  return seen.job
}

describe('a kind with a fallback', () => {
  it('is served by the other pool while its own is down, and says by which model and why', async () => {
    const { world, requests } = await broken()
    const ids = await world.submitMany(40, 'step')
    await world.ended(ids, 20_000)
    for (const id of ids)
      expect(world.end(id)).toMatchObject({
        outcome: 'succeeded',
        attempts: 1,
        fallback: { pool: 'spare', why: 'down' },
      })
    expect(await view(world, ids[0] as string)).toMatchObject({
      pool: 'main',
      model: 'model-a-2030',
      fallback: { pool: 'spare', why: 'down' },
    })
    const served = requests.filter((r) => ids.includes(r.jobId) && r.model === 'model-b')
    expect(served.map((r) => r.pool)).toContain(world.api.settings.pools['spare'])
    expect(world.counted('FallbackCalls')).toBe(served.length)
    expect(world.live().every((r) => r.kind === 'nudge')).toBe(true)
  })

  it('is called by its own pool alone while that is well', async () => {
    const { world, by } = aWorld()
    await world.ended(await world.submitMany(50, 'step'))
    expect(by('model-b')).toBe(0)
  })

  it('is the only one: what has none waits for its own provider', async () => {
    const { world, by } = await broken()
    const before = by('model-b')
    await world.submitMany(10, 'nudge')
    await world.pass(30_000)
    expect(by('model-b')).toBe(before)
    const seen = await view(world, world.live()[0]?.key.jobId as string)
    expect(seen.waiting?.sentence).not.toContain('spare')
  })

  it('says while it waits that it is offered elsewhere', async () => {
    const { world, weather } = await broken()
    weather.spare = DOWN
    const id = await world.submit('step')
    await world.pass(3_000)
    const { waiting } = await view(world, id)
    expect(waiting?.sentence).toMatch(/ Meanwhile it is offered to spare\.$/)
  })

  it('shows in a draft who wrote it, and in the result that is approved', async () => {
    const { world } = await broken({ kinds: { intro: { fallback: FALLBACK } } })
    const id = await world.submit('intro')
    await world.until(() => world.liveOf(id)[0]?.state === 'in-review', 20_000)
    expect((await view(world, id)).draft).toMatchObject({ model: 'model-a-2030', fallback: { pool: 'spare' } })
  })

  it('is served elsewhere too where its key is refused', async () => {
    const { world, weather } = aWorld()
    weather.main = badKey()
    const ids = await world.submitMany(10, 'step')
    await world.ended(ids, 60_000)
    expect(world.end(ids.at(-1) as string)?.fallback).toEqual({ pool: 'spare', why: 'down' })
  })
})

describe('a provider that is down for two minutes', () => {
  it('loses no job, fails none, is asked seldom, and meets no storm when it is back', async () => {
    const { world, weather, by } = aWorld({ spare: { requests: 120 } })
    const early = await world.submitMany(100, 'step')
    await world.pass(5_000)
    weather.main = DOWN
    const ids = await world.submitMany(600, 'step')
    await world.pass(10_000)
    const from = world.now()
    await world.pass(110_000)
    expect(by('model-a', from)).toBeLessThan(20)
    const elsewhere = by('model-b', from)
    expect(elsewhere).toBeGreaterThan(0.9 * ((110 / 60.7) * 120))
    weather.main = text()
    const back = world.now()
    await world.until(() => by('model-a', back) > 3, 20_000)
    const returned = world.now()
    await world.pass(2_000)
    expect(by('model-a', returned)).toBeLessThan(0.7 * 20)
    await world.ended([...early, ...ids], 120_000)
    expect([...early, ...ids].every((id) => world.end(id)?.outcome === 'succeeded')).toBe(true)
  })

  it('goes on with all that waits when it is back, though the other pool counts tokens alone', async () => {
    const { world, weather, by } = await broken({ spare: { requests: undefined, tokens: 4_000 } })
    await world.submitMany(190, 'step')
    await world.pass(30_000)
    weather.main = text()
    const back = world.now()
    await world.until(() => by('model-a', back) > 3, 20_000)
    await world.pass(8_000)
    expect(by('model-a', back)).toBeGreaterThan(40)
  })
})

describe('an offer', () => {
  it('uses all that the other pool has of tokens though its calls last longer than it', async () => {
    const { world, weather, by } = await broken({ spare: { requests: undefined, tokens: 4_000 } })
    weather.spare = text('', 40_000)
    await world.submitMany(600, 'step')
    await world.pass(30_000)
    const before = by('model-b')
    await world.pass(120_000)
    // An offer's life of fifteen seconds in each call would leave some sixty of them.
    expect(by('model-b') - before).toBeGreaterThan(120)
  })

  it('takes no more than the other pool may call, whose limit it shares with that one’s own', async () => {
    const { world, requests } = await broken({
      spare: { requests: 60, windowMs: 6_000 },
      kinds: { own: { pool: 'spare', model: 'model-c' } },
    })
    const own = await world.submitMany(100, 'own', { owner: 'bob' })
    const ids = await world.submitMany(100, 'step')
    await world.ended([...own, ...ids], 60_000)
    const spare = requests.filter((r) => r.model !== 'model-a').map((r) => r.at)
    for (const at of spare) expect(spare.filter((t) => t > at - 6_000 && t <= at).length).toBeLessThanOrEqual(60)
    // Two owners of one tier: while both wait they take turns.
    const [first, last] = [Math.min(...spare) + 3_000, Math.min(...spare) + 12_000]
    const between = (model: string) => requests.filter((r) => r.model === model && r.at > first && r.at < last).length
    expect(Math.abs(between('model-b') - between('model-c'))).toBeLessThanOrEqual(8)
  })

  it('is not made to a pool for which the job is too large, nor beyond what that takes meanwhile', async () => {
    const { world, by } = await broken({ spare: { tokens: 20 } })
    await world.submitMany(5, 'step')
    await world.pass(20_000)
    expect(by('model-b')).toBe(0)
    expect(world.tables.query('rings', { pk: 'bell#spare' }).items).toEqual([])
  })

  it('goes by the other pool’s limits as they were changed meanwhile', async () => {
    const { world, by } = await broken({ spare: { tokens: 20_000 } })
    const changed = await changePool(world.api, ADMIN, 'spare', { patch: { tokens: 20 }, ifMatch: '*' })
    expect(changed).toMatchObject({ ok: true })
    await world.pass(GOOD_FOR_MS)
    await world.submitMany(5, 'step')
    await world.pass(5_000)
    expect(await world.api.capacity.overview({ pool: 'main' })).not.toHaveProperty('elsewhere')
    expect(by('model-b')).toBe(0)
  })

  it('goes down the chain where the other is down, too, and asks that one no more', async () => {
    const kinds = { step: { fallback: [...FALLBACK, { pool: 'third', model: 'model-c' }] } }
    const world = new World({ pool: MAIN, pools: { spare: SPARE, third: SPARE }, kinds })
    world.model.script = ({ model }) => (model === 'model-c' ? text() : DOWN)
    const ids = await world.submitMany(30, 'step')
    await world.ended(ids, 60_000)
    expect(world.end(ids.at(-1) as string)).toMatchObject({ fallback: { pool: 'third', why: 'down' } })
    expect(ids.every((id) => world.end(id)?.outcome === 'succeeded')).toBe(true)
  })

  it('is over with its time: a bell that lies there that long brings nobody to that pool', async () => {
    const { world } = await broken()
    world.wakes = false
    const { rings } = world.api
    const id = await world.submit('nudge')
    const [record] = world.liveOf(id)
    const head = Head.parse({ ...record, jobId: id, at: record?.key.at, attempt: 0, crashes: 0 })
    const guest = { lane: record?.key.lane as string, until: world.now() + 1_000, why: 'down' as const }
    const bell = {
      v: 1 as const,
      id: 'b',
      t: 'guests' as const,
      jobs: [{ tier: 'low' as const, owner: 'ada', head: { ...head, guest } }],
    }
    await world.pass(2_000)
    await rings.ring({ pool: 'spare', bell })
    world.wakes = true
    void world.dispatch('spare')
    await world.pass(3_000)
    expect(world.messages.filter(({ pool }) => pool === 'spare')).toEqual([])
    expect(world.bells('spare')).toBe(0)
  })
})

describe('a worker with a job of another pool', () => {
  const spare = { ...SPARE, tokens: 20 }
  it.each([
    ['whose kind falls back there no more', { kinds: { step: {} } }],
    ['that is too large there', { kinds: { step: { fallback: FALLBACK } }, pools: { spare } }],
    ['whose pool is configured no more', { kinds: { step: {} }, pools: {} }],
  ])('%s gives it back, and fails it not', async (_, settings) => {
    const world = new World({ pool: MAIN, pools: { spare: SPARE }, ...settings })
    world.wakes = false
    const id = await world.submit('step')
    const [record] = world.liveOf(id)
    const slot = world.now() + 100
    const fallback = { pool: 'spare', why: 'down' } as const
    const job = { key: record?.key as LiveKey, fence: 0, slot, notAfter: slot + 100, fallback }
    await world.clock.during(work(world.api, { pool: 'spare', sentAt: world.now(), jobs: [job] }))
    expect(world.liveOf(id)).toMatchObject([{ state: 'queued', fence: 2, attempt: 0, errors: [] }])
    expect(world.model.calls).toEqual([])
  })

  it('of an older configuration declines it once an offer, and its own pool has it back', async () => {
    const { world, weather, requests } = await broken()
    const { kinds, ...settings } = world.api.settings
    const older = {
      ...settings,
      kinds: { ...kinds, step: { ...kinds['step'], fallback: [] } },
    } as typeof world.api.settings
    world.worker = () => ({ ...world.process(), settings: older })
    const id = await world.submit('step')
    await world.pass(60_000)
    const offers = world.messages.filter(({ pool }) => pool === 'spare')
    // An offer is good for 15 s, and looked after 2 s later.
    expect(offers.length).toBeGreaterThan(1)
    expect(offers.length).toBeLessThanOrEqual(60 / 17 + 1)
    expect(requests.filter((r) => r.model === 'model-b')).toEqual([])
    expect(world.liveOf(id)).toMatchObject([{ state: 'queued', attempt: 0 }])
    weather.main = text()
    await world.ended([id], 60_000)
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded', attempts: 1 })
  })

  it('tells the job’s own pool that it is gone, and nothing that would be evidence there', async () => {
    const { world, weather } = await broken()
    weather.spare = { ...text(), afterMs: 50 }
    const ids = await world.submitMany(5, 'step')
    await world.ended(ids, 20_000)
    await world.pass(2_000)
    expect(world.tables.get('capacity', { pk: 'main', sk: 'stop' })).toMatchObject({ down: true })
    const overview = world.tables.get('capacity', { pk: 'main', sk: 'overview' })
    expect(overview).toMatchObject({ elsewhere: { offered: 0, served: 5 }, tiers: { medium: { queued: 0, done: 5 } } })
  })

  it('stops the pool that refuses its key, not the job’s own', async () => {
    const { world, weather } = await broken()
    weather.spare = badKey()
    await world.submitMany(3, 'step')
    await world.pass(5_000)
    expect(world.tables.get('capacity', { pk: 'spare', sk: 'stop' })).toMatchObject({ line: 'the key is not valid' })
    expect(world.tables.get('capacity', { pk: 'main', sk: 'stop' })).toMatchObject({ down: true })
  })
})

describe('when something dies', () => {
  it('the other pool’s worker: the job is found when its lease is over, and ends', async () => {
    const { world, weather } = await broken({ kinds: { step: { fallback: FALLBACK, timeoutMs: 5_000 } } })
    let died = false
    const script = world.model.script
    world.model.script = (request, nth, call) => {
      if (request.model === 'model-a' || died) return script(request, nth, call)
      died = true
      return 'dies'
    }
    const id = await world.submit('step')
    await world.ended([id], 300_000)
    expect(weather.main).toBe(DOWN)
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded', fallback: { pool: 'spare' } })
  })

  it('the holder that offered: the next one does so again, and no job is called twice', async () => {
    const { world, requests } = await broken({ spare: { requests: 60 } })
    const ids = await world.submitMany(30, 'step')
    await world.pass(3_000)
    const main = world.tables.get('capacity', { pk: 'main', sk: 'ledger' })
    if (main)
      world.tables.commit([{ table: 'capacity', put: { ...main, state: 'free', epoch: 1 + Number(main['epoch']) } }])
    void world.dispatch('main')
    await world.ended(ids, 90_000)
    const called = requests.filter((r) => r.model === 'model-b').map((r) => `${r.jobId} ${r.fence}`)
    expect(new Set(called).size).toBe(called.length)
    expect(called.length).toBe(30)
  })

  it('the holder that was offered to: its guests are back at home when the offer is over', async () => {
    const { world } = await broken({ spare: { requests: 60 } })
    const ids = await world.submitMany(30, 'step')
    await world.pass(3_000)
    const spare = world.tables.get('capacity', { pk: 'spare', sk: 'ledger' })
    if (spare)
      world.tables.commit([{ table: 'capacity', put: { ...spare, state: 'free', epoch: 1 + Number(spare['epoch']) } }])
    void world.dispatch('spare')
    await world.ended(ids, 90_000)
    expect(ids.every((id) => world.end(id)?.outcome === 'succeeded')).toBe(true)
  })
})
