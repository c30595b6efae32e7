/** A pool of 300 in any 6 s that always has work, and a provider that does not always allow as much. */
import { describe, expect, it } from 'vitest'
import { ledgerKey } from '../../adapters/keys.ts'
import { getJob } from '../../services/get-job.ts'
import { askPermit } from '../../services/permits/ask.ts'
import { pool, resume } from '../../services/pools.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { providerError, rateLimited, text } from '../support/fake-model.ts'
import { LimitedProvider } from '../support/limited-provider.ts'
import { World } from '../support/world.ts'

const WINDOW_MS = 6_000
const GUARD = { refusalMs: 100, skewMs: 0, networkMs: 50 }

async function atWork(p: { jobs?: number; pool?: object; step?: object; provider?: LimitedProvider } = {}) {
  const provider = p.provider ?? new LimitedProvider(WINDOW_MS)
  const pool = { requests: 300, windowMs: WINDOW_MS, guard: GUARD, ...p.pool }
  const world = new World({ pool, kinds: { step: { ...p.step } } })
  world.model.script = provider.script
  const ids = await world.submitMany(p.jobs ?? 4_000)
  await world.pass(12_000)
  return { world, provider, ids }
}
const between = (moments: readonly number[], from: number, to: number) =>
  moments.filter((at) => at >= from && at < to).length
const poolOf = async (world: World) => {
  const seen = await pool(world.api, aCaller(), 'main')
  if (!seen.ok) throw new Error(seen.detail)
  return seen.pool
}

/** From 15 s after a change on: what was used of what was there, and refused. */
async function settled({ world, provider }: Awaited<ReturnType<typeof atWork>>, available: number) {
  await world.pass(15_000)
  const from = world.now()
  await world.pass(2 * WINDOW_MS)
  const used = between(provider.admittedAt, from, world.now())
  return { used: used / (2 * available), refused: between(provider.refusedAt, from, world.now()) / used }
}

describe('a provider that lowers its limit to half', () => {
  it('is followed within seconds, and to the full when it raises it again', async () => {
    const run = await atWork()
    run.provider.limit = 150
    const low = await settled(run, 150)
    expect(low.used).toBeGreaterThan(0.9)
    expect(low.refused).toBeLessThanOrEqual(0.01)
    expect(await poolOf(run.world)).toMatchObject({
      limits: { window: { requests: 300 } },
      allowed: { requests: { limit: 150, why: 'stated', since: expect.any(String) } },
      breaker: { state: 'closed' },
    })
    run.provider.limit = 300
    const high = await settled(run, 300)
    expect(high.used).toBeGreaterThan(0.9)
    expect(high.refused).toBe(0)
    const { admittedAt, refusedAt } = run.provider
    expect(refusedAt.length).toBeLessThanOrEqual(0.01 * admittedAt.length)
  })

  it('refuses one call of a message: those behind it are given back unsent, and cost no attempt', async () => {
    const { world, provider } = await atWork()
    provider.limit = 150
    const calls = world.model.calls.length
    await world.until(() => provider.refusedAt.length > 0)
    await world.pass(2_000)
    // A few messages are out in the same moment.
    expect(provider.refusedAt.length).toBeLessThanOrEqual(6)
    expect(world.model.calls.length - calls).toBeLessThanOrEqual(10)
    expect(world.live().every((r) => r.attempt === 0 && r.crashes === 0)).toBe(true)
  })

  it('without a word is found out by its refusals, and to the full again in time', async () => {
    const provider = new LimitedProvider(WINDOW_MS)
    provider.tells = false
    const run = await atWork({ provider, jobs: 7_500 })
    provider.limit = 150
    await run.world.pass(45_000)
    const low = await settled(run, 150)
    expect(low.used).toBeGreaterThan(0.8)
    expect(low.refused).toBeLessThan(0.05)
    expect((await poolOf(run.world)).allowed).toMatchObject({ requests: { why: 'learned' } })
    provider.limit = 300
    await run.world.pass(60_000)
    expect((await settled(run, 300)).used).toBeGreaterThan(0.95)
  })

  it('is known to the next holder', async () => {
    const { world, provider } = await atWork()
    provider.limit = 150
    await world.pass(15_000)
    expect(world.tables.get('capacity', ledgerKey('main'))).toMatchObject({ feedback: { requests: { limit: 150 } } })
  })
})

