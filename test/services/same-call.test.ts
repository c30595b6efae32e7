import { describe, expect, it } from 'vitest'
import { inputKey, leaderKey, liveKey } from '../../adapters/keys.ts'
import { leaderItem, liveItem } from '../../adapters/records.ts'
import type { Leader, Queued } from '../../core/job.ts'
import type { KindSettings, PoolSettings } from '../../core/settings.ts'
import { askedOf } from '../../services/asked.ts'
import { getJob } from '../../services/get-job.ts'
import { decide } from '../../services/review.ts'
import { cacheKeyOf } from '../../services/same-call.ts'
import { work } from '../../services/work.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { badKey, providerError, type Reply, refusal, text } from '../support/fake-model.ts'
import { START, World } from '../support/world.ts'
import type { WorldSettings } from '../support/world-settings.ts'

const TTL_MS = 600_000
const cache = { ttlMs: TTL_MS }
const cached = (p: WorldSettings = {}): World => {
  const world = new World({ ...p, kinds: { step: { cache }, intro: { cache }, nudge: {}, ...p.kinds } })
  world.start()
  return world
}
const cut = (): Reply => {
  const { answer, afterMs } = text('Dear Gr')
  return { answer: { ...answer, whole: false } as Reply['answer'], afterMs }
}
async function runs(world: World, ...ids: string[]): Promise<void> {
  await world.ended(ids, 600_000)
}
const calls = (world: World) => world.model.calls.map((c) => c.jobId)

describe('a job of a kind with a cache', () => {
  it('ends from the answer of an identical one, without a call, and says whose it is and when it was made', async () => {
    const world = cached()
    const first = await world.submit()
    await runs(world, first)
    await world.pass(60_000)
    const again = await world.submit()
    await runs(world, again)
    expect(calls(world)).toEqual([first])
    const { endedAt } = world.end(first) as { endedAt: number }
    const found = await getJob(world.api, aCaller(), again)
    expect(found).toMatchObject({
      job: {
        state: 'succeeded',
        result: 'Dear Grace, thank you.',
        model: 'model-a-2030',
        attempts: 0,
        usage: { inputTokens: 0, outputTokens: 0 },
        cached: { jobId: first, at: new Date(endedAt).toISOString() },
      },
    })
    expect(await getJob(world.api, aCaller(), first)).not.toHaveProperty('job.cached')
  })

  it('shares one call with all that are identical and in flight', async () => {
    const world = cached()
    world.model.script = () => text('done', 8_000)
    const ids = await world.submitMany(12)
    await runs(world, ...ids)
    expect(calls(world)).toHaveLength(1)
    expect(ids.map((id) => world.end(id)?.result)).toEqual(ids.map(() => 'done'))
    expect(ids.filter((id) => world.end(id)?.cached?.jobId === calls(world)[0])).toHaveLength(11)
    expect(ids.map((id) => world.end(id)?.errors)).toEqual(ids.map(() => []))
  })

  it('says that it waits for an identical one', async () => {
    const world = cached()
    world.model.script = () => text('done', 8_000)
    const ids = await world.submitMany(2)
    await world.pass(3_000)
    const waits = ids.filter((id) => !calls(world).includes(id))[0] as string
    expect(await getJob(world.api, aCaller(), waits)).toMatchObject({ job: { waiting: { reason: 'SAME_CALL' } } })
    const overview = await world.api.capacity.overview({ pool: 'main' })
    expect(overview).toMatchObject({ tiers: { medium: { waits: 'SAME_CALL' } } })
  })

  it('is called again once the answer is older than its kind lets it be', async () => {
    const world = cached()
    await runs(world, await world.submit())
    await world.pass(TTL_MS)
    await runs(world, await world.submit())
    expect(world.model.calls).toHaveLength(2)
  })

  it.each([
    { what: 'another owner', request: { owner: 'bob' } },
    { what: 'another prompt', request: { input: { name: 'Ada' } } },
  ])('is called for $what', async ({ request }) => {
    const world = cached()
    await runs(world, await world.submit())
    await runs(world, await world.submit('step', request))
    expect(world.model.calls).toHaveLength(2)
  })

  it.each([
    { what: 'model', of: { model: 'model-b' } },
    { what: 'temperature', of: { temperature: 1 } },
    { what: 'system prompt', of: { system: 'Be brief.' } },
    { what: 'longest answer', of: { maxOutputTokens: 51 } },
  ])('is called where its $what is another', async ({ of }) => {
    const world = cached({ kinds: { reply: { tier: 'medium', cache, ...of } } })
    await runs(world, await world.submit())
    await runs(world, await world.submit('reply'))
    expect(world.model.calls).toHaveLength(2)
  })

  it('shares with another kind that asks the same', async () => {
    const world = cached({ kinds: { reply: { cache } } })
    await runs(world, await world.submit())
    await runs(world, await world.submit('reply'))
    expect(world.model.calls).toHaveLength(1)
  })

  it('is called anew where a new draft was asked for', async () => {
    const world = cached()
    await runs(world, await world.submit())
    world.wakes = false
    await world.pass(90_000)
    const id = await world.submit()
    const [record] = world.liveOf(id) as [Queued]
    world.tables.commit([{ table: 'live', put: { ...liveKey(record.key), ...record, generation: 2 } as never }])
    await runs(world, id)
    expect(world.end(id)).not.toHaveProperty('cached')
    expect(calls(world)).toContain(id)
  })
})

