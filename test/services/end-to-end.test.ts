import { describe, expect, it } from 'vitest'
import { World } from '../support/world.ts'

describe('a job', () => {
  it('is dispatched and succeeds', async () => {
    const world = new World()
    const id = await world.submit('reply')
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded', result: 'Dear Grace, thank you.' })
    expect(world.model.calls).toEqual([{ jobId: id, fence: 1, attempt: 1, at: expect.any(Number) }])
    console.log(world.runs, world.now() - world.runs[0]!.from, world.messages)
  })
})
