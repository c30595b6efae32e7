import { describe, expect, it } from 'vitest'
import { INPUT_BYTES_AT_MOST, START_DAYS_AHEAD, type SubmitRequest, submit } from '../../services/submit.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { providerError, text } from '../support/fake-model.ts'
import { failsAt } from '../support/port-faults.ts'
import { World } from '../support/world.ts'
import type { WorldSettings } from '../support/world-settings.ts'

const asked = (over: Partial<SubmitRequest> = {}): SubmitRequest => ({
  kind: 'step',
  input: { name: 'Grace' },
  idempotencyKey: 'key-1',
  ...over,
})

/** Nobody dispatches: what submit wrote stands as it wrote it. */
function asleep(settings: WorldSettings = {}): World {
  const world = new World(settings)
  world.wakes = false
  return world
}

describe('a submit', () => {
  it('is answered when content, record and bell are written', async () => {
    const world = asleep()
    const id = await world.submit('step', { owner: 'bob' })
    const key = { lane: 'main#medium#bob', at: world.now(), jobId: id }
    expect(world.parts(id)?.input).toMatchObject({ jobId: id, owner: 'bob', input: { name: 'Grace' }, key })
    expect(world.liveOf(id)).toMatchObject([{ state: 'queued', fence: 0, key }])
    const { bells } = await world.api.rings.bells({ pool: 'main', limit: 10 })
    expect(bells).toMatchObject([{ t: 'entered', owner: 'bob', tier: 'medium', head: { jobId: id, fence: 0 } }])
  })

  it('wakes a dispatcher where nobody holds the lease, and nobody where somebody does', async () => {
    const world = new World()
    await world.submit()
    await world.pass(1_000)
    expect(world.runs).toHaveLength(1)
    await world.submit()
    await world.pass(1_000)
    expect(world.runs).toHaveLength(1)
  })

  it('counts its place in the lane from startAt, and from now where that is past', async () => {
    const world = asleep()
    const later = await world.submit('step', { startAt: world.now() + 5_000 })
    const past = await world.submit('step', { startAt: world.now() - 5_000 })
    expect(world.liveOf(later)[0]?.key.at).toBe(world.now() + 5_000)
    expect(world.liveOf(past)[0]?.key.at).toBe(world.now())
  })

  it('is of the owner that the caller names, if it may act for that one', async () => {
    const world = asleep()
    const agent = aCaller('agent', { mayActFor: ['bob'] })
    expect(await submit(world.api, agent, asked({ owner: 'bob' }))).toMatchObject({ ok: true })
    expect(await submit(world.api, ADMIN, asked({ owner: 'zoe' }))).toMatchObject({ ok: true })
    expect(await submit(world.api, agent, asked({ owner: 'eve' }))).toMatchObject({
      code: 'owner-not-yours',
      at: 'owner',
    })
  })
})