describe('what is no whole answer', () => {
  it.each([
    { what: 'one that was cut', reply: cut() },
    { what: 'an empty one', reply: text('') },
    { what: 'a refusal', reply: refusal() },
    { what: 'an error', reply: providerError(400) },
  ])('is kept for nobody: $what', async ({ reply }) => {
    const world = cached()
    world.model.script = () => reply
    await runs(world, await world.submit())
    world.model.script = () => text()
    const again = await world.submit()
    await runs(world, again)
    expect(calls(world)).toContain(again)
    expect(world.end(again)).toMatchObject({ outcome: 'succeeded', result: 'Dear Grace, thank you.' })
  })

  it('is none: a kind without a cache keeps none and takes none', async () => {
    const world = cached({ kinds: { reply: { tier: 'medium' } } })
    await runs(world, await world.submit('reply'), await world.submit('reply'))
    expect(world.model.calls).toHaveLength(2)
    await runs(world, await world.submit('step'))
    expect(world.model.calls).toHaveLength(3)
  })
})

describe('where the one that is called comes to nothing, the next that asks the same', () => {
  it('calls once its lease is over, if its worker died', async () => {
    const world = cached()
    world.model.script = (_, nth, call) => (nth === 1 && call === world.model.calls[0] ? 'dies' : text())
    const ids = await world.submitMany(3)
    await runs(world, ...ids)
    expect(ids.map((id) => world.end(id)?.outcome)).toEqual(ids.map(() => 'succeeded'))
    expect(world.model.calls).toHaveLength(2)
  })

  it('calls at its next look, if it failed', async () => {
    const world = cached()
    world.model.script = (_, __, call) => (call === world.model.calls[0] ? providerError(400) : text())
    const ids = await world.submitMany(3)
    await runs(world, ...ids)
    expect(ids.map((id) => world.end(id)?.outcome).sort()).toEqual(['failed', 'succeeded', 'succeeded'])
    expect(world.model.calls).toHaveLength(2)
  })

  it('calls for itself where what names it does not parse', async () => {
    const world = cached()
    await runs(world, await world.submit())
    const [leader] = [...world.tables.all()].filter(({ put }) => put.sk === leaderKey('').sk)
    world.tables.commit([{ table: 'jobs', put: { ...leader?.put, v: 9 } as never }])
    const again = await world.submit()
    await runs(world, again)
    expect(world.end(again)).toMatchObject({ outcome: 'succeeded', attempts: 1 })
    expect(world.counted('Unreadable')).toBeGreaterThan(0)
  })

  it('calls where its content was erased', async () => {
    const world = cached()
    const first = await world.submit()
    await runs(world, first)
    world.tables.commit([{ table: 'jobs', delete: inputKey(first) }])
    const again = await world.submit()
    await runs(world, again)
    expect(calls(world)).toEqual([first, again])
  })
})