describe('people who share a pool', () => {
  const people = { reserve: 0.1, max: 0.5, perPerson: { open: 100, calls: 9_999 } }
  const asks = async ({ world, provider }: Awaited<ReturnType<typeof atWork>>, who: string, called: number[]) => {
    const request = { inputTokens: 1, maxOutputTokens: 1, useWithinMs: 4_000, lastsMs: 5_000, waitS: 25 }
    const answer = await askPermit(world.api, aCaller(who, { scopes: ['capacity:use'] }), 'main', request)
    if (!answer.ok || answer.permit.state !== 'granted') return
    await world.clock.until(world.now() + 500)
    called.push(world.now())
    provider.call(world.now())
  }

  it('get their part of what is allowed at present, and are no strangers', async () => {
    const run = await atWork({ pool: { people } })
    const { world, provider } = run
    provider.limit = 100
    const called: number[] = []
    for (let ms = 0; ms < 6 * WINDOW_MS; ms += 40)
      void world.clock.until(world.now() + ms).then(() => asks(run, `p${(ms / 40) % 5}`, called))
    const { used, refused } = await settled(run, 100)
    expect(used).toBeGreaterThan(0.85)
    expect(refused).toBeLessThanOrEqual(0.02)
    const theirs = between(called, world.now() - 2 * WINDOW_MS, world.now())
    expect(theirs).toBeGreaterThan(60)
    expect(theirs).toBeLessThanOrEqual(100)
    expect(await poolOf(world)).toMatchObject({ allowed: { requests: { limit: 100, why: 'stated' } } })
    expect(await poolOf(world)).not.toHaveProperty('strangers')
  })
})

describe('another user of the quota', () => {
  it('who takes a third is told from us, left its part, and named', async () => {
    const run = await atWork()
    run.provider.others = 100
    const shared = await settled(run, 200)
    expect(shared.used).toBeGreaterThan(0.9)
    expect(shared.refused).toBeLessThanOrEqual(0.01)
    const { strangers, allowed } = await poolOf(run.world)
    expect(allowed).toMatchObject({ requests: { why: 'others' } })
    expect(Math.abs((strangers?.perMinute.requests ?? 0) - 1_000)).toBeLessThan(60)
    expect(strangers?.sentence).toMatch(/^Another user takes about \d+ a minute\.$/)
    const last = await getJob(run.world.api, aCaller(), run.ids.at(-1) as string)
    expect(last).toMatchObject({
      job: { waiting: { reason: 'SLOWDOWN', sentence: expect.stringContaining('Another user takes about') } },
    })
    run.provider.others = 0
    expect((await settled(run, 300)).used).toBeGreaterThan(0.95)
    expect(await poolOf(run.world)).not.toHaveProperty('strangers')
  })

  it.each([
    { percent: 50, left: 150 },
    { percent: 90, left: 30 },
  ])('who takes $percent % leaves the rest', async ({ percent, left }) => {
    const run = await atWork()
    run.provider.others = 3 * percent
    const { used, refused } = await settled(run, left)
    expect(used).toBeGreaterThan(0.85)
    expect(refused).toBeLessThan(0.1)
  })

  it('who takes all leaves nothing but a few calls that ask, and what it leaves is used within seconds', async () => {
    const run = await atWork()
    run.provider.others = 330
    await run.world.pass(45_000)
    const from = run.world.now()
    await run.world.pass(30_000)
    expect(
      between(
        run.world.model.calls.map((c) => c.at),
        from,
        run.world.now(),
      ),
    ).toBeLessThan(100)
    run.provider.others = 0
    expect((await settled(run, 300)).used).toBeGreaterThan(0.95)
  })
})

describe('with feedback off', () => {
  it('nothing that the provider says lowers the limit', async () => {
    const run = await atWork({ pool: { feedback: false } })
    run.provider.limit = 150
    await run.world.pass(30_000)
    expect((await poolOf(run.world)).allowed).toEqual({})
    expect(run.provider.refusedAt.length).toBeGreaterThan(60)
  })
})

