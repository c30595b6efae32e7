import { expect, it } from 'vitest'
import { WorldClock } from './clock.ts'
import { Fleet } from './fleet.ts'
import type { SimProcess } from './process.ts'
import { Stream } from './random.ts'

const LIMIT_MS = 1_000

it('serves nobody in an environment that has died since its last answer', async () => {
  const fleet = new Fleet({
    clock: new WorldClock(0),
    stream: new Stream(1, 'fleet'),
    offset: () => 0,
    compose: () => undefined,
    threw: (_, error) => expect.fail(String(error)),
  })
  const serve = () => fleet.invoke('api', LIMIT_MS, async (_, process: SimProcess) => process.alive)
  for (let i = 0; i < 20; i++) {
    expect(await serve()).toEqual({ kind: 'done', value: true })
    for (const process of fleet.processes) process.die()
  }
})
