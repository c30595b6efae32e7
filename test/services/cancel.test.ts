import { describe, expect, it } from 'vitest'
import { cancel } from '../../services/cancel.ts'
import { decide } from '../../services/review.ts'
import { submit } from '../../services/submit.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { providerError, text } from '../support/fake-model.ts'
import { failsAt } from '../support/port-faults.ts'
import { World } from '../support/world.ts'

const me = aCaller()
const CANCELLED = { ok: true, state: 'cancelled' }
const CANCELLING = { ok: true, state: 'cancelling' }

/** A job whose call is under way for ten seconds. */
async function running(): Promise<{ world: World; id: string }> {
  const world = new World()
  world.model.script = () => text('done', 10_000)
  const id = await world.submit()
  await world.until(() => world.model.calls.length === 1)
  return { world, id }
}

describe('a cancel', () => {
  it('ends a queued job at once, without a call', async () => {
    const world = new World()
    const ids = await world.submitMany(3)
    expect(await cancel(world.api, me, ids[1] as string)).toEqual(CANCELLED)
    expect(world.end(ids[1] as string)).toMatchObject({ outcome: 'cancelled', attempts: 0 })
    expect(world.liveOf(ids[1] as string)).toEqual([])
    await world.pass(60_000)
    expect(world.model.calls.map((c) => c.jobId)).toEqual([ids[0], ids[2]])
  })

  it('ends a job that waits for its time, and lets the dispatcher forget it', async () => {
    const world = new World()
    const id = await world.submit('step', { startAt: world.now() + 40_000 })
    await world.pass(2_000)
    await cancel(world.api, me, id)
    await world.pass(20_000)
    expect(world.holders.map((r) => r.end)).toEqual(['idle'])
    expect((await world.api.capacity.overview({ pool: 'main' }))?.tiers.medium).toMatchObject({ queued: 0, running: 0 })
  })

  it('ends a job whose message is on its way: the claim finds nothing', async () => {
    const world = new World()
    world.delivery = () => [150]
    const id = await world.submit()
    await world.until(() => world.messages.length === 1)
    expect(await cancel(world.api, me, id)).toEqual(CANCELLED)
    await world.pass(60_000)
    expect(world.model.calls).toEqual([])
    expect(world.holders.map((r) => r.end)).toEqual(['idle'])
  })

  it('of a running job is heeded by its worker, which keeps what was paid', async () => {
    const { world, id } = await running()
    expect(await cancel(world.api, me, id)).toEqual(CANCELLING)
    expect(world.end(id)).toBeUndefined()
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'cancelled', usage: { inputTokens: 20, outputTokens: 10 } })
    expect(world.end(id)?.result).toBeUndefined()
    await world.pass(60_000)
    expect(world.model.calls).toHaveLength(1)
    expect(world.live()).toEqual([])
  })

  it('of a running job wins over a failure that would be tried again', async () => {
    const { world, id } = await running()
    world.model.script = () => providerError(500)
    const other = await world.submit()
    await world.until(() => world.model.of(other).length === 1)
    expect(await cancel(world.api, me, other)).toEqual(CANCELLING)
    await world.ended([other, id])
    expect(world.end(other)).toMatchObject({ outcome: 'cancelled' })
    expect(world.model.of(other)).toHaveLength(1)
  })

  it('of a running job wins over a draft', async () => {
    const world = new World()
    const id = await world.submit('intro')
    await world.until(() => world.model.calls.length === 1)
    await cancel(world.api, me, id)
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'cancelled' })
    expect(world.live()).toEqual([])
  })

  it('of a claimed job that misses its slot ends it without a call', async () => {
    const world = new World()
    const deps = world.process()
    const load: typeof deps.jobs.load = async (p) => {
      const parts = await deps.jobs.load(p)
      await world.clock.until(world.now() + 600)
      return parts
    }
    world.worker = () => ({ ...deps, jobs: { ...deps.jobs, load } })
    const id = await world.submit()
    await world.until(() => world.liveOf(id)[0]?.state === 'running')
    expect(await cancel(world.api, me, id)).toEqual(CANCELLING)
    await world.ended([id], 5_000)
    expect(world.end(id)).toMatchObject({ outcome: 'cancelled' })
    expect(world.model.calls).toEqual([])
  })

  it('of a job whose worker died ends it when the lease is over, without another call', async () => {
    const world = new World()
    world.model.script = () => 'dies'
    const id = await world.submit()
    await world.until(() => world.model.calls.length === 1)
    expect(await cancel(world.api, me, id)).toEqual(CANCELLING)
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'cancelled' })
    expect(world.model.calls).toHaveLength(1)
  })

  it('ends a draft in review, which nobody can approve any more', async () => {
    const world = new World()
    const id = await world.submit('intro')
    await world.until(() => world.liveOf(id)[0]?.state === 'in-review')
    expect(await cancel(world.api, me, id)).toEqual(CANCELLED)
    expect(await decide(world.api, me, id, { decision: 'approved', version: 1 })).toMatchObject({
      code: 'decided-already',
    })
    expect(world.live()).toEqual([])
  })

  it('ends a job whose record was never written, and a late one revives nothing', async () => {
    const world = new World()
    const died = world.process(({ method }) => (method === 'enter' ? 'fails-before' : undefined))
    const request = { kind: 'step', input: { name: 'Grace' }, idempotencyKey: 'k' }
    await submit(died, me, request).catch(() => undefined)
    const [{ put } = { put: { pk: '' } }] = [...world.tables.all()]
    expect(await cancel(world.api, me, put.pk)).toEqual(CANCELLED)
    expect(await submit(world.api, me, request)).toMatchObject({ ok: true, repeated: true })
    await world.pass(60_000)
    expect(world.model.calls).toEqual([])
    expect(world.end(put.pk)).toMatchObject({ outcome: 'cancelled' })
  })

  it('said twice is as good as said once', async () => {
    const { world, id } = await running()
    const queued = await world.submit('step', { startAt: world.now() + 3_600_000 })
    for (let i = 0; i < 2; i++) {
      expect(await cancel(world.api, me, queued)).toEqual(CANCELLED)
      expect(await cancel(world.api, me, id)).toEqual(CANCELLING)
    }
  })

  it.each(['succeeded', 'failed', 'rejected'] as const)('of a job that has ended as %s is refused', async (outcome) => {
    const world = new World()
    if (outcome === 'failed') world.model.script = () => providerError(400)
    const id = await world.submit(outcome === 'rejected' ? 'intro' : 'step')
    if (outcome === 'rejected') {
      await world.until(() => world.liveOf(id)[0]?.state === 'in-review')
      await decide(world.api, me, id, { decision: 'rejected', version: 1 })
    } else await world.ended([id])
    const before = JSON.stringify([...world.tables.all()])
    expect(await cancel(world.api, me, id)).toMatchObject({
      code: 'not-cancellable',
      detail: expect.stringContaining(outcome),
    })
    expect(JSON.stringify([...world.tables.all()])).toBe(before)
  })

  it('is for whoever may submit, and for one’s own', async () => {
    const { world, id } = await running()
    expect(await cancel(world.api, aCaller('ada', { scopes: ['jobs:read'] }), id)).toMatchObject({
      code: 'scope-missing',
    })
    expect(await cancel(world.api, aCaller('bob'), id)).toMatchObject({ code: 'not-found' })
    expect(await cancel(world.api, ADMIN, id)).toEqual(CANCELLING)
  })

  it('that died at any of its calls is made good by the next', async () => {
    for (const when of ['before', 'after'] as const)
      for (let k = 1; ; k++) {
        const world = new World()
        const id = await world.submit('step', { startAt: world.now() + 5_000 })
        const done = await cancel(world.process(failsAt(k, when)), me, id).catch(() => 'died' as const)
        if (done !== 'died') break
        expect(await cancel(world.api, me, id)).toEqual(CANCELLED)
        await world.pass(60_000)
        expect(world.model.calls).toEqual([])
        expect(world.live()).toEqual([])
      }
  })
})