describe('headers of nonsense', () => {
  it.each([
    { limit: '0', remaining: '0' },
    { limit: '-5', remaining: '-5' },
    { limit: 'NaN', remaining: 'unlimited' },
    { limit: '100', remaining: '250' },
    { limit: '9'.repeat(60), remaining: '0' },
    { limit: '', remaining: '' },
  ])('like a limit of $limit and $remaining left change nothing', async ({ limit, remaining }) => {
    const provider = new LimitedProvider(WINDOW_MS)
    provider.tells = false
    provider.says = { 'x-ratelimit-limit-requests': limit, 'x-ratelimit-remaining-requests': remaining }
    const run = await atWork({ provider, jobs: 1_500 })
    expect(between(provider.admittedAt, run.world.now() - WINDOW_MS, run.world.now())).toBeGreaterThan(290)
    expect(provider.refusedAt).toEqual([])
  })

  it('like a stored one do not keep the next holder from the ledger', async () => {
    const { world, ids } = await atWork({ jobs: 900 })
    const ledger = world.tables.get('capacity', ledgerKey('main'))
    world.tables.commit([
      { table: 'capacity', put: { ...ledger, state: 'free', feedback: { requests: 'much' }, ...ledgerKey('main') } },
    ])
    await world.pass(70_000)
    void world.dispatch()
    await world.ended(ids, 60_000)
  })
})

it('a worker whose clock leaps an hour ahead as it is refused keeps nobody quiet for an hour', async () => {
  const world = new World({ pool: { requests: 600 } })
  world.start()
  const { clock } = world.api
  let leapt = 0
  const deps = world.process()
  const leaping = {
    now: () => clock.now() + leapt,
    until: (at: number, signal?: AbortSignal) => clock.until(at, signal),
  }
  world.worker = (n) => (n === 1 ? { ...deps, clock: leaping } : deps)
  world.model.script = () => {
    if (world.model.calls.length > 1) return text()
    leapt = 3_600_000
    return rateLimited(1_000)
  }
  const ids = await world.submitMany(20)
  await world.ended(ids.slice(10), 400_000)
})

