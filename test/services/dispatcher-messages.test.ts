import { describe, expect, it } from 'vitest'
import type { JobMessage } from '../../services/ports.ts'
import { text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'

/** A world in which the first message meets another fate than the others. */
function firstMessage(fate: readonly number[]): World {
  const world = new World()
  world.delivery = (n) => (n === 1 ? fate : [20])
  return world
}
const times = (world: World, id: string) => world.messages.filter((m) => m.jobs.some((j) => j.key.jobId === id)).length

describe('a message', () => {
  it('holds up to ten jobs, each once', async () => {
    const world = new World({ pool: { pacing: 'burst' } })
    const ids = await world.submitMany(95)
    await world.ended(ids)
    const sizes = world.messages.map((m) => m.jobs.length)
    expect(Math.max(...sizes)).toBe(10)
    expect(sizes.filter((size) => size === 10).length).toBeGreaterThanOrEqual(8)
    expect(world.messages.flatMap((m) => m.jobs.map((j) => j.key.jobId)).sort()).toEqual(ids.sort())
  })

  it('holds keys, fences and slots, and nothing of what is asked', async () => {
    const world = new World()
    await world.ended([await world.submit('step', { input: { name: 'Very Secret' } })])
    expect(JSON.stringify(world.messages)).not.toContain('Secret')
  })
})

describe('a message that is lost', () => {
  it('is sent again when its slot has long passed, and costs no attempt', async () => {
    const world = firstMessage([])
    const id = await world.submit()
    await world.ended([id])
    expect(world.model.calls).toMatchObject([{ jobId: id, fence: 1, attempt: 1 }])
    expect(times(world, id)).toBe(2)
    expect(world.end(id)).toMatchObject({ attempts: 1, errors: [] })
    expect(world.now() - (world.messages[0]?.sentAt as number)).toBeLessThan(13_000)
  })

  it('ten times in a row is sent an eleventh time', async () => {
    const world = new World()
    world.delivery = (n) => (n <= 10 ? [] : [20])
    const id = await world.submit()
    await world.ended([id])
    expect(world.model.calls).toMatchObject([{ jobId: id, attempt: 1 }])
  })

  it('on its way from a holder that is gone is sent again by the next', async () => {
    const world = firstMessage([])
    world.wakes = false
    const id = await world.submit()
    void world.dispatch('main', world.now() + 1_000)
    await world.pass(1_500)
    expect(world.runs[0]).toMatchObject({ end: 'handed-over' })
    world.start()
    await world.ended([id], 5_000)
    expect(world.model.calls).toHaveLength(1)
  })
})

describe('a message that is doubled', () => {
  it.each([
    { when: 'at once', fate: [20, 20] },
    { when: 'while it runs', fate: [20, 90] },
    { when: 'three times over', fate: [10, 15, 20, 25] },
    { when: 'much later', fate: [20, 30_000] },
  ])('$when calls once', async ({ fate }) => {
    const world = firstMessage(fate)
    world.model.script = () => text('done', 5_000)
    const ids = await world.submitMany(3)
    await world.ended(ids)
    await world.pass(120_000)
    expect(world.model.calls).toHaveLength(3)
    for (const holder of world.holders) expect(holder.end).toBe('idle')
  })
})

describe('a message that comes late', () => {
  it('is refused without a touch, told at once, and sent again with no attempt counted', async () => {
    const world = firstMessage([1_000])
    const id = await world.submit()
    await world.until(() => world.messages.length === 1)
    const before = JSON.stringify(world.liveOf(id))
    await world.pass(1_001)
    expect(JSON.stringify(world.liveOf(id))).toBe(before)
    await world.ended([id], 1_500)
    const [first, again] = world.messages
    expect((again?.sentAt as number) - (first?.sentAt as number)).toBeLessThanOrEqual(1_101)
    expect(world.model.calls).toMatchObject([{ jobId: id, fence: 1, attempt: 1 }])
    expect(world.end(id)).toMatchObject({ attempts: 1, errors: [] })
  })

  it('has the jobs after it sent earlier', async () => {
    const world = new World({ pool: { requests: 3_000 } })
    world.delivery = () => [700]
    const ids = await world.submitMany(300)
    await world.ended(ids)
    const late = world.messages.map((m) => m.jobs.filter((j) => m.sentAt + 700 > j.notAfter).length)
    const all = late.reduce((sum, n) => sum + n, 0)
    expect(all).toBeGreaterThan(0)
    expect(all).toBeLessThan(60)
    expect(late.slice(-15)).toEqual(Array.from({ length: 15 }, () => 0))
    expect(world.model.calls).toHaveLength(300)
  })
})

describe('what sending takes', () => {
  it('is known to the next holder: it leases no farther ahead than the last one did', async () => {
    const world = new World({ pool: { pacing: 'burst', requests: 3_000 } })
    world.delivery = () => [5]
    const aheadMs = () => world.messages.flatMap((m) => m.jobs.map((j) => j.slot - m.sentAt))
    await world.ended(await world.submitMany(300))
    await world.pass(60_000)
    const first = Math.max(...aheadMs())
    world.messages.length = 0
    await world.ended(await world.submitMany(300))
    expect(world.holders.length).toBeGreaterThan(1)
    expect(Math.max(...aheadMs())).toBeLessThan(first / 2)
  })
})

describe('a message that the queue does not take', () => {
  it('is sent again with the next tick', async () => {
    const world = new World()
    const deps = world.process()
    let refused = 0
    const send = async (p: { messages: readonly JobMessage[] }) =>
      refused++ < 3 ? { failed: [...p.messages] } : deps.queue.send(p)
    world.dispatcher = () => ({ ...deps, queue: { send } })
    const ids = await world.submitMany(5)
    await world.ended(ids, 10_000)
    expect(world.model.calls.map((c) => c.attempt)).toEqual([1, 1, 1, 1, 1])
  })

  it('is remembered by a dispatcher that waited for the queue so long that it would end for want of work', async () => {
    const world = new World()
    world.wakes = false
    const deps = world.process()
    let asked = 0
    const send = async (p: { messages: readonly JobMessage[] }) => {
      if (asked++ > 0) return deps.queue.send(p)
      await world.clock.until(world.now() + 16_000)
      return { failed: [...p.messages] }
    }
    world.dispatcher = () => ({ ...deps, queue: { send } })
    const id = await world.submit()
    void world.dispatch()
    await world.ended([id], 20_000)
    expect(world.holders).toHaveLength(1)
  })
})

describe('a worker that never rings', () => {
  it('costs time and no job: what it settled is not sent again', async () => {
    const world = new World()
    const mute = world.process(({ port, method }) =>
      port === 'rings' && method === 'ring' ? 'fails-before' : undefined,
    )
    world.worker = () => mute
    const ids = await world.submitMany(5)
    await world.ended(ids)
    await world.pass(60_000)
    expect(world.model.calls).toHaveLength(5)
    expect(world.holders.map((r) => r.end)).toEqual(['idle'])
  })
})
