import { describe, expect, it } from 'vitest'
import { ledgerKey } from '../../adapters/keys.ts'
import type { LiveKey } from '../../core/job.ts'
import { CLOCK_OFF_AT_MOST_MS, claimGoodUntil } from '../../core/lease.ts'
import { changePool } from '../../services/change-pool.ts'
import { getJob } from '../../services/get-job.ts'
import { pool } from '../../services/pools.ts'
import type { CapacityStore } from '../../services/ports.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { rateLimited, text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'

describe('a dispatcher whose clock turns out not to be the database’s', () => {
  /** Ten jobs in, a clock that is off: the schedule goes on starting dispatchers. */
  async function turnedOff() {
    const world = new World()
    let offMs = 0
    const deps = world.process()
    const acquire: CapacityStore['acquire'] = async (p) =>
      offMs > CLOCK_OFF_AT_MOST_MS ? { kind: 'clock-off' } : deps.capacity.acquire(p)
    world.dispatcher = () => ({ ...deps, capacity: { ...deps.capacity, acquire, clockOffMs: () => offMs } })
    world.start()
    await world.submitMany(20)
    await world.pass(2_000)
    const before = world.tables.get('capacity', ledgerKey('main'))?.['ledger']
    offMs = CLOCK_OFF_AT_MOST_MS + 1
    await world.pass(5_000)
    return { world, before, mend: () => void (offMs = 0) }
  }

  it('lets go of the pool, sends nothing more, and leaves the ledger as it was', async () => {
    const { world, before } = await turnedOff()
    expect(world.runs[0]?.end).toBe('clock-off')
    expect(world.tables.get('capacity', ledgerKey('main'))).toMatchObject({ state: 'free', ledger: before })
    const sent = world.messages.length
    await world.pass(180_000)
    expect(world.messages).toHaveLength(sent)
    expect(world.counted('ClockOff')).toBeGreaterThanOrEqual(3)
  })

  it('says so to whoever asks why a job waits', async () => {
    const { world } = await turnedOff()
    const [waits] = world.live().filter((r) => r.state === 'queued')
    const found = await getJob(world.api, aCaller(), waits?.key.jobId as string)
    expect(found).toMatchObject({ job: { waiting: { reason: 'CLOCK_OFF' } } })
  })

  it('is followed within a minute by one whose clock is right', async () => {
    const { world, mend } = await turnedOff()
    mend()
    await world.until(() => world.live().length === 0, 66_000)
  })
})

describe('a pool whose last holder had a clock an hour ahead', () => {
  it('goes on within a window, says so, and stays within its limit', async () => {
    const world = new World()
    const held = await world.api.capacity.acquire({ pool: 'main', holder: 'ahead', now: world.now(), leaseMs: 0 })
    if (held.kind !== 'held') throw new Error('it is free')
    const ahead = world.now() + 3_600_000
    const record = { ...held.record, version: 2, state: 'free' as const, next: ahead, lastSlot: ahead }
    await world.api.capacity.write({ pool: 'main', record })
    const ids = await world.submitMany(20)
    await world.ended(ids, 61_000)
  })

  it('goes on as soon as the clock jumps back under its holder, which hands over', async () => {
    const world = new World()
    const deps = world.process()
    let jumpMs = 3_600_000
    const until = (at: number, signal?: AbortSignal) => world.clock.until(at - jumpMs, signal)
    world.dispatcher = () => ({ ...deps, clock: { now: () => world.now() + jumpMs, until } })
    void world.dispatch('main', world.now() + jumpMs + 800_000)
    await world.submitMany(5)
    await world.pass(2_000)
    jumpMs = 0
    const ids = await world.submitMany(5)
    await world.ended(ids, 62_000)
    expect(world.holders.map((run) => run.end)).toEqual(['handed-over', undefined])
    expect(world.counted('SlotsAhead')).toBe(1)
  })
})

describe('a pool whose holder’s clock leaps ahead and back within one tick', () => {
  it.each([
    ['an hour', 3_600_000],
    ['less than a look at the bells may be old', 4_000],
  ])('by %s is handed over, and the jobs of that tick are called soon', async (_, byMs) => {
    const world = new World()
    const deps = world.process()
    let [jumpMs, leaps] = [0, 1]
    const until = (at: number, signal?: AbortSignal) => world.clock.until(at - jumpMs, signal)
    const leap = () => void (jumpMs = leaps-- > 0 ? byMs : 0)
    const leapingOnce = {
      rings: { ...deps.rings, note: async (p) => deps.rings.note(p).then(leap) },
      capacity: { ...deps.capacity, write: (p) => deps.capacity.write(p).finally(() => void (jumpMs = 0)) },
    } satisfies Partial<typeof deps>
    const clock = { now: () => world.now() + jumpMs, until }
    world.dispatcher = (n) => (n === 1 ? { ...deps, ...leapingOnce, clock } : deps)
    void world.dispatch('main', world.now() + 800_000)
    await world.ended(await world.submitMany(5), 62_000)
    expect(world.holders.map((run) => run.end)).toEqual(['handed-over', undefined])
  })
})

