/** Jobs that a changed configuration has no place for: none of them is left without a word. */
import { describe, expect, it } from 'vitest'
import { dispatcherHandler } from '../../lambdas/dispatcher.ts'
import { stranded, strandedLine } from '../../services/stranded.ts'
import { aContext } from '../support/http.ts'
import { asleep, World } from '../support/world.ts'
import { worldSettings } from '../support/world-settings.ts'

const SPARE = { pools: { spare: { provider: { kind: 'bedrock' }, requests: 10 } } } as const
/** With the spare pool, of which the kind `extra` is. */
const withSpare = () => {
  const world = new World({ ...SPARE, kinds: { extra: { pool: 'spare', tier: 'low' } } })
  world.wakes = false
  return world
}
const now = (world: World, settings = worldSettings()) => ({ ...world.api, settings })

describe('jobs of a configuration that has changed', () => {
  it('are none where it has a place for each, in whichever tier', async () => {
    const world = asleep()
    await world.submitMany(3)
    const lower = worldSettings({ kinds: { step: { tier: 'low' } } })
    expect(await stranded(now(world, lower))).toEqual([])
  })

  it('are named by pool, tier and kind where the pool is gone, whether a dispatcher has seen them or not', async () => {
    const world = withSpare()
    await world.submitMany(2, 'extra')
    const found = [{ pool: 'spare', tier: 'low', kind: 'extra', jobs: 2, more: false }]
    expect(await stranded(now(world))).toEqual(found)
    // It notes the owners, and deletes their bells; the pool has no room for any job yet.
    void world.dispatch('spare')
    await world.pass(5_000)
    expect(world.bells('spare')).toBe(0)
    expect(await stranded(now(world))).toEqual(found)
    expect(strandedLine(worldSettings(), found[0] as never)).toBe(
      'the pool spare still holds 2 jobs of the kind extra (tier low), and the configuration has no such pool',
    )
  })

  it('are named where the kind is gone, or is of another pool now', async () => {
    const world = withSpare()
    await world.submit('extra')
    const gone = now(world, worldSettings(SPARE))
    const moved = now(world, worldSettings({ ...SPARE, kinds: { extra: { pool: 'main' } } }))
    const lines = async (deps: typeof gone) =>
      (await stranded(deps)).map((one) => strandedLine(deps.settings, one).split(', and ')[1])
    expect(await lines(gone)).toEqual(['the configuration has no such kind'])
    expect(await lines(moved)).toEqual(['the configuration has moved that kind to main'])
  })

  it('are counted by the dispatcher function, at its first start and now and then, where nobody dispatches them', async () => {
    const world = withSpare()
    await world.submitMany(2, 'extra')
    const handler = dispatcherHandler(() => ({ ...now(world), queue: world.api.queue, waker: world.api.waker }))
    const started = async () => {
      let over = false
      void handler({}, aContext(60_000)).then(() => {
        over = true
      })
      await world.until(() => over)
    }
    await started()
    expect(world.counted('JobsStranded')).toBe(2)
    await started()
    expect(world.counted('JobsStranded')).toBe(2)
    await world.pass(600_000)
    await started()
    expect(world.counted('JobsStranded')).toBe(4)
  })
})
