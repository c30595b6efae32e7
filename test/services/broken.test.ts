import { describe, expect, it } from 'vitest'
import { tellBroken } from '../../services/broken.ts'
import { http } from '../support/http.ts'
import { asleep, JOB } from '../support/served.ts'
import { World } from '../support/world.ts'

/** Whatever a library may put into a message: a prompt, and lines that look like a stack. */
const PROMPT = 'Dear Very Secret\n    at secret (file:///secret.ts:1:1)\n    at Very Secret'
class Quoting extends Error {
  override name = 'Quoting'
  readonly code = 'QUOTED'
  constructor() {
    super(PROMPT, { cause: new TypeError(PROMPT) })
  }
}
const secrets = (world: World) => JSON.stringify([world.lines, world.counts]).match(/secret/gi)

describe('what broke', () => {
  it('is counted, and told by name, code, cause and place, and never by its message', () => {
    const world = new World()
    tellBroken(world.api, 'TicksFailed', new Quoting(), { pool: 'main', step: 'tick' })
    expect(world.counted('TicksFailed')).toBe(1)
    expect(world.lines).toEqual([
      {
        what: 'TicksFailed',
        facts: {
          pool: 'main',
          step: 'tick',
          error: 'Quoting QUOTED',
          cause: 'TypeError',
          stack: expect.stringMatching(/^at .*broken\.test\.ts:\d+:\d+\)?(\nat .+)*$/),
        },
      },
    ])
    expect(secrets(world)).toBeNull()
  })

  it('is told of without its message where that was changed after it was made', () => {
    const world = new World()
    const error = new Error('Dear Very Secret')
    // Its stack is made when it is first asked for.
    expect(error.stack).toContain('Secret')
    error.message = 'another'
    tellBroken(world.api, 'TicksFailed', error, {})
    expect(secrets(world)).toBeNull()
  })

  it('may be anything that can be thrown', () => {
    const world = new World()
    tellBroken(world.api, 'TicksFailed', 'Very Secret', {})
    expect(world.lines).toEqual([{ what: 'TicksFailed', facts: { error: 'string' } }])
  })

  it('is, of a request, told with its id and route, and with its place in a batch', async () => {
    const { world } = asleep()
    const breaks = async () => {
      throw new Quoting()
    }
    const ask = http({ ...world.api, jobs: { ...world.api.jobs, create: breaks, createFresh: breaks } })
    await ask('POST', '/v1/jobs', { body: JOB })
    await ask('POST', '/v1/jobs/batch', { body: { jobs: [JOB] } })
    expect(world.lines.map(({ what, facts }) => [what, facts['route'], facts['entry'], facts['requestId']])).toEqual([
      ['RequestsBroken', 'POST /v1/jobs', undefined, 'a-request'],
      ['RequestsBroken', 'POST /v1/jobs/batch', '0', 'a-request'],
    ])
    expect(secrets(world)).toBeNull()
  })

  it('is, of an attempt, told with its job and pool', async () => {
    const world = new World()
    world.model.script = () => {
      throw new Quoting()
    }
    const id = await world.submit()
    await world.until(() => world.counted('AttemptsBroken') > 0)
    expect(world.lines[0]).toMatchObject({
      what: 'AttemptsBroken',
      facts: { jobId: id, pool: 'main', error: 'Quoting QUOTED' },
    })
    expect(secrets(world)).toBeNull()
  })

  it('is, of a tick, told with its pool and step', async () => {
    const world = new World()
    let failed = false
    world.dispatcher = () =>
      world.process(({ method }) => {
        if (method !== 'bells' || failed) return undefined
        failed = true
        return 'fails-before'
      })
    await world.ended([await world.submit()])
    expect(world.lines).toMatchObject([{ what: 'TicksFailed', facts: { pool: 'main', step: 'tick' } }])
  })
})
