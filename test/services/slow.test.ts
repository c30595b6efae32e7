import { describe, expect, it } from 'vitest'
import { World } from '../support/world.ts'

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