/** Nobody dispatches: a worker with a job's message, and a record that names who leads those that ask the same. */
async function workWith(named: Partial<Leader>, leaseMs?: number): Promise<World> {
  const world = new World({ kinds: { step: { cache } } })
  world.wakes = false
  const { step } = world.api.settings.kinds
  const jobId = await world.submit('step', { idempotencyKey: 'one' })
  const [record] = world.liveOf(jobId) as [Queued]
  const pool = world.api.settings.pools['main'] as PoolSettings
  const asked = askedOf(record, step as KindSettings, { pool, model: 'model-a' }, INPUT)
  const { key } = record
  const times = { at: world.now(), expiresAt: world.now() + TTL_MS }
  const leader: Leader = { v: 1, cacheKey: cacheKeyOf('ada', asked), jobId, fence: 1, key, ...times, ...named }
  world.tables.commit([{ table: 'jobs', put: leaderItem(leader) }])
  if (leaseMs !== undefined) {
    const leaseUntil = world.now() + leaseMs
    const other = { ...record, key: leader.key, state: 'running' as const, fence: leader.fence, nonce: 'n', leaseUntil }
    world.tables.commit([{ table: 'live', put: liveItem(other) }])
  }
  const slot = world.now() + 300
  await world.clock.during(
    work(world.api, { pool: 'main', sentAt: world.now(), jobs: [{ key, fence: 0, slot, notAfter: slot + 250 }] }),
  )
  return world
}
const INPUT = { name: 'Grace' }
const leaderIn = (world: World) => [...world.tables.all()].find(({ put }) => put.sk === 'leader')?.put

describe('a worker that finds named as the one who calls', () => {
  const another = { jobId: 'another', key: { lane: 'main#medium#ada', at: START, jobId: 'another' } }

  it('its own job under a later claim is stale: it calls nobody and leaves that one named', async () => {
    const world = await workWith({ fence: 2 })
    expect(world.model.calls).toEqual([])
    expect(leaderIn(world)).toMatchObject({ fence: 2 })
  })

  it('its own job under an earlier claim calls', async () => {
    const world = await workWith({ fence: 0 })
    expect(world.model.calls).toHaveLength(1)
    expect(leaderIn(world)).toMatchObject({ fence: 1 })
  })

  it('a job of before, whose key was used anew for its own, calls', async () => {
    const world = await workWith({ fence: 9, key: { ...another.key, at: START - 1 } })
    expect(world.model.calls).toHaveLength(1)
  })

  it('another job whose lease is good waits', async () => {
    const world = await workWith(another, 5_000)
    expect(world.model.calls).toEqual([])
    expect(world.live().find((r) => r.state === 'queued')).toMatchObject({ awaits: true, attempt: 0, throttles: 0 })
  })

  it('another job whose lease is over calls, though nobody has found that one yet', async () => {
    const world = await workWith(another, -1)
    expect(world.model.calls).toHaveLength(1)
    expect(leaderIn(world)).not.toMatchObject({ jobId: 'another' })
  })
})

describe('a draft of the cache', () => {
  const drafted = async (world: World): Promise<string> => {
    const id = await world.submit('intro')
    await world.until(() => world.liveOf(id)[0]?.state === 'in-review', 60_000)
    return id
  }
  const decided = (world: World, id: string, decision: 'approved' | 'rejected') =>
    decide(world.api, ADMIN, id, { decision, version: 1 })

  it('waits for a person like any other, and its release still says whose it is', async () => {
    const world = cached()
    const first = await drafted(world)
    const again = await drafted(world)
    expect(calls(world)).toEqual([first])
    expect(await getJob(world.api, aCaller(), again)).toMatchObject({ job: { draft: { cached: { jobId: first } } } })
    expect(await decided(world, again, 'approved')).toMatchObject({ ok: true })
    expect(world.end(again)).toMatchObject({ result: 'Dear Grace, thank you.', cached: { jobId: first } })
  })

  it('is taken of one that was approved', async () => {
    const world = cached()
    const first = await drafted(world)
    await decided(world, first, 'approved')
    await drafted(world)
    expect(calls(world)).toEqual([first])
  })

  it('is not what a person has rejected', async () => {
    const world = cached()
    const first = await drafted(world)
    await decided(world, first, 'rejected')
    const again = await drafted(world)
    expect(calls(world)).toEqual([first, again])
  })
})