it('a clock that leaps and comes back while changed settings are taken in puts off no look at what was sent', async () => {
  const world = new World()
  const deps = world.process()
  let [jumpMs, leapsBy] = [0, 0]
  const until = (at: number, signal?: AbortSignal) => world.clock.until(at - jumpMs, signal)
  const leaping = {
    rings: { ...deps.rings, keep: (p) => deps.rings.keep(p).finally(() => void (jumpMs = 0)) },
    capacity: { ...deps.capacity, overrides: (p) => deps.capacity.overrides(p).finally(() => void (jumpMs = leapsBy)) },
  } satisfies Partial<typeof deps>
  world.dispatcher = (n) =>
    n === 1 ? { ...deps, ...leaping, clock: { now: () => world.now() + jumpMs, until } } : deps
  // The second message is lost: only a look at the table tells of it.
  world.delivery = (n) => (n === 2 ? [] : [20])
  void world.dispatch('main', world.now() + 800_000)
  await world.ended([await world.submit()], 62_000)
  leapsBy = 3_600_000
  const seen = await pool(world.api, ADMIN, 'main')
  if (!seen.ok) throw new Error(seen.code)
  await changePool(world.api, ADMIN, 'main', { patch: { order: 'strict' }, ifMatch: seen.etag })
  await world.pass(1_000)
  await world.ended([await world.submit()], 120_000)
})

describe('what a clock an hour ahead has left behind', () => {
  const ahead = 3_600_000

  it.each([
    { where: 'behind its last slot', slots: true },
    { where: 'where it gave workers time to catch up', slots: false },
  ])('as pacing $where does not hold up a job that comes after an idle start', async ({ slots }) => {
    const world = new World()
    const held = await world.api.capacity.acquire({ pool: 'main', holder: 'ahead', now: world.now(), leaseMs: 0 })
    if (held.kind !== 'held') throw new Error('it is free')
    const at = world.now() + ahead
    const record = { ...held.record, version: 2, state: 'free' as const, next: at, lastSlot: slots ? at : world.now() }
    await world.api.capacity.write({ pool: 'main', record })
    void world.dispatch()
    await world.pass(30_000)
    expect(world.runs.map((run) => run.end)).toEqual(['idle'])
    await world.ended([await world.submit()], 61_000)
  })

  it('as a lease of the pool is not waited for', async () => {
    const world = new World()
    world.start()
    await world.pass(30_000)
    await world.api.capacity.acquire({ pool: 'main', holder: 'dead', now: world.now() + ahead, leaseMs: 30_000 })
    await world.ended([await world.submit()], 61_000)
  })

  it('as a claim of a job is not waited for, nor taken away from a worker that is at work', async () => {
    const world = new World()
    const id = await world.submit()
    const key = world.liveOf(id)[0]?.key as LiveKey
    const claim = { key, nonce: 'one', now: world.now() }
    const goodAtMost = claimGoodUntil(world.now())
    expect((await world.api.jobs.claim({ ...claim, fence: 0, leaseUntil: goodAtMost })).kind).toBe('claimed')
    const again = { ...claim, nonce: 'two', fence: 1, leaseUntil: world.now() + ahead }
    expect((await world.api.jobs.claim(again)).kind).toBe('refused')
    expect((await world.api.jobs.claim({ ...again, now: world.now() - 1 })).kind).toBe('claimed')
    await world.ended([id], 120_000)
  })
})

describe('a takeover whose request for the lease took ten seconds', () => {
  it('takes nothing that was stamped meanwhile for the future', async () => {
    const world = new World()
    const deps = world.process()
    const acquire: CapacityStore['acquire'] = async (p) => {
      await world.clock.until(world.now() + 10_000)
      return deps.capacity.acquire(p)
    }
    world.dispatcher = (n) => (n === 1 ? deps : { ...deps, capacity: { ...deps.capacity, acquire } })
    void world.dispatch('main', world.now() + 9_000)
    void world.dispatch()
    await world.submitMany(40)
    await world.pass(15_000)
    expect(world.holders.length).toBeGreaterThan(1)
    expect(world.counted('SlotsAhead')).toBe(0)
  })
})

describe('the quiet that a provider asked for', () => {
  it('is kept by the next holder', async () => {
    const world = new World()
    const quietUntil = world.now() + 40_000
    world.model.script = (_, __, { at }) => (at < quietUntil ? rateLimited(quietUntil - at) : text())
    const ids = await world.submitMany(3)
    void world.dispatch('main', world.now() + 2_000)
    await world.pass(3_000)
    const calls = world.model.calls.length
    expect(world.runs.length).toBeGreaterThan(1)
    await world.pass(35_000)
    expect(world.model.calls).toHaveLength(calls)
    await world.ended(ids, 20_000)
  })
})
