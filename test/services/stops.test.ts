import { describe, expect, it } from 'vitest'
import { liveKey } from '../../adapters/keys.ts'
import { carry, type LiveRecord } from '../../core/job.ts'
import { THROTTLES_AT_MOST } from '../../core/retry.ts'
import { cancel } from '../../services/cancel.ts'
import { getJob } from '../../services/get-job.ts'
import { pools, resume } from '../../services/pools.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { badKey, providerError, type Reply, text } from '../support/fake-model.ts'
import { START, World } from '../support/world.ts'

/** Some jobs, and a provider that refuses the key until it is mended. */
async function stopped(
  reply: Reply = badKey(),
  count = 20,
): Promise<{ world: World; ids: string[]; mend: () => void }> {
  const world = new World()
  world.start()
  world.model.script = () => reply
  const ids = await world.submitMany(count)
  await world.pass(5_000)
  return { world, ids, mend: () => void (world.model.script = () => text()) }
}
const unconfigured: Reply = { afterMs: 1, answer: { kind: 'unconfigured', message: 'ANTHROPIC_KEY is not set' } }
const callsIn = (world: World, from: number, to: number) =>
  world.model.calls.filter((c) => c.at >= START + from && c.at < START + to).length

describe('a provider that refuses key, model or credit', () => {
  it.each([
    { what: 'a wrong key', reply: badKey(), line: 'the key is not valid' },
    { what: 'no credit', reply: providerError(402, 'no credit'), line: 'no credit' },
    { what: 'an unknown model', reply: providerError(404, 'no such model'), line: 'no such model' },
    { what: 'no key at all', reply: unconfigured, line: 'ANTHROPIC_KEY is not set' },
  ])('for $what stops the pool with its line', async ({ reply, line }) => {
    const { world } = await stopped(reply)
    const seen = await pools(world.api, aCaller())
    expect(seen).toMatchObject({ ok: true, pools: [{ id: 'main', stopped: { line, since: expect.any(String) } }] })
  })

  it('leaves the jobs queued, at no cost to their attempts, and they say why', async () => {
    const { world, ids } = await stopped()
    expect(world.live().map((r) => [r.state, r.attempt, r.crashes])).toEqual(ids.map(() => ['queued', 0, 0]))
    for (const id of ids) {
      const sentence = expect.stringContaining('the key is not valid')
      const found = await getJob(world.api, aCaller(), id)
      expect(found).toMatchObject({ job: { state: 'queued', waiting: { reason: 'PROVIDER_CONFIG', sentence } } })
    }
  })

  it('leaves them queued for as long as it takes: a probe costs a job nothing', async () => {
    const { world, ids } = await stopped(badKey(), 1)
    await world.pass(3_600_000)
    expect(world.model.calls.length).toBeGreaterThan(THROTTLES_AT_MOST)
    expect(world.liveOf(ids[0] as string)).toMatchObject([{ state: 'queued', attempt: 0, throttles: 1 }])
  })

  it('is asked soon and then ever more seldom, at last by one probe a minute', async () => {
    const { world } = await stopped()
    expect(callsIn(world, 0, 5_000)).toBeLessThan(10)
    await world.pass(720_000)
    expect(callsIn(world, 5_000, 125_000)).toBeLessThan(8)
    for (let minute = 0; minute < 9; minute++) {
      const from = 130_000 + 60_000 * minute
      expect(callsIn(world, from, from + 60_000)).toBe(1)
    }
  })

  it('lets the pool go on by itself once a probe succeeds, and the stop is taken away', async () => {
    const { world, ids, mend } = await stopped()
    mend()
    await world.ended(ids, 75_000)
    await world.pass(1_000)
    expect(await world.api.capacity.stopped({ pool: 'main' })).toBeUndefined()
    expect(world.end(ids[0] as string)).toMatchObject({ outcome: 'succeeded', attempts: 1 })
  })

  it('is probed again at once where the probe finds its job gone', async () => {
    const { world, ids, mend } = await stopped()
    const gone = ids.slice(0, 8)
    const records = world.live().filter((r) => gone.includes(r.key.jobId))
    world.tables.commit(records.map((r) => ({ table: 'live', delete: liveKey(r.key) })))
    mend()
    await world.ended(ids.slice(8), 75_000)
  })

  it('is probed again at once where the probe misses its slot', async () => {
    const { world, ids, mend } = await stopped()
    await world.pass(300_000)
    mend()
    world.model.prepareMs = 2_000
    const { length } = world.messages
    await world.until(() => world.messages.length > length, 70_000)
    await world.pass(1_000)
    world.model.prepareMs = 0
    await world.ended(ids, 20_000)
  })

  /** Its next probe is a minute off, when this has befallen the one before. */
  async function probeBefallen(befall: (world: World, jobId: string) => unknown) {
    const { world, ids, mend } = await stopped()
    await world.pass(300_000)
    mend()
    const { length } = world.messages
    world.delivery = (n) => [n === length + 1 ? 60_000 : 20]
    await world.until(() => world.messages.length > length, 70_000)
    await befall(world, world.messages.at(-1)?.jobs[0]?.key.jobId as string)
    return { world, ids }
  }

  it('is probed again at once where the probe is cancelled', async () => {
    let cancelled: string | undefined
    const { world, ids } = await probeBefallen(async ({ api }, jobId) => {
      cancelled = jobId
      expect(await cancel(api, ADMIN, jobId)).toMatchObject({ state: 'cancelled' })
    })
    const others = ids.filter((id) => id !== cancelled)
    await world.ended(others, 20_000)
  })

  it('is probed again at once where the probe is cancelled after an older copy of its message has moved it', async () => {
    let cancelled: string | undefined
    const { world, ids } = await probeBefallen(async (befallen, jobId) => {
      cancelled = jobId
      const { jobs } = befallen.api
      const { key, fence } = befallen.liveOf(jobId)[0] as LiveRecord
      const now = befallen.now()
      const claim = await jobs.claim({ key, fence, nonce: 'older', now, leaseUntil: now + 1_000 })
      if (claim.kind !== 'claimed') throw new Error('it is queued')
      const to = { ...carry(claim.record), state: 'queued' as const, key: { ...key, at: now + 500 }, fence: fence + 2 }
      expect(await jobs.transition({ from: claim.record, to })).toBe('done')
      expect(await cancel(befallen.api, ADMIN, jobId)).toMatchObject({ state: 'cancelled' })
    })
    await world.ended(
      ids.filter((id) => id !== cancelled),
      20_000,
    )
  })

  it('is probed again soon where the message of the probe is lost', async () => {
    const { world, ids } = await probeBefallen(() => undefined)
    await world.ended(ids, 30_000)
  })

  it('is probed again at once where the queue does not take the probe', async () => {
    const { world, ids, mend } = await stopped()
    await world.pass(300_000)
    mend()
    let refused = 0
    world.takes = () => refused++ > 0
    await world.until(() => refused > 0, 70_000)
    await world.ended(ids, 20_000)
  })

  it.each([320, 340, 360])(
    'is probed again at once where the probe was sent anew, as a copy of it came late, while another was called for %i ms',
    async (afterMs) => {
      const { world, ids } = await stopped()
      await world.pass(300_000)
      const [messages, calls] = [world.messages.length, world.model.calls.length]
      const replies = [{ ...badKey(), afterMs }]
      world.model.script = () => replies.pop() ?? text()
      world.delivery = (n, { jobs }) =>
        n === messages + 1 ? [20, (jobs[0]?.notAfter as number) + 1 - world.now()] : [n === messages + 2 ? 600 : 20]
      await world.until(() => world.model.calls.length > calls, 70_000)
      await world.ended(ids, 25_000)
    },
  )

  it('is not taken for mended when a call from before the stop succeeds', async () => {
    const world = new World()
    world.start()
    world.model.script = (call) => (call.jobId === first ? { ...text(), afterMs: 4_000 } : badKey())
    const first = await world.submit()
    await world.pass(500)
    await world.submitMany(5)
    await world.pass(6_000)
    expect(world.end(first)).toMatchObject({ outcome: 'succeeded' })
    // A probe, perhaps: not the five that wait.
    expect(callsIn(world, 3_000, 6_500)).toBeLessThanOrEqual(1)
  })

  it('lets the pool go on at once when it is resumed', async () => {
    const { world, ids, mend } = await stopped()
    mend()
    expect(await resume(world.api, ADMIN, 'main')).toEqual({ ok: true, pool: 'main' })
    await world.ended(ids, 20_000)
    expect(await world.api.capacity.stopped({ pool: 'main' })).toBeUndefined()
  })

  it('stops it again when it was resumed too soon', async () => {
    const { world } = await stopped()
    await resume(world.api, ADMIN, 'main')
    await world.pass(3_000)
    expect(await world.api.capacity.stopped({ pool: 'main' })).toMatchObject({ line: 'the key is not valid' })
    const before = world.model.calls.length
    await world.pass(50_000)
    expect(world.model.calls.length - before).toBeLessThan(8)
  })

  it('stays stopped where a stop was written before the resume is heard, and goes on by a probe', async () => {
    const { world, ids, mend } = await stopped()
    mend()
    await world.api.doorbell.ring('main', { v: 1, id: world.api.random.id(world.now()), t: 'resumed' })
    await world.ended(ids, 90_000)
    expect(await world.api.capacity.stopped({ pool: 'main' })).toBeUndefined()
  })

  it.each([
    { whose: 'a worker', down: undefined },
    { whose: 'the holder', down: true as const },
  ])(
    'is found within a minute, and ended by a probe, where the stop of $whose lands again after the pool went on',
    async ({ down }) => {
      const world = new World({ pool: { requests: 60 } })
      world.start()
      await world.submitMany(300)
      await world.pass(30_000)
      const stop = { at: world.now() - 20_000, line: 'no credit', ...(down ? { down } : {}) }
      await world.api.capacity.stop({ pool: 'main', stop })
      await world.pass(65_000)
      expect(await world.api.capacity.stopped({ pool: 'main' })).toBeUndefined()
      expect(world.holders).toHaveLength(1)
      expect(world.model.calls.length).toBeGreaterThan(80)
    },
  )

  it('keeps it stopped over a change of dispatchers', async () => {
    const { world } = await stopped()
    const before = world.model.calls.length
    await world.pass(20 * 60_000)
    expect(world.holders.length).toBeGreaterThan(1)
    expect(world.model.calls.length - before).toBeLessThanOrEqual(32)
    expect(await world.api.capacity.stopped({ pool: 'main' })).toBeDefined()
  })
})

