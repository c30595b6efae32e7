import { describe, expect, it } from 'vitest'
import { World } from '../support/world.ts'

/** Workers that take a message of ten jobs every 100 ms, or every 5 ms where it comes too late to do anything. */
function slowWorkers(): World {
  const world = new World({ pool: { requests: 100_000, pacing: 'burst' } })
  let free = 0
  world.delivery = (_, { jobs }) => {
    const begins = Math.max(free, world.now())
    free = begins + (begins > (jobs[0]?.notAfter as number) ? 5 : 10 * jobs.length)
    return [begins + 5 - world.now()]
  }
  return world
}

describe('workers that cannot keep up', () => {
  it('are sent little more than they can hold, not all that the limit allows', async () => {
    const world = slowWorkers()
    const ids = await world.submitMany(3_000)
    await world.ended(ids, 60_000)
    const sent = world.messages.reduce((n, message) => n + message.jobs.length, 0)
    expect(sent).toBeLessThan(3 * ids.length)
  })

  it('are sent as much as the limit allows again once they can hold it', async () => {
    const world = slowWorkers()
    await world.submitMany(3_000)
    await world.pass(10_000)
    world.delivery = () => [20]
    await world.ended(await world.submitMany(100), 20_000)
    const from = world.messages.length
    await world.ended(await world.submitMany(1_000), 5_000)
    expect(world.messages.slice(from).flatMap((m) => m.jobs)).toHaveLength(1_000)
  })
})