describe('a call that the cache saves', () => {
  it('takes nothing off the limit: another goes in the same window', async () => {
    const world = cached({ pool: { requests: 3, windowMs: 60_000, pacing: 'burst' } })
    await runs(world, await world.submit())
    const ids = await world.submitMany(20)
    await runs(world, ...ids)
    expect(world.now() - (world.model.calls[0]?.at as number)).toBeLessThan(15_000)
    const others = [await world.submit('nudge'), await world.submit('nudge')]
    await world.pass(5_000)
    expect(calls(world).slice(1).sort()).toEqual(others.sort())
  })

  it('takes nothing off it while it waits for the answer', async () => {
    const world = cached({ pool: { requests: 3, windowMs: 60_000, pacing: 'burst' } })
    world.model.script = () => text('done', 20_000)
    const [first] = await world.submitMany(6)
    await world.pass(8_000)
    const others = [await world.submit('nudge'), await world.submit('nudge')]
    await world.pass(5_000)
    expect(calls(world).slice(1).sort()).toEqual(others.sort())
    expect(calls(world)).toContain(first)
  })

  it('is given back at once, however long its neighbours are called', async () => {
    const world = cached({ pool: { concurrency: 3, pacing: 'burst' } })
    await runs(world, await world.submit())
    world.model.script = () => text('done', 30_000)
    const ids = [await world.submit('nudge'), await world.submit(), await world.submit('nudge')]
    await world.until(() => world.model.calls.length === 3, 5_000)
    expect(
      world.messages
        .at(-1)
        ?.jobs.map((j) => j.key.jobId)
        .sort(),
    ).toEqual(ids.sort())
    await world.submit('nudge')
    await world.pass(5_000)
    expect(world.model.calls).toHaveLength(4)
  })

  it('costs its owner no turn: with it, both owners of a tier are called as often', async () => {
    const world = cached({ pool: { requests: 60, windowMs: 60_000 } })
    await runs(world, await world.submit())
    await world.submitMany(20)
    const owners = ['ada', 'bob']
    for (const owner of owners)
      for (let n = 0; n < 20; n++) await world.submit('step', { owner, input: { name: `lead ${n}` } })
    const ownerOf = (id: string) => world.parts(id)?.input.owner
    await world.pass(20_000)
    const [ada, bob] = owners.map((owner) => calls(world).filter((id) => ownerOf(id) === owner).length)
    expect(Math.abs((ada as number) - (bob as number))).toBeLessThanOrEqual(3)
  })

  it('takes no time of an even pace either', async () => {
    const world = cached({ pool: { requests: 6, windowMs: 60_000 } })
    await runs(world, await world.submit())
    const from = world.now()
    const ids = await world.submitMany(12)
    await runs(world, ...ids)
    expect(world.now() - from).toBeLessThan(60_000)
  })

  it('says nothing of a provider that has stopped the pool', async () => {
    const world = cached()
    await runs(world, await world.submit())
    world.model.script = () => badKey()
    await world.submit('nudge')
    await world.until(() => world.model.calls.length === 2, 60_000)
    await world.pass(1_000)
    const again = await world.submit('step')
    await runs(world, again)
    expect(world.end(again)).toHaveProperty('cached')
    await world.pass(5_000)
    expect(await world.api.capacity.stopped({ pool: 'main' })).toBeDefined()
  })

  it('is counted: hits, calls, waits, tokens, and in the picture of the pool', async () => {
    const world = cached()
    await runs(world, await world.submit())
    await runs(world, await world.submit(), await world.submit('nudge'))
    const of = (name: string) => world.counts.filter((c) => c.name === name).map((c) => [c.value, c.dimensions])
    const step = { pool: 'main', kind: 'step' }
    expect(of('CacheMisses')).toEqual([[1, step]])
    expect(of('CacheHits')).toEqual([[1, step]])
    expect(of('TokensSaved')).toEqual([[30, step]])
    await world.pass(2_000)
    expect(await world.api.capacity.overview({ pool: 'main' })).toMatchObject({ saved: 1 })
  })
})
