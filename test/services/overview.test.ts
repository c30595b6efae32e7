import { describe, expect, it } from 'vitest'
import { TIERS, type Tier } from '../../core/job.ts'
import { overview, pools } from '../../services/pools.ts'
import { aCaller } from '../support/callers.ts'
import { providerError, text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'

/** What the tables say, counted past every port: queued and running jobs, and those that a worker is done with. */
function recount(world: World): Record<Tier, { queued: number; running: number; done: number }> {
  const tiers = {
    high: { queued: 0, running: 0, done: 0 },
    medium: { queued: 0, running: 0, done: 0 },
    low: { queued: 0, running: 0, done: 0 },
  }
  for (const r of world.live()) {
    if (r.state === 'queued' || r.state === 'running') tiers[r.tier][r.state]++
    else tiers[r.tier].done++
  }
  for (const { table, put } of world.tables.all()) {
    if (table !== 'jobs' || put.sk !== 'end' || put['outcome'] === 'failed') continue
    tiers[world.parts(put.pk)?.input.tier as Tier].done++
  }
  return tiers
}
async function shown(world: World) {
  const tiers = (await world.api.capacity.overview({ pool: 'main' }))?.tiers
  return Object.fromEntries(
    TIERS.map((t) => [t, { queued: tiers?.[t].queued, running: tiers?.[t].running, done: tiers?.[t].done }]),
  )
}

describe('the overview', () => {
  it('equals a recount at rest: what waits, what runs, what is done', async () => {
    const world = new World({ pool: { requests: 6_000 } })
    const [bad, twice] = [await world.submitMany(2, 'nudge'), await world.submitMany(5, 'nudge')]
    world.model.script = ({ jobId }, nth) =>
      bad.includes(jobId) ? providerError(400) : twice.includes(jobId) && nth === 1 ? providerError(500) : text()
    await world.submitMany(12, 'reply', { startAt: world.now() + 30_000 })
    await world.submitMany(4, 'intro')
    await world.ended([
      ...bad,
      ...twice,
      ...(await world.submitMany(300, 'step')),
      ...(await world.submitMany(30, 'reply')),
    ])
    await world.pass(2_000)
    expect(await shown(world)).toEqual(recount(world))
    expect(recount(world)).toEqual({
      high: { queued: 12, running: 0, done: 30 },
      medium: { queued: 0, running: 0, done: 304 },
      low: { queued: 0, running: 0, done: 7 },
    })
    await world.pass(60_000)
    expect(await shown(world)).toEqual(recount(world))
  })

  it('knows what runs after one look at the table, though no worker has rung yet', async () => {
    const world = new World({ pool: { requests: 6_000 } })
    const long = await world.submitMany(3, 'step', { owner: 'bob' })
    await world.submitMany(17)
    world.model.script = ({ jobId }) => (long.includes(jobId) ? text('done', 50_000) : text())
    await world.pass(13_000)
    expect(await shown(world)).toMatchObject({ medium: { queued: 0, running: 3 } })
    await world.pass(40_000)
    expect(await shown(world)).toEqual(recount(world))
  })

  it('counts a backlog to within what is on its way, however long it is', async () => {
    const world = new World({ pool: { requests: 3_000 } })
    await world.submitMany(900, 'step')
    await world.pass(2_000)
    for (let i = 0; i < 15; i++) {
      await world.pass(1_000)
      const [seen, { medium }] = [(await world.api.capacity.overview({ pool: 'main' }))?.tiers.medium, recount(world)]
      const waiting = (seen?.queued ?? 0) + (seen?.running ?? 0)
      // A second's worth was sent or done since it was painted; half a second's bells are not yet heard.
      expect(Math.abs(waiting - medium.queued - medium.running), `second ${i}`).toBeLessThanOrEqual(75)
    }
  })

  it('counts what was done in a message whose slowest job kept it from ringing', async () => {
    const world = new World({ pool: { requests: 6_000 } })
    const ids = await world.submitMany(8)
    world.model.script = ({ jobId }) => text('done', jobId === ids[3] ? 30_000 : 500)
    await world.ended(ids)
    await world.pass(2_000)
    expect(await shown(world)).toMatchObject({ medium: { queued: 0, running: 0, done: 8 } })
  })

  it('counts on over a change of dispatchers, calls under way included', async () => {
    const world = new World({ pool: { requests: 6_000 } })
    world.model.script = () => text('done', 4_000)
    const ids = await world.submitMany(20)
    void world.dispatch('main', world.now() + 2_000)
    await world.ended(ids)
    expect(world.holders.length).toBeGreaterThan(1)
    await world.pass(2_000)
    expect(await shown(world)).toMatchObject({ medium: { queued: 0, running: 0, done: 20 } })
  })

  it('counts on from all that the last holder had heard of, however lately it was painted', async () => {
    for (let ms = 700; ms < 1_050; ms += 50) {
      const world = new World({ pool: { requests: 6_000 } })
      const ids = await world.submitMany(20)
      world.model.script = () => text('done', 200)
      void world.dispatch('main', world.now() + ms)
      await world.ended(ids)
      await world.pass(3_000)
      expect(await shown(world), `after ${ms} ms`).toMatchObject({ medium: { queued: 0, running: 0, done: 20 } })
    }
  })

  it('hears of a job that was given back over a change of dispatchers at once', async () => {
    const world = new World()
    world.model.prepareMs = 4_000
    const id = await world.submit()
    void world.dispatch('main', world.now() + 2_000)
    await world.until(() => world.liveOf(id)[0]?.fence === 2)
    world.model.prepareMs = 0
    await world.ended([id], 3_000)
  })

  it('shows each owner’s part of what was served, and the part due', async () => {
    const world = new World({ owners: { bob: { weight: 3 } } })
    await world.submitMany(100)
    await world.submitMany(100, 'step', { owner: 'bob' })
    await world.pass(20_000)
    const seen = await world.api.capacity.overview({ pool: 'main' })
    const [bob, ada] = ['bob', 'ada'].map((owner) => seen?.owners.find((o) => o.owner === owner))
    expect(bob).toMatchObject({ entitlement: 0.75 })
    expect(ada).toMatchObject({ entitlement: 0.25 })
    expect(bob?.share).toBeCloseTo(0.75, 1)
    expect(seen?.callsInWindow).toBeGreaterThan(80)
    expect(seen).toMatchObject({ limit: 300, windowMs: 60_000, ownersLive: 2 })
  })

  it('is for whoever may read, and so are the pools', async () => {
    const world = new World()
    await world.ended([await world.submit()])
    await world.pass(1_000)
    const blind = aCaller('ada', { scopes: ['jobs:submit'] })
    expect(await overview(world.api, blind)).toMatchObject({ code: 'scope-missing' })
    expect(await pools(world.api, blind)).toMatchObject({ code: 'scope-missing' })
    expect(await overview(world.api, aCaller())).toMatchObject({ ok: true, pools: { main: { limit: 300 } } })
    expect(await pools(world.api, aCaller())).toMatchObject({
      ok: true,
      pools: [
        {
          id: 'main',
          limits: { window: { requests: 300 } },
          used: { window: { requests: 1 } },
          order: 'weighted',
        },
      ],
    })
  })

  it('is nothing yet where no dispatcher ever was', async () => {
    expect(await overview(new World().api, aCaller())).toEqual({ ok: true, pools: { main: null } })
  })
})
