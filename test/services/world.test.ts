/** The world that the other tests stand on: what it shows must follow from its seed, and from nothing else. */
import { describe, expect, it } from 'vitest'
import { providerError, text } from '../support/fake-model.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { World } from '../support/world.ts'

async function lived(seed: number) {
  const world = new World({ seed })
  world.model.script = () =>
    world.random.unit() < 0.3 ? providerError(500) : text('done', 5_000 * world.random.unit())
  world.delivery = () => (world.random.unit() < 0.1 ? [] : [20, 20 + 500 * world.random.unit()])
  world.start()
  for (let i = 0; i < 40; i++) {
    await world.submit(i % 3 === 0 ? 'reply' : 'nudge', { owner: i % 2 === 0 ? 'ada' : 'bob' })
    await world.pass(1_000 * world.random.unit())
  }
  await world.pass(120_000)
  const { model, messages, runs, counts } = world
  return JSON.stringify([model.calls, messages, runs, counts, [...world.tables.all()]])
}

describe('a world', () => {
  it('is the same for the same seed, and another for another', async () => {
    const [one, again, other] = [await lived(7), await lived(7), await lived(8)]
    expect(again === one).toBe(true)
    expect(other === one).toBe(false)
  })
})

describe('its clock', () => {
  it('wakes who waits in order of time, then of asking, each after all that follows from the one before', async () => {
    const clock = new VirtualClock(1_000)
    const seen: string[] = []
    const wait = async (name: string, at: number) => {
      await clock.until(at)
      seen.push(`${name} at ${clock.now()}`)
      await Promise.resolve().then(() => Promise.resolve())
      seen.push(`${name} on`)
    }
    void wait('c', 1_200.5)
    void wait('a', 1_100)
    void wait('b', 1_100)
    void wait('past', 10)
    await clock.runTo(1_150)
    expect(seen).toEqual(['past at 1000', 'past on', 'a at 1100', 'a on', 'b at 1100', 'b on'])
    expect(clock.now()).toBe(1_150)
    await clock.runTo(2_000)
    expect(seen.slice(6)).toEqual(['c at 1201', 'c on'])
  })

  it('lets go at once of who is aborted', async () => {
    const clock = new VirtualClock(0)
    const stop = new AbortController()
    const waited = clock.until(1_000, stop.signal)
    stop.abort()
    await clock.during(waited)
    expect(clock.now()).toBe(0)
  })

  it('sees a loop that makes no progress, and a wait that never ends', async () => {
    const clock = new VirtualClock(0)
    const spin = async () => {
      for (let i = 0; i < 50_000; i++) await clock.until(0)
    }
    await expect(clock.during(spin())).rejects.toThrow('time stands still')
    await expect(new VirtualClock(0).during(new Promise(() => undefined))).rejects.toThrow('not come')
  })
})
