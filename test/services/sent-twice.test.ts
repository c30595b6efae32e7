/**
 * A job may be sent twice under one fence: by a holder that is gone and by the next, or since a copy of its message came
 * late. The first claim wins, and the answer comes while the second message is still on its way.
 */
import { describe, expect, it } from 'vitest'
import { pool } from '../../services/pools.ts'
import { aCaller } from '../support/callers.ts'
import { providerError } from '../support/fake-model.ts'
import { START, World } from '../support/world.ts'

/** What the worker of an earlier message of this job tells: it was answered, in another slot. */
async function answered(world: World, { slot, remaining }: { slot: number; remaining: number }) {
  const [job] = world.messages.at(-1)?.jobs ?? []
  if (!job) throw new Error('nothing was sent')
  const { fence, key } = job
  const { jobId } = key
  const told = { requests: { limit: 300, remaining } }
  const jobs = [{ jobId, fence, slot, what: 'gone' as const, state: 'succeeded' }]
  await world.api.doorbell.ring('main', { v: 1, id: 'of-the-first', t: 'settled', jobs, heard: { jobId, told } })
}
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
    await answered(world, { slot: START - 5_000, remaining: 200 })
    await world.pass(1_500)
    expect(await seen(world)).toMatchObject({ allowed: { requests: { limit: 300, why: 'configured' } } })
  })

  it('does not end a provider’s being down since', async () => {
    const world = new World()
    world.model.script = () => providerError(503, 'unavailable')
    await world.submitMany(10)
    const probed = () => world.messages.at(-1)?.jobs[0]?.probe === true
    await world.until(probed)
    world.delivery = () => []
    const sent = world.messages.length
    await world.until(() => world.messages.length > sent && probed())
    await answered(world, { slot: START, remaining: 299 })
    await world.pass(1_500)
    expect(await seen(world)).toMatchObject({ breaker: { state: 'open' } })
  })
})
