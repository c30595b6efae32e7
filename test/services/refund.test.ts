import { describe, expect, it } from 'vitest'
import { cancel } from '../../services/cancel.ts'
import type { WorkerDeps } from '../../services/deps.ts'
import { ADMIN } from '../support/callers.ts'
import { text } from '../support/fake-model.ts'
import { fullestWindow } from '../support/windows.ts'
import { World } from '../support/world.ts'

const LIMIT = 3
const WINDOW_MS = 20_000
/** Before a window is over, whatever is called again must have been given back. */
const SOON_MS = 5_000

const threeAtOnce = (): World => new World({ pool: { requests: LIMIT, windowMs: WINDOW_MS, pacing: 'burst' } })
const callsOf = (world: World, id: string) => world.model.calls.filter((c) => c.jobId === id)

/** The first message's workers read jobs so slowly that the first one to be read misses its slot. */
function missesFirst(world: World): void {
  const deps = world.process()
  let missed: string | undefined
  const load: WorkerDeps['jobs']['load'] = async (p) => {
    if (missed === undefined) {
      missed = p.jobId
      await world.clock.until(world.now() + 600)
    }
    return deps.jobs.load(p)
  }
  world.worker = () => ({ ...deps, jobs: { ...deps.jobs, load } })
}

describe('a slot that its worker let go of without a call', () => {
  it('serves a call in the same window', async () => {
    const world = threeAtOnce()
    missesFirst(world)
    await world.submitMany(4)
    await world.pass(SOON_MS)
    expect(world.model.calls).toHaveLength(LIMIT)
    await world.pass(2 * WINDOW_MS)
    expect(world.model.calls).toHaveLength(4)
    expect(
      fullestWindow(
        world.model.calls.map((c) => c.at),
        WINDOW_MS,
      ),
    ).toBe(LIMIT)
  })

  it('is told of at once, whatever its neighbours still wait for', async () => {
    const world = threeAtOnce()
    missesFirst(world)
    world.model.script = () => text('done', 15_000)
    await world.submitMany(3)
    await world.pass(SOON_MS)
    expect(world.model.calls).toHaveLength(LIMIT)
  })

  it('serves another job where its own has ended', async () => {
    const world = threeAtOnce()
    const deps = world.process()
    const { step: _, ...kinds } = deps.settings.kinds
    world.worker = () => ({ ...deps, settings: { ...deps.settings, kinds } })
    await world.submit('step')
    const replies = await world.submitMany(LIMIT, 'reply')
    await world.pass(SOON_MS)
    expect(replies.flatMap((id) => callsOf(world, id))).toHaveLength(LIMIT)
  })
})

/** Every tenth read of a job takes so long that its slot is missed. */
function missesTenth(world: World): void {
  const deps = world.process()
  let read = 0
  const load: WorkerDeps['jobs']['load'] = async (p) => {
    if (++read % 10 === 0) await world.clock.until(world.now() + 1_500)
    return deps.jobs.load(p)
  }
  world.worker = () => ({ ...deps, jobs: { ...deps.jobs, load } })
}

describe.each([
  { pacing: 'even', limits: { requests: 60 } },
  { pacing: 'burst', limits: { requests: 60 } },
  { pacing: 'even', limits: { requests: undefined, tokens: 2_000, accounting: 'total' } },
] as const)('slots that are let go of, with $pacing pacing under $limits', ({ pacing, limits }) => {
  it('are mostly used again: a tenth of them costs less than 7 % of the calls', async () => {
    const callsOf = async (misses: (world: World) => void) => {
      const world = new World({ pool: { ...limits, windowMs: 6_000, pacing } })
      misses(world)
      world.start()
      await world.submitMany(700)
      await world.pass(46_000)
      return world.model.calls.length
    }
    expect(await callsOf(missesTenth)).toBeGreaterThan(0.93 * (await callsOf(() => undefined)))
  })
})

describe('a slot whose job was cancelled on its way', () => {
  it('serves a call in the same window, and the job is not called', async () => {
    const world = threeAtOnce()
    world.delivery = () => [150]
    const ids = await world.submitMany(4)
    await world.until(() => world.messages.length > 0, SOON_MS)
    const [sent] = world.messages.flatMap(({ jobs }) => jobs.map(({ key }) => key.jobId)) as [string]
    expect(await cancel(world.api, ADMIN, sent)).toMatchObject({ state: 'cancelled' })
    await world.pass(SOON_MS)
    expect(world.model.calls.map((c) => c.jobId).sort()).toEqual(ids.filter((id) => id !== sent).sort())
  })
})

describe('a slot that was refused as late', () => {
  it('stays counted: a copy of its message may be with a worker whose clock is behind', async () => {
    const world = threeAtOnce()
    world.delivery = (n) => [n === 1 ? 1_000 : 20]
    await world.submitMany(LIMIT)
    await world.pass(SOON_MS)
    expect(world.messages).toHaveLength(1)
    expect(world.model.calls).toEqual([])
    await world.pass(2 * WINDOW_MS)
    expect(world.model.calls).toHaveLength(LIMIT)
  })
})
