import { describe, expect, it } from 'vitest'
import { ERRORS_KEPT } from '../../core/job.ts'
import { THROTTLES_AT_MOST } from '../../core/retry.ts'
import { getJob } from '../../services/get-job.ts'
import { redrive } from '../../services/redrive.ts'
import { RESULT_BYTES_AT_MOST } from '../../services/settle.ts'
import { aCaller } from '../support/callers.ts'
import { providerError, type Reply, rateLimited, refusal, text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'

const waiting = async (world: World, id: string) => {
  const found = await getJob(world.api, aCaller(), id)
  return found.ok ? found.job.waiting : undefined
}
/** The first calls of every job meet these answers, the others succeed. */
const first =
  (...replies: Reply[]) =>
  (_: unknown, nth: number) =>
    replies[nth - 1] ?? text()
const gaps = (world: World, id: string) => {
  const calls = world.model.of(id)
  return calls.slice(1).map((c, i) => c.at - (calls[i]?.at as number))
}

describe('a provider that refuses for its limit', () => {
  it('is left in peace until the time it named, and the job has used no attempt', async () => {
    const world = new World({ pool: { requests: 600 } })
    const ids = await world.submitMany(40)
    world.model.script = ({ jobId }, nth) => (jobId === ids[0] && nth === 1 ? rateLimited(20_000) : text())
    await world.until(() => world.model.calls.length > 0)
    const refusedAt = world.now() + 100
    await world.pass(10_000)
    expect(world.liveOf(ids[0] as string)).toMatchObject([
      { attempt: 0, throttles: 1, errors: [{ class: 'rate-limited', status: 429 }] },
    ])
    expect(await waiting(world, ids[0] as string)).toMatchObject({ reason: 'BACKOFF' })
    expect(await waiting(world, ids[39] as string)).toMatchObject({ reason: 'SLOWDOWN' })
    await world.ended(ids)
    const during = world.model.calls.filter((c) => c.at > refusedAt + 1_000 && c.at < refusedAt + 20_000)
    expect(during).toEqual([])
    expect(world.end(ids[0] as string)).toMatchObject({ outcome: 'succeeded', attempts: 1, errors: [{ status: 429 }] })
    expect(gaps(world, ids[0] as string)[0]).toBeLessThan(26_000)
  })

  it('without end makes a dead letter in the end', async () => {
    const world = new World()
    world.model.script = () => rateLimited(500)
    const id = await world.submit()
    await world.ended([id])
    expect(world.model.calls).toHaveLength(THROTTLES_AT_MOST + 1)
    expect(world.end(id)).toMatchObject({ outcome: 'failed', reason: 'rate-limited-too-often' })
  })
})

describe('a call that fails', () => {
  it.each([
    { what: 'a server error', reply: providerError(500), as: 'server', attempts: [1, 2, 3, 4] },
    // These say nothing of the job: once it is known it costs no attempt.
    { what: 'an overload', reply: providerError(529), as: 'overloaded', attempts: [1, 2, 2, 2] },
    {
      what: 'no connection',
      reply: { afterMs: 50, answer: { kind: 'error', message: 'reset', headers: {} } } as Reply,
      as: 'network',
      attempts: [1, 2, 2, 2],
    },
    {
      what: 'a timeout',
      reply: { afterMs: 60_000, answer: { kind: 'timeout', message: 'no answer in 60 s' } } as Reply,
      as: 'timeout',
      attempts: [1, 2, 3, 4],
    },
  ])('by $what comes back after a backoff that grows, and then succeeds', async ({ reply, as, attempts }) => {
    const world = new World()
    world.model.script = first(reply, reply, reply)
    const id = await world.submit()
    await world.until(() => world.liveOf(id)[0]?.attempt === 1)
    expect(world.liveOf(id)).toMatchObject([{ state: 'queued', attempt: 1, errors: [{ class: as }] }])
    await world.ended([id])
    expect(world.model.calls.map((c) => c.attempt)).toEqual(attempts)
    for (const [i, gap] of gaps(world, id).entries())
      expect(gap).toBeLessThan(reply.afterMs + 1_000 * 2 ** (i + 1) + 1_000)
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded', attempts: attempts.at(-1) })
    expect(world.end(id)?.errors.map((e) => e.class)).toEqual([as, as, as])
  })

  it('waits at least as long as the provider asks for', async () => {
    const world = new World()
    world.model.script = first(providerError(503, 'busy', 40_000))
    const id = await world.submit()
    await world.ended([id])
    expect(gaps(world, id)[0]).toBeGreaterThanOrEqual(40_000)
  })

  it('as often as its kind allows makes a dead letter with every error', async () => {
    const world = new World({ kinds: { step: { attempts: 3 } } })
    world.model.script = (_, nth) => providerError(500, `broke ${nth}`)
    const id = await world.submit()
    await world.ended([id])
    expect(world.model.calls).toHaveLength(3)
    expect(world.end(id)).toMatchObject({
      outcome: 'failed',
      reason: 'attempts-used-up',
      attempts: 3,
      errors: [1, 2, 3].map((n) => ({ class: 'server', status: 500, message: `broke ${n}` })),
    })
    expect(world.liveOf(id)).toMatchObject([
      { state: 'failed', key: { lane: 'attention#main', at: world.end(id)?.endedAt } },
    ])
  })

  it('keeps only the newest errors of many', async () => {
    const world = new World({ kinds: { step: { attempts: 8 } } })
    world.model.script = (_, nth) => providerError(500, `broke ${nth}`)
    const id = await world.submit()
    await world.ended([id])
    const last = Array.from({ length: ERRORS_KEPT }, (_, i) => `broke ${8 - ERRORS_KEPT + 1 + i}`)
    expect(world.end(id)?.errors.map((e) => e.message)).toEqual(last)
  })

  it('does not keep the jobs behind it waiting', async () => {
    const world = new World()
    const ids = await world.submitMany(10)
    world.model.script = ({ jobId }) => (jobId === ids[0] ? providerError(500, 'broke', 60_000) : text())
    await world.ended(ids.slice(1), 5_000)
  })

  it.each([
    { what: 'a bad request', reply: providerError(400), reason: 'bad-request' },
    { what: 'a prompt that is too long', reply: providerError(413), reason: 'too-large' },
    { what: 'a refusal', reply: refusal(), reason: 'refusal' },
    {
      what: 'a result that cannot be kept',
      reply: text('x'.repeat(RESULT_BYTES_AT_MOST + 1)),
      reason: 'result-too-large',
    },
  ])('by $what fails at once, with the reason', async ({ reply, reason }) => {
    const world = new World()
    world.model.script = () => reply
    const id = await world.submit()
    await world.ended([id])
    await world.pass(60_000)
    expect(world.model.calls).toHaveLength(1)
    expect(world.end(id)).toMatchObject({ outcome: 'failed', reason, attempts: 1, errors: [{ class: reason }] })
    expect(world.end(id)?.result).toBeUndefined()
  })

  it('says how large a result was that could not be kept', async () => {
    const world = new World()
    world.model.script = () => text('é'.repeat(RESULT_BYTES_AT_MOST / 2 + 1))
    const id = await world.submit()
    await world.ended([id])
    expect(world.end(id)?.errors[0]?.message).toContain(`${RESULT_BYTES_AT_MOST + 2} bytes`)
  })

  it('keeps a result that only just fits', async () => {
    const world = new World()
    world.model.script = () => text('x'.repeat(RESULT_BYTES_AT_MOST))
    const id = await world.submit()
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('a redrive', () => {
  async function deadLetter(): Promise<{ world: World; id: string }> {
    const world = new World({ kinds: { step: { attempts: 2 } } })
    world.model.script = first(providerError(500, 'broke 1'), providerError(500, 'broke 2'))
    const id = await world.submit()
    await world.ended([id])
    return { world, id }
  }

  it('runs the dead letter again with fresh tries, and its errors stay with it', async () => {
    const { world, id } = await deadLetter()
    await world.pass(100_000)
    expect(await redrive(world.api, aCaller(), id)).toEqual({ ok: true, jobId: id })
    expect(world.end(id)).toBeUndefined()
    expect(world.liveOf(id)).toMatchObject([{ state: 'queued', attempt: 0, throttles: 0, crashes: 0 }])
    await world.ended([id], 2_000)
    expect(world.model.calls.map((c) => c.attempt)).toEqual([1, 2, 1])
    expect(new Set(world.model.calls.map((c) => c.fence)).size).toBe(3)
    expect(world.end(id)).toMatchObject({
      outcome: 'succeeded',
      attempts: 1,
      errors: [{ message: 'broke 1' }, { message: 'broke 2' }],
    })
    expect(world.live()).toEqual([])
  })

  it('may fail again, and be redriven again', async () => {
    const { world, id } = await deadLetter()
    world.model.script = (_, nth) => (nth <= 4 ? providerError(500, `broke ${nth}`) : text())
    await redrive(world.api, aCaller(), id)
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'failed', reason: 'attempts-used-up' })
    expect(world.liveOf(id)).toMatchObject([{ state: 'failed' }])
    await redrive(world.api, aCaller(), id)
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })

  it('is done once, whoever asks at the same time', async () => {
    const { world, id } = await deadLetter()
    const answers = await Promise.all([redrive(world.api, aCaller(), id), redrive(world.api, aCaller(), id)])
    expect(answers.filter((a) => a.ok)).toHaveLength(1)
    await world.ended([id])
    expect(world.model.calls).toHaveLength(3)
  })

  it('is refused where the configuration would run it no more, and changes nothing', async () => {
    const { world, id } = await deadLetter()
    const { step: _, ...kinds } = world.api.settings.kinds
    const before = JSON.stringify([...world.tables.all()])
    const answer = await redrive({ ...world.api, settings: { ...world.api.settings, kinds } }, aCaller(), id)
    expect(answer).toMatchObject({ code: 'not-redrivable', detail: expect.stringContaining('step') })
    expect(JSON.stringify([...world.tables.all()])).toBe(before)
  })

  it('of a job that has not failed is refused', async () => {
    const world = new World()
    const id = await world.submit()
    expect(await redrive(world.api, aCaller(), id)).toMatchObject({ code: 'not-redrivable' })
    await world.ended([id])
    expect(await redrive(world.api, aCaller(), id)).toMatchObject({ code: 'not-redrivable' })
    expect(await redrive(world.api, aCaller('ada', { scopes: ['jobs:read'] }), id)).toMatchObject({
      code: 'scope-missing',
    })
  })
})