describe('one job that is refused where others are answered', () => {
  const HOUR_MS = 3_600_000

  /** Four hours of work for a pool of 12 a minute, and among it one job that the provider will not have. */
  async function withOneRefused() {
    const world = new World({ pool: { requests: 12 } })
    world.start()
    world.model.script = (call) => (call.jobId === bad ? providerError(403, 'not for you') : text())
    const bad = await world.submit('step', { owner: 'eve' })
    await world.submitMany(2_900)
    return { world, bad }
  }

  it('costs the others little of the limit, comes to an end of its own, and keeps what it was told', async () => {
    const { world, bad } = await withOneRefused()
    await world.pass(HOUR_MS)
    expect(world.model.calls.length).toBeGreaterThan(0.93 * 12 * 60)
    await world.pass(3 * HOUR_MS)
    expect(world.end(bad)).toMatchObject({ outcome: 'failed', reason: 'refused-too-often' })
    expect(world.end(bad)?.errors.at(-1)).toMatchObject({ class: 'provider-config', status: 403 })
    expect(await world.api.capacity.stopped({ pool: 'main' })).toBeUndefined()
  })
})

it('an owner whose three hundred jobs are all refused takes no more than its share of the limit', async () => {
  const world = new World()
  world.start()
  const bad = new Set<string>()
  world.model.script = (call) => (bad.has(call.jobId) ? providerError(404, 'no such model') : text())
  for (const id of await world.submitMany(300, 'step', { owner: 'eve' })) bad.add(id)
  await world.submitMany(3_000)
  await world.pass(600_000)
  const good = new Set(world.model.calls.flatMap((c) => (bad.has(c.jobId) ? [] : [c.jobId])))
  expect(world.model.calls.length).toBeGreaterThan(0.93 * 3_000)
  expect(good.size).toBeGreaterThan(0.93 * 1_500)
})

describe('resume', () => {
  it('is for admins, and for pools that there are', async () => {
    const world = new World()
    expect(await resume(world.api, aCaller(), 'main')).toMatchObject({ code: 'scope-missing' })
    expect(await resume(world.api, ADMIN, 'other')).toMatchObject({ code: 'not-found' })
    expect(await resume(world.api, ADMIN, 'constructor')).toMatchObject({ code: 'not-found' })
    expect([...world.tables.all()]).toEqual([])
  })
})