describe('a provider that is down for two minutes', () => {
  async function outage(jobs: number, p: { attempts?: number } = {}) {
    const provider = new LimitedProvider()
    const kind = p.attempts === undefined ? {} : { attempts: p.attempts }
    const world = new World({ pool: { requests: 300 }, kinds: { step: kind } })
    world.model.script = provider.script
    const ids = await world.submitMany(jobs)
    await world.pass(5_000)
    provider.down = true
    await world.pass(120_000)
    const downFor = world.model.calls.length
    return { world, provider, ids, downFor }
  }

  it('has its breaker opened soon, and is asked by single calls alone', async () => {
    const { world, provider, ids } = await outage(900)
    const calls = world.model.calls.map((c) => c.at)
    expect(between(calls, world.now() - 110_000, world.now())).toBeLessThan(20)
    expect(await poolOf(world)).toMatchObject({
      breaker: { state: 'open', line: expect.stringContaining('overloaded'), probeAt: expect.any(String) },
    })
    expect(await getJob(world.api, aCaller(), ids.at(-1) as string)).toMatchObject({
      job: { waiting: { reason: 'CIRCUIT_OPEN' } },
    })
    provider.down = false
    await world.pass(20_000)
    expect((await poolOf(world)).breaker).toEqual({ state: 'closed' })
    expect(await world.api.capacity.stopped({ pool: 'main' })).toBeUndefined()
  })

  it('is not taken for well since a job ends from the cache', async () => {
    const { world, provider, ids } = await atWork({ jobs: 1, step: { cache: { ttlMs: 600_000 } } })
    provider.down = true
    await world.submitMany(40, 'nudge')
    await world.pass(15_000)
    expect((await poolOf(world)).breaker.state).toBe('open')
    const again = await world.submit('step')
    await world.ended([again], 60_000)
    expect(await getJob(world.api, aCaller(), again)).toMatchObject({ job: { cached: { jobId: ids[0] } } })
    await world.pass(300)
    expect((await poolOf(world)).breaker.state).toBe('open')
  })

  it('is not taken for well since a call is answered that may have arrived before the last failure', async () => {
    const { world } = await atWork({ jobs: 1 })
    let asked = 0
    // One more than a message holds: permitted soon after those whose failures are heard of first.
    world.model.script = () => (++asked === 11 ? { ...text(), afterMs: 500 } : providerError(503, 'overloaded'))
    await world.submitMany(40)
    await world.until(() => asked > 11)
    const states = new Set<string>()
    for (let ms = 400; ms < 1_500; ms += 100) {
      await world.pass(ms === 400 ? ms : 100)
      states.add((await poolOf(world)).breaker.state)
    }
    expect([...states]).toEqual(['open'])
  })

  it('is compared with the latest call that failed, not with the one whose failure took longest', async () => {
    const { world } = await atWork({ jobs: 1 })
    const failsAfter = (afterMs: number) => ({ ...providerError(503, 'overloaded'), afterMs })
    let asked = 0
    // The first fails last of five, and the tenth's slot is just a guard later than the first's.
    world.model.script = () => {
      asked++
      if (asked === 10) return { ...text(), afterMs: 900 }
      return failsAfter(asked === 1 ? 600 : asked <= 5 ? 20 : 950)
    }
    await world.submitMany(40)
    await world.until(() => asked > 10)
    const states = new Set<string>()
    for (let ms = 0; ms < 1_000; ms += 100) {
      await world.pass(100)
      if (ms >= 700) states.add((await poolOf(world)).breaker.state)
    }
    expect([...states]).toEqual(['open'])
  })

  it('costs no job its end, and meets no storm when it returns', async () => {
    const { world, provider, ids } = await outage(900)
    provider.down = false
    const back = world.now()
    await world.until(() => provider.admittedAt.some((at) => at > back))
    const first = provider.admittedAt.find((at) => at > back) as number
    await world.ended(ids, 400_000)
    expect(ids.map((id) => world.end(id)?.outcome)).toEqual(ids.map(() => 'succeeded'))
    expect(provider.refusedAt).toEqual([])
    // A second at the full pace is five calls; at first it is less than half of that.
    expect(between(provider.admittedAt, first, first + 2_000)).toBeLessThan(5)
    expect(between(provider.admittedAt, first + 12_000, first + 22_000)).toBeGreaterThan(45)
  })

  it('meets no storm when somebody resumes the pool', async () => {
    const { world } = await outage(900)
    world.model.script = () => providerError(500, 'broke')
    await world.pass(60_000)
    world.model.script = () => text()
    const from = world.model.calls.length
    await resume(world.api, ADMIN, 'main')
    await world.until(() => world.model.calls.length > from)
    await world.pass(2_000)
    expect(world.model.calls.length - from).toBeLessThan(5)
  })

  it('costs not even a job that is alone its end', async () => {
    const provider = new LimitedProvider()
    provider.down = true
    const world = new World({ kinds: { step: { attempts: 2 } } })
    world.model.script = provider.script
    const id = await world.submit()
    await world.pass(120_000)
    provider.down = false
    await world.ended([id], 60_000)
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded' })
  })

  it('is down for the next holder too', async () => {
    const { world, provider, ids } = await outage(100)
    const before = world.model.calls.length
    await world.pass(20 * 60_000)
    expect(world.holders.length).toBeGreaterThan(1)
    expect(world.model.calls.length - before).toBeLessThan(200)
    provider.down = false
    await world.ended(ids, 200_000)
  })

  it('does not hide a job that alone fails: it comes to its end while others are answered', async () => {
    const world = new World({ kinds: { step: { attempts: 4 } } })
    world.model.script = ({ jobId }) => (jobId === bad ? providerError(500, 'broke') : text())
    const bad = await world.submit()
    await world.submitMany(200)
    await world.ended([bad], 120_000)
    expect(world.end(bad)).toMatchObject({ outcome: 'failed', reason: 'attempts-used-up', attempts: 4 })
    expect(world.messages.flatMap((m) => m.jobs).some((j) => j.probe)).toBe(false)
  })
})

describe('a provider that is overloaded by more than ten at once', () => {
  it('is soon met by about as many, and by all again a minute after it has grown', async () => {
    const world = new World({ pool: { requests: 6_000 }, kinds: { step: { attempts: 20 } } })
    let atOnce = 10
    let running = 0
    const ends: number[] = []
    const met: { at: number; running: number }[] = []
    world.model.script = (_, __, { at }) => {
      running = ends.filter((end) => end > at).length
      met.push({ at, running })
      if (running >= atOnce) return providerError(529, 'overloaded')
      ends.push(at + 1_000)
      return text('done', 1_000)
    }
    await world.submitMany(6_000)
    await world.pass(40_000)
    const late = met.filter(({ at }) => at > world.now() - 10_000)
    expect(late.filter((m) => m.running >= 10).length / late.length).toBeLessThan(0.4)
    expect((await poolOf(world)).atOnce).toBeLessThan(25)
    atOnce = Infinity
    await world.pass(75_000)
    expect(await poolOf(world)).not.toHaveProperty('atOnce')
  })
})
