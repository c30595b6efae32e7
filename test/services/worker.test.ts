import { describe, expect, it } from 'vitest'
import type { JobInput, LiveKey } from '../../core/job.ts'
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import { cancel } from '../../services/cancel.ts'
import type { JobMessage, Transition } from '../../services/ports.ts'
import { firstRecord, submit } from '../../services/submit.ts'
import { work } from '../../services/work.ts'
import { aCaller } from '../support/callers.ts'
import { providerError, rateLimited, text } from '../support/fake-model.ts'
import { type Befalls, failsAt } from '../support/port-faults.ts'
import { World } from '../support/world.ts'

function messageFor(world: World, key: LiveKey, fence = 0): JobMessage {
  const slot = world.now() + 300
  return { pool: 'main', sentAt: world.now(), jobs: [{ key, fence, slot, notAfter: slot + 250 }] }
}
/** A job in its lane, nobody at work, and the message that would be sent for it. */
async function sentJob(world: World, fence = 0): Promise<{ id: string; message: JobMessage }> {
  world.wakes = false
  const id = await world.submit()
  return { id, message: messageFor(world, world.liveOf(id)[0]?.key as LiveKey, fence) }
}
const withClock = (deps: FunctionDeps, world: World, aheadMs: number): FunctionDeps => ({
  ...deps,
  clock: { now: () => world.now() + aheadMs, until: (at, signal) => world.clock.until(at - aheadMs, signal) },
})
const lives = (world: World) => JSON.stringify(world.live())
const settledBells = async (world: World) =>
  (await world.api.rings.bells({ pool: 'main', limit: 100 })).bells.flatMap((b) => (b.t === 'settled' ? [b] : []))

describe('a worker', () => {
  it('waits for the slot, calls once, settles and tells', async () => {
    const world = new World()
    const { id, message } = await sentJob(world)
    await world.clock.during(work(world.api, message))
    expect(world.model.calls).toEqual([{ jobId: id, fence: 1, attempt: 1, at: message.jobs[0]?.slot }])
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded', fence: 1 })
    const [bell] = await settledBells(world)
    expect(bell).toMatchObject({ jobs: [{ jobId: id, fence: 0, what: 'gone', state: 'succeeded' }], slackMs: 300 })
  })

  it.each([0, 1, 60_000])('touches nothing when it is %i ms too late to claim, and says so', async (ms) => {
    const world = new World()
    const { id, message } = await sentJob(world)
    await world.clock.runTo((message.jobs[0]?.notAfter as number) + 1 + ms)
    const before = lives(world)
    await world.clock.during(work(world.api, message))
    expect(lives(world)).toBe(before)
    expect(world.model.calls).toEqual([])
    const [bell] = await settledBells(world)
    expect(bell).toMatchObject({ jobs: [{ jobId: id, fence: 0, what: 'late' }] })
    expect(bell?.slackMs).toBeLessThan(-250)
  })

  it('touches nothing when its clock is behind the message by more than a quarter second', async () => {
    const world = new World()
    const { message } = await sentJob(world)
    const before = lives(world)
    await world.clock.during(work(withClock(world.api, world, -300), message))
    expect(lives(world)).toBe(before)
    expect(world.model.calls).toEqual([])
    expect(await settledBells(world)).toMatchObject([{ jobs: [{ what: 'late' }] }])
  })

  it('works with a clock that is a little behind', async () => {
    const world = new World()
    const { message } = await sentJob(world)
    await world.clock.during(work(withClock(world.api, world, -200), message))
    expect(world.model.calls).toMatchObject([{ at: (message.jobs[0]?.slot as number) + 200 }])
  })

  it('gives the job back where it became too late after the claim', async () => {
    const world = new World()
    const { id, message } = await sentJob(world)
    const deps = world.process()
    const load: FunctionDeps['jobs']['load'] = async (p) => {
      await world.clock.until(world.now() + 600)
      return deps.jobs.load(p)
    }
    await world.clock.during(work({ ...deps, jobs: { ...deps.jobs, load } }, message))
    expect(world.model.calls).toEqual([])
    expect(world.liveOf(id)).toMatchObject([{ state: 'queued', fence: 2, attempt: 0, crashes: 0, errors: [] }])
    expect(await settledBells(world)).toMatchObject([{ jobs: [{ jobId: id, fence: 0, what: 'back', nextFence: 2 }] }])
    void world.dispatch()
    await world.ended([id], 5_000)
    expect(world.model.calls).toMatchObject([{ fence: 3, attempt: 1 }])
  })

  it.each([1, 5])('does nothing for a message of another fence (%i)', async (fence) => {
    const world = new World()
    const { message } = await sentJob(world, fence)
    const before = lives(world)
    await world.clock.during(work(world.api, message))
    expect(lives(world)).toBe(before)
    expect(await settledBells(world)).toMatchObject([{ jobs: [{ what: 'lost' }] }])
  })
})