describe('a repeat under the same key', () => {
  it('answers the same id, writes nothing twice, and rings again', async () => {
    const world = asleep()
    const first = await submit(world.api, aCaller(), asked())
    await world.pass(7_000)
    const again = await submit(world.api, aCaller(), asked())
    expect(again).toEqual({ ...first, repeated: true })
    expect(world.live()).toHaveLength(1)
    expect(world.bells()).toBe(2)
    expect(world.live()[0]?.key.at).toBe(world.now() - 7_000)
  })

  it('is another job for another caller', async () => {
    const world = asleep()
    const mine = await submit(world.api, aCaller('ada'), asked())
    const theirs = await submit(world.api, aCaller('bob'), asked())
    expect(mine.ok && theirs.ok && mine.jobId !== theirs.jobId).toBe(true)
  })

  it.each([
    { what: 'input', other: { input: { name: 'Alan' } } },
    { what: 'kind', other: { kind: 'nudge' } },
    { what: 'time', other: { startAt: 1_893_500_000_000 } },
  ])('with another $what is refused', async ({ other }) => {
    const world = asleep()
    await submit(world.api, aCaller(), asked())
    expect(await submit(world.api, aCaller(), asked(other))).toMatchObject({ ok: false, code: 'key-reused' })
    expect(world.live()).toHaveLength(1)
  })

  it('revives nothing once the job has ended', async () => {
    const world = new World()
    const first = await submit(world.api, aCaller(), asked())
    if (!first.ok) throw new Error(first.code)
    await world.ended([first.jobId])
    await world.pass(1_000)
    expect(await submit(world.api, aCaller(), asked())).toEqual({ ...first, repeated: true })
    expect(world.live()).toEqual([])
    await world.pass(60_000)
    expect(world.model.calls).toHaveLength(1)
  })

  it('revives nothing once the job has moved to review', async () => {
    const world = new World()
    const request = asked({ kind: 'intro' })
    await submit(world.api, aCaller(), request)
    await world.until(() => world.live()[0]?.state === 'in-review')
    await submit(world.api, aCaller(), request)
    expect(world.live()).toMatchObject([{ state: 'in-review' }])
  })

  it('revives nothing once the job has moved to a later try', async () => {
    const world = new World()
    world.model.script = (_, nth) => (nth === 1 ? providerError(500, 'broke', 30_000) : text())
    await submit(world.api, aCaller(), asked())
    await world.until(() => world.live()[0]?.attempt === 1)
    await submit(world.api, aCaller(), asked())
    expect(world.live()).toMatchObject([{ state: 'queued', attempt: 1 }])
  })

  it.each(['before', 'after'] as const)('makes good what died %s any one of its writes', async (when) => {
    for (let k = 1; ; k++) {
      const world = asleep()
      const dying = world.process(failsAt(k, when))
      const first = await submit(dying, aCaller(), asked()).catch(() => 'died' as const)
      if (first !== 'died') return expect(k).toBeGreaterThan(5)
      world.wakes = true
      const again = await submit(world.api, aCaller(), asked())
      if (!again.ok) throw new Error(again.code)
      await world.ended([again.jobId])
      expect(world.model.calls).toHaveLength(1)
      expect(world.live()).toEqual([])
    }
  })

  it('is heard although the bell of the first was lost', async () => {
    const world = new World()
    const died = world.process(({ port, method }) =>
      port === 'rings' && method === 'ring' ? 'fails-before' : undefined,
    )
    await expect(submit(died, aCaller(), asked())).rejects.toThrow('rings.ring')
    await world.pass(30_000)
    expect(world.model.calls).toEqual([])
    await submit(world.api, aCaller(), asked())
    await world.pass(1_000)
    expect(world.model.calls).toHaveLength(1)
  })
})

describe('a submit is refused', () => {
  const TOKENS = { pool: { tokens: 100 } }
  const long = 'x'.repeat(INPUT_BYTES_AT_MOST)
  it.each([
    { why: 'without the scope', code: 'scope-missing', caller: aCaller('ada', { scopes: ['jobs:read'] }) },
    { why: 'for an owner of somebody else', code: 'owner-not-yours', at: 'owner', request: { owner: 'bob' } },
    { why: 'of an unknown kind', code: 'unknown-kind', at: 'kind', request: { kind: 'poem' } },
    { why: 'of a kind that every object has', code: 'unknown-kind', at: 'kind', request: { kind: 'constructor' } },
    { why: 'with too large an input', code: 'too-large', at: 'input', request: { input: { name: long } } },
    { why: 'without a field of the prompt', code: 'missing-field', at: 'input.name', request: { input: { nam: 1 } } },
    {
      why: 'beyond what its pool may ever take',
      code: 'larger-than-pool',
      at: 'input',
      request: { input: { name: 'x'.repeat(200) } },
      settings: TOKENS,
    },
    {
      why: 'too far ahead',
      code: 'invalid-request',
      at: 'startAt',
      request: { startAt: Date.UTC(2030, 0, 1) + (START_DAYS_AHEAD + 1) * 86_400_000 },
    },
    {
      why: 'to begin when its input is kept no more',
      code: 'invalid-request',
      at: 'startAt',
      request: { startAt: Date.UTC(2030, 0, 1) + 8 * 86_400_000 },
      settings: { retentionDays: { input: 7, result: 7 } },
    },
  ])('$why, and nothing is written', async ({ code, at, request, caller, settings }) => {
    const world = asleep(settings)
    const answer = await submit(world.api, caller ?? aCaller(), asked(request))
    expect(answer).toMatchObject({ ok: false, code, ...(at ? { at } : {}) })
    expect([...world.tables.all()]).toEqual([])
  })

  it('while its owner has the most that may wait, and is accepted again when some have run', async () => {
    const world = new World({ backlogPerOwner: 5, pool: { requests: 6 } })
    const owner = (name: string) => submit(world.api, aCaller(name), asked({ idempotencyKey: undefined }))
    const first = asked({ startAt: world.now() + 20_000 })
    await submit(world.api, aCaller('ada'), first)
    await world.submitMany(6)
    await world.pass(3_000)
    expect(await owner('ada')).toMatchObject({ ok: false, code: 'backlog-full', retryAfterS: expect.any(Number) })
    expect(await submit(world.api, aCaller('ada'), first)).toMatchObject({ ok: true, repeated: true })
    expect(await owner('bob')).toMatchObject({ ok: true })
    await world.pass(30_000)
    expect(await owner('ada')).toMatchObject({ ok: true })
  })
})
