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

/** Limits that do not bind, and workers that share one small machine: it makes one claim after the other. */
function smallMachine(claimMs: () => number): World {
  const world = new World({ pool: { requests: 100_000 } })
  const deps = world.process()
  let freeAt = 0
  const claim: typeof deps.jobs.claim = async (p) => {
    freeAt = Math.max(freeAt, world.now()) + claimMs()
    await world.clock.until(freeAt)
    return deps.jobs.claim(p)
  }
  world.worker = () => ({ ...deps, jobs: { ...deps.jobs, claim } })
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

describe('a machine that makes one claim after the other', () => {
  it('are sent less, so that what they can do is done', async () => {
    const world = smallMachine(() => 20)
    const ids = await world.submitMany(1_000)
    await world.ended(ids, 100_000)
    expect(world.messages.flatMap((m) => m.jobs).length).toBeLessThan(4 * ids.length)
    expect(world.model.calls).toHaveLength(ids.length)
  })

  it('are sent as much as before again soon after they can', async () => {
    let claimMs = 50
    const world = smallMachine(() => claimMs)
    const first = await world.submitMany(300)
    await world.pass(10_000)
    claimMs = 0
    await world.ended(first, 120_000)
    for (let i = 0; i < 60; i++) {
      await world.submit()
      await world.pass(1_000)
    }
    await world.ended(await world.submitMany(1_000), 4_000)
  })
})