describe('a claimed record', () => {
  it('is discarded if its job has ended before the first put landed', async () => {
    const world = new World()
    world.wakes = false
    const stalled = world.process(({ method }) => (method === 'enter' ? 'fails-before' : undefined))
    await submit(stalled, aCaller(), { kind: 'step', input: { name: 'Grace' }, idempotencyKey: 'k' }).catch(
      () => undefined,
    )
    const id = [...world.tables.all()].map(({ put }) => put.pk)[0] as string
    expect(await cancel(world.api, aCaller(), id)).toMatchObject({ state: 'cancelled' })
    await late(world, id)
    expect(world.model.calls).toEqual([])
    expect(world.live()).toEqual([])
    expect(world.end(id)).toMatchObject({ outcome: 'cancelled' })
  })

  it('is discarded if its job has ended since', async () => {
    const world = new World()
    const id = await world.submit()
    await world.ended([id])
    await late(world, id)
    expect(world.model.calls).toHaveLength(1)
    expect(world.live()).toEqual([])
  })

  it('is discarded if its job has ended and its input has outlived retention', async () => {
    const world = new World()
    const id = await world.submit()
    await world.ended([id])
    const input = world.parts(id)?.input as JobInput
    await world.pass(input.expiresAt - world.now() + 1)
    await late(world, id, input)
    expect(world.model.calls).toHaveLength(1)
    expect(world.live()).toEqual([])
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })

  it('is discarded if its job has moved to review or to a later try', async () => {
    const world = new World()
    const [draft, later] = [await world.submit('intro'), await world.submit()]
    world.model.script = ({ jobId }) => (jobId === later ? providerError(500, 'broke', 60_000) : text())
    await world.until(() => world.liveOf(draft)[0]?.state === 'in-review' && world.liveOf(later)[0]?.attempt === 1)
    const before = lives(world)
    await late(world, draft)
    await late(world, later)
    expect(lives(world)).toBe(before)
    expect(world.model.calls).toHaveLength(2)
  })

  /** The first put of a job lands long after it should have, and is sent. */
  async function late(world: World, id: string, input = world.parts(id)?.input as JobInput): Promise<void> {
    const record = firstRecord(input)
    await world.api.jobs.enter({ record })
    await world.clock.during(work(world.api, messageFor(world, record.key)))
  }
})

describe('a worker that dies', () => {
  it('has its job found when the lease runs out, counted as a crash, and called under a new fence', async () => {
    const world = new World()
    world.model.script = (_, nth) => (nth === 1 ? 'dies' : text())
    const id = await world.submit()
    await world.ended([id])
    expect(world.model.calls).toMatchObject([
      { fence: 1, attempt: 1 },
      { fence: 2, attempt: 1 },
    ])
    const [first, second] = world.model.calls
    expect((second?.at as number) - (first?.at as number)).toBeGreaterThanOrEqual(80_000)
    expect((second?.at as number) - (first?.at as number)).toBeLessThan(83_000)
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded', attempts: 1, errors: [] })
  })

  it('again and again is not let take neighbours along, and makes its job a dead letter', async () => {
    const world = new World({ pool: { requests: 3_000 } })
    const ids = await world.submitMany(30)
    const poison = ids[4] as string
    world.model.script = ({ jobId }) => (jobId === poison ? 'dies' : text('done', 2_000))
    await world.pass(79_000)
    ids.push(...(await world.submitMany(200)))
    await world.ended(ids)
    const travels = world.messages.filter((m) => m.jobs.some((j) => j.key.jobId === poison)).map((m) => m.jobs.length)
    expect(travels[0]).toBeGreaterThan(1)
    expect(travels.slice(1)).toEqual([1, 1, 1])
    expect(world.model.of(poison).map((c) => c.fence)).toEqual([1, 2, 3])
    expect(world.end(poison)).toMatchObject({
      outcome: 'failed',
      reason: 'crashed',
      attempts: 0,
      errors: [{ class: 'crashed' }],
    })
    expect(world.liveOf(poison)).toMatchObject([{ state: 'failed', key: { lane: 'attention#main' }, crashes: 3 }])
    expect(world.model.calls).toHaveLength(230 + 2)
  })

  it('just after its answer was written leaves nothing to call again', async () => {
    const world = new World()
    world.worker = () => world.process(({ method }) => (method === 'transition' ? 'hangs-after' : undefined))
    const id = await world.submit()
    await world.ended([id])
    await world.pass(300_000)
    expect(world.model.calls).toHaveLength(1)
    expect(world.live()).toEqual([])
    expect(world.holders.map((r) => r.end)).toEqual(['idle'])
  })

  it('at any one of its calls ends its job in the end, and calls at most once a fence', async () => {
    for (const when of ['before', 'after'] as const)
      for (let k = 1; ; k++) {
        const world = new World()
        world.worker = (n) => world.process(n === 1 ? failsAt(k, when) : undefined)
        const id = await world.submit()
        await world.ended([id], 200_000)
        await world.pass(1_000_000)
        const fences = world.model.calls.map((c) => c.fence)
        expect(new Set(fences).size, `call ${k} ${when}`).toBe(fences.length)
        expect(fences.length, `call ${k} ${when}`).toBeLessThanOrEqual(2)
        expect(world.live()).toEqual([])
        if (fences.length === 1 && world.messages.length === 1 && k > 6) break
      }
  })
})

