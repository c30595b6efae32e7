/**
 * A job may be sent twice under one fence: by a holder that is gone and by the next, or since a copy of its message came
 * late. The first claim wins, and the answer comes while the second message is still on its way.
 */
import { describe, expect, it } from 'vitest'
import { pool } from '../../services/pools.ts'
import { aCaller } from '../support/callers.ts'
import { providerError } from '../support/fake-model.ts'
import { START, World } from '../support/world.ts'

/** What the worker of an earlier message of this job tells. */
async function told(world: World, slot: number, came: Came, remaining?: number) {
  const [job] = world.messages.at(-1)?.jobs ?? []
  if (!job) throw new Error('nothing was sent')
  const { fence, key } = job
  const { jobId } = key
  const heard = remaining === undefined ? {} : { heard: { jobId, told: { requests: { limit: 300, remaining } } } }
  const jobs = [{ jobId, fence, slot, ...came }]
  await world.api.doorbell.ring('main', { v: 1, id: 'of-the-first', t: 'settled', jobs, ...heard })
}
type Came = { what: 'late' } | { what: 'gone'; state: string }
const ANSWERED: Came = { what: 'gone', state: 'succeeded' }
const seen = async (world: World) => {
  const answer = await pool(world.api, aCaller(), 'main')
  return answer.ok ? answer.pool : undefined
}

describe('an answer in an earlier slot than the job was last sent for', () => {
  it('says nothing of others: what our calls had taken by then is not known', async () => {
    const world = new World({ pool: { requests: 300, windowMs: 6_000 } })
    world.delivery = () => []
    await world.submit()
    await world.until(() => world.messages.length > 0)
    await told(world, START - 5_000, ANSWERED, 200)
    await world.pass(1_500)
    expect(await seen(world)).toMatchObject({ allowed: { requests: { limit: 300, why: 'configured' } } })
  })

  it('does not end a provider’s being down since, and another probe goes at once', async () => {
    const world = await probing()
    const sent = world.messages.length
    await told(world, START, ANSWERED, 299)
    await world.pass(1_500)
    expect(await seen(world)).toMatchObject({ breaker: { state: 'open' } })
    expect(world.messages.slice(sent)).toMatchObject([{ jobs: [{ probe: true }] }])
  })
})

/** A provider that is down has been sent a probe, of which nobody has heard. */
async function probing(): Promise<World> {
  const world = new World()
  world.model.script = () => providerError(503, 'unavailable')
  await world.submitMany(10)
  const probed = () => world.messages.at(-1)?.jobs[0]?.probe === true
  await world.until(probed)
  world.delivery = () => []
  const sent = world.messages.length
  await world.until(() => world.messages.length > sent && probed())
  return world
}

describe('an earlier message that came too late to be called', () => {
  it('sends nothing again: the later one is still on its way', async () => {
    const world = new World()
    world.delivery = () => []
    await world.submit()
    await world.until(() => world.messages.length > 0)
    await told(world, START - 5_000, { what: 'late' })
    await world.pass(1_500)
    expect(world.messages).toHaveLength(1)
  })
})
