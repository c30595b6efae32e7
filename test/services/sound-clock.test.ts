import { describe, expect, it } from 'vitest'
import { getJob } from '../../services/get-job.ts'
import { aCaller } from '../support/callers.ts'
import { rateLimited, text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'

const withClockOff = (world: World, offMs: () => number) => {
  const deps = world.process()
  return () => ({ ...deps, capacity: { ...deps.capacity, clockOffMs: offMs } })
}

describe('a dispatcher whose clock is not the database’s', () => {
  it('sends nothing until it is right again, and the job says why it waits', async () => {
    const world = new World()
    let offMs = 1_501
    world.dispatcher = withClockOff(world, () => offMs)
    const id = await world.submit()
    await world.pass(5_000)
    expect(world.messages).toEqual([])
    expect(await getJob(world.api, aCaller(), id)).toMatchObject({ job: { waiting: { reason: 'CLOCK_OFF' } } })
    offMs = 1_500
    await world.ended([id], 3_000)
  })
})

describe('a pool whose last holder had a clock an hour ahead', () => {
  it('goes on within a window, says so, and stays within its limit', async () => {
    const world = new World()
    const held = await world.api.capacity.acquire({ pool: 'main', holder: 'ahead', now: world.now(), leaseMs: 0 })
    if (held.kind !== 'held') throw new Error('it is free')
    const ahead = world.now() + 3_600_000
    const record = { ...held.record, version: 2, state: 'free' as const, next: ahead, lastSlot: ahead }
    await world.api.capacity.write({ pool: 'main', record })
    const ids = await world.submitMany(20)
    await world.ended(ids, 61_000)
  })

  it('goes on as soon as the clock jumps back under its holder, which hands over', async () => {
    const world = new World()
    const deps = world.process()
    let jumpMs = 3_600_000
    const until = (at: number, signal?: AbortSignal) => world.clock.until(at - jumpMs, signal)
    world.dispatcher = () => ({ ...deps, clock: { now: () => world.now() + jumpMs, until } })
    void world.dispatch('main', world.now() + jumpMs + 800_000)
    await world.submitMany(5)
    await world.pass(2_000)
    jumpMs = 0
    const ids = await world.submitMany(5)
    await world.ended(ids, 62_000)
    expect(world.runs.map((run) => run.end)).toEqual(['handed-over', undefined])
    expect(world.counted('SlotsAhead')).toBe(1)
  })
})

describe('the quiet that a provider asked for', () => {
  it('is kept by the next holder', async () => {
    const world = new World()
    world.model.script = (_, nth) => (nth === 1 ? rateLimited(40_000) : text())
    const ids = await world.submitMany(3)
    void world.dispatch('main', world.now() + 2_000)
    await world.pass(3_000)
    const calls = world.model.calls.length
    expect(world.runs.length).toBeGreaterThan(1)
    await world.pass(35_000)
    expect(world.model.calls).toHaveLength(calls)
    await world.ended(ids, 20_000)
  })
})