describe('the jobs of one message', () => {
  it('settle each for itself while one of them hangs', async () => {
    const world = new World({ pool: { requests: 6_000 } })
    const ids = await world.submitMany(8)
    const slow = ids[2] as string
    world.model.script = ({ jobId }) => (jobId === slow ? text('at last', 55_000) : text())
    await world.ended(
      ids.filter((id) => id !== slow),
      2_000,
    )
    expect(world.messages).toHaveLength(1)
    await world.ended([slow])
  })

  it('settle and are told of, though what one of them came to could not be written', async () => {
    const world = new World({ pool: { requests: 6_000 } })
    const ids = await world.submitMany(4)
    const broken = ids[1] as string
    const fails: Befalls = ({ method, args }) =>
      method === 'transition' && (args as Transition).from.key.jobId === broken ? 'fails-before' : undefined
    world.worker = (n) => world.process(n === 1 ? fails : undefined)
    world.model.script = ({ jobId }) => text('done', jobId === broken ? 100 : 3_000)
    await world.pass(6_000)
    expect(ids.filter((id) => world.end(id))).toEqual(ids.filter((id) => id !== broken))
    expect(world.counted('AttemptsBroken')).toBe(1)
    expect((await world.api.capacity.overview({ pool: 'main' }))?.tiers.medium).toMatchObject({ running: 1, done: 3 })
    await world.ended([broken])
    expect(world.model.of(broken).map((c) => c.fence)).toEqual([1, 2])
  })

  it('have a call for quiet heard while one of them hangs', async () => {
    const world = new World({ pool: { requests: 600 } })
    const ids = await world.submitMany(60)
    const [slow, refused] = ids as [string, string]
    world.model.script = ({ jobId }, nth) =>
      jobId === slow ? text('at last', 30_000) : jobId === refused && nth === 1 ? rateLimited(20_000) : text()
    await world.until(() => world.model.of(refused).length === 1)
    const refusedAt = world.now()
    await world.ended(ids)
    const quiet = world.model.calls.filter((c) => c.at > refusedAt + 2_000 && c.at < refusedAt + 20_000)
    expect(quiet).toEqual([])
  })

  it('are all finished before a bell that could not be rung is complained of', async () => {
    const world = new World()
    const { id, message } = await sentJob(world)
    const late = { key: { lane: 'main#medium#bob', at: 1, jobId: 'late' }, fence: 0, slot: 1, notAfter: 2 }
    const mute = world.process(({ method }) => (method === 'ring' ? 'fails-before' : undefined))
    const working = work(mute, { ...message, jobs: [late, ...message.jobs] })
    await expect(world.clock.during(working)).rejects.toThrow('rings.ring')
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('a job that cannot be called', () => {
  it.each(['there are others', 'it was the last one'])(
    'for its kind is gone (%s) becomes a dead letter that says so',
    async (left) => {
      const world = new World()
      const { step: _, ...others } = world.api.settings.kinds
      const kinds = left === 'there are others' ? others : {}
      // As the marshaller of DynamoDB does, which takes no number that JSON has not.
      const marshalled = world.process(({ method, args }) =>
        method === 'claim' && !Number.isFinite((args as { leaseUntil: number }).leaseUntil)
          ? 'fails-before'
          : undefined,
      )
      world.worker = () => ({ ...marshalled, settings: { ...world.api.settings, kinds } })
      const id = await world.submit()
      await world.ended([id])
      expect(world.end(id)).toMatchObject({ outcome: 'failed', reason: 'kind-removed' })
      expect(world.model.calls).toEqual([])
    },
  )

  it('for its pool was made smaller than it becomes a dead letter that says so', async () => {
    const world = new World()
    const main = { ...world.api.settings.pools['main'], tokens: 40 } as never
    const smaller = { ...world.process(), settings: { ...world.api.settings, pools: { main } } }
    world.worker = () => smaller
    world.dispatcher = () => smaller
    const id = await world.submit()
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'failed', reason: 'larger-than-pool' })
    expect(world.model.calls).toEqual([])
  })

  it('for its prompt names a field that came after it becomes a dead letter that says so', async () => {
    const world = new World()
    const step = { ...world.api.settings.kinds['step'], prompt: 'Write to {{name}} of {{company}}.' } as never
    world.worker = () => ({ ...world.process(), settings: { ...world.api.settings, kinds: { step } } })
    const id = await world.submit()
    await world.ended([id])
    expect(world.end(id)).toMatchObject({ outcome: 'failed', reason: 'missing-field' })
    expect(world.end(id)?.errors[0]?.message).toContain('company')
    expect(world.model.calls).toEqual([])
  })

  it('for its input has expired ends as expired', async () => {
    const world = new World({ retentionDays: { input: 1, result: 1 } })
    world.wakes = false
    const id = await world.submit()
    await world.pass(2 * 86_400_000)
    void world.dispatch()
    await world.pass(5_000)
    expect(world.end(id)).toMatchObject({ outcome: 'expired', reason: 'input-expired' })
    expect(world.model.calls).toEqual([])
    expect(world.live()).toEqual([])
  })
})
