/** What was true at submit may not be at the call: notes, settings and stored pictures that are older or newer than it. */
import { describe, expect, it } from 'vitest'
import { text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'

const asleep = (p: ConstructorParameters<typeof World>[0] = {}): World => {
  const world = new World(p)
  world.wakes = false
  return world
}

describe('a job whose surroundings changed after its submit', () => {
  it('is found though an older note without its tier stands over the newer one', async () => {
    const world = asleep()
    const id = await world.submit('nudge')
    const { bells } = await world.api.rings.bells({ pool: 'main', limit: 10 })
    const owner = { owner: 'ada', tiers: { medium: { turn: 0, beyond: 0 } }, turn: 0, v: 0 }
    await world.api.rings.note({ pool: 'main', owners: [owner] })
    await world.api.rings.deleteBells({ pool: 'main', ids: bells.map((b) => b.id) })
    world.start()
    await world.ended([id], 10_000)
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })

  it('asks for no more output than was reserved, though its kind allows more now', async () => {
    const world = asleep({ pool: { tokens: 100_000 } })
    const asked: number[] = []
    world.model.script = (request) => {
      asked.push(request.maxOutputTokens)
      return text()
    }
    const id = await world.submit('step')
    Object.assign(world.api.settings.kinds['step'] as object, { maxOutputTokens: 3_000 })
    world.start()
    await world.ended([id], 10_000)
    expect(asked).toEqual([50])
  })

  it('fails, and says so, when its kind is of another pool now', async () => {
    const world = asleep({ pools: { other: { provider: { kind: 'bedrock' }, requests: 10, history: 'empty' } } })
    const id = await world.submit('step')
    Object.assign(world.api.settings.kinds['step'] as object, { pool: 'other' })
    world.start()
    await world.ended([id], 10_000)
    expect(world.end(id)).toMatchObject({ outcome: 'failed', reason: 'kind-moved' })
    expect(world.model.calls).toEqual([])
  })
})
