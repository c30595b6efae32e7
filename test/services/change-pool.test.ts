/** Settings that are changed while jobs run: what holds from when on, for whom, and what is refused. */
import { describe, expect, it } from 'vitest'
import { overridesKey } from '../../adapters/keys.ts'
import type { PoolPatch } from '../../core/overrides.ts'
import { changePool } from '../../services/change-pool.ts'
import { GOOD_FOR_MS } from '../../services/in-force.ts'
import { askPermit } from '../../services/permits/ask.ts'
import { pool, pools } from '../../services/pools.ts'
import { submit } from '../../services/submit.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { fullestWindow } from '../support/windows.ts'
import { asleep, START, World } from '../support/world.ts'
import type { WorldSettings } from '../support/world-settings.ts'

const WINDOW_MS = 10_000
const quick = { windowMs: WINDOW_MS, requests: 100 } as const
const LONG = { inputTokens: 1, maxOutputTokens: 1, useWithinMs: 100, lastsMs: 60_000, waitS: 0 }
const callTimes = (world: World) => world.model.calls.map((c) => c.at)

async function seen(world: World) {
  const found = await pool(world.api, ADMIN, 'main')
  if (!found.ok) throw new Error(found.detail)
  return found
}
async function change(world: World, patch: PoolPatch) {
  const done = await changePool(world.api, ADMIN, 'main', { patch, ifMatch: (await seen(world)).etag })
  if (!done.ok) throw new Error(`${done.code}: ${done.detail}`)
  return done.pool
}
const refusal = (world: World, patch: PoolPatch, caller = ADMIN, ifMatch = '*') =>
  changePool(world.api, caller, 'main', { patch, ifMatch })

/** A backlog that lasts, under way for two windows. */
async function underWay(p: WorldSettings = {}): Promise<World> {
  const world = new World({ pool: quick, ...p })
  world.start()
  await world.submitMany(600)
  await world.pass(2 * WINDOW_MS)
  return world
}

describe('a limit that is lowered', () => {
  it('holds for every window in which anything was permitted since, by a holder that goes on', async () => {
    const world = await underWay()
    const holders = world.holders.length
    await change(world, { requests: 20 })
    const at = world.now()
    await world.pass(5 * WINDOW_MS)
    expect(world.holders).toHaveLength(holders)
    // What was leased in the tick before is under way for a second at most.
    const since = callTimes(world).filter((t) => t > at + 1_200)
    expect(since.length).toBeGreaterThan(60)
    for (const t of since)
      expect(callTimes(world).filter((u) => u > t - WINDOW_MS && u <= t).length).toBeLessThanOrEqual(20)
  })

  it('holds for the next holder, who reads it when it takes over', async () => {
    const world = new World({ pool: quick })
    await change(world, { requests: 20 })
    world.start()
    await world.submitMany(100)
    await world.pass(3 * WINDOW_MS)
    expect([19, 20]).toContain(fullestWindow(callTimes(world), WINDOW_MS))
  })

  it('is taken away by null, and the configuration’s holds again', async () => {
    const world = await underWay()
    await change(world, { requests: 20 })
    await world.pass(WINDOW_MS)
    await change(world, { requests: null })
    const at = world.now()
    await world.pass(2 * WINDOW_MS)
    const since = callTimes(world).filter((t) => t > at + WINDOW_MS)
    expect(since.length).toBeGreaterThanOrEqual(90)
    expect(fullestWindow(since, WINDOW_MS)).toBeLessThanOrEqual(100)
  })
})

describe('a limit that is raised', () => {
  it('is used at once, whatever the pace was', async () => {
    const world = new World({ pool: { windowMs: 60_000, requests: 1 } })
    world.start()
    await world.submitMany(50)
    await world.pass(5_000)
    expect(callTimes(world)).toHaveLength(1)
    await change(world, { requests: 1_200 })
    await world.pass(5_000)
    expect(callTimes(world)).toHaveLength(50)
  })

  it('lets a job pass the door that was larger than the pool, at the latest when the copy there is old', async () => {
    const world = asleep()
    const wide = new World({ pool: { ...quick, tokens: 60 } })
    wide.wakes = world.wakes
    const submitted = () => submit(wide.api, aCaller(), { kind: 'step', input: { name: 'x'.repeat(90) } })
    expect(await submitted()).toMatchObject({ code: 'larger-than-pool' })
    await change(wide, { tokens: 1_000 })
    await wide.pass(GOOD_FOR_MS)
    expect(await submitted()).toMatchObject({ ok: true })
  })
})

describe('a job that has become larger than its pool', () => {
  it('is failed uncalled, with the reason, and holds up none behind it: its worker knows what its permit was given by', async () => {
    const world = new World({ pool: { ...quick, tokens: 1_000 } })
    // Of its own, with a copy of the settings from before the next change.
    const worker = world.process(() => undefined)
    world.worker = () => worker
    await change(world, { tokens: 900 })
    world.start()
    await world.ended([await world.submit()])
    const large = await world.submit('step', { input: { name: 'x'.repeat(600) }, startAt: world.now() + 2_000 })
    const small = await world.submit('step', { startAt: world.now() + 2_001 })
    await change(world, { tokens: 100 })
    await world.ended([large, small], 60_000)
    expect(world.end(large)).toMatchObject({ outcome: 'failed', errors: [{ class: 'larger-than-pool' }] })
    expect(world.end(small)).toMatchObject({ outcome: 'succeeded' })
    expect(world.model.calls).toHaveLength(2)
  })

  it('is foreseen where no job of its kind could ever run: the change is refused and names the kind', async () => {
    const world = new World({ pool: { ...quick, tokens: 1_000 }, kinds: { step: { maxOutputTokens: 400 } } })
    const refused = await refusal(world, { tokens: 300 })
    expect(refused).toMatchObject({ code: 'larger-than-pool', detail: expect.stringContaining('step') })
    expect((await seen(world)).pool.settings['tokens']).toEqual({ value: 1_000, source: 'file' })
  })
})

describe('what a job costs', () => {
  it('is reckoned by the limits in force, by a holder that began under lower ones', async () => {
    const world = new World({ pool: { ...quick, pacing: 'burst', tokens: 1_000, accounting: 'total' } })
    await change(world, { tokens: 60 })
    world.start()
    await world.ended([await world.submit()])
    await change(world, { tokens: null })
    await world.pass(GOOD_FOR_MS)
    const from = world.model.calls.length
    // Some 250 tokens each.
    for (let n = 0; n < 10; n++) await world.submit('step', { input: { name: 'x'.repeat(600) } })
    await world.pass(WINDOW_MS / 2)
    expect(world.holders).toHaveLength(1)
    expect(world.model.calls.length - from).toBeLessThanOrEqual(4)
  })
})

describe('what else can be changed', () => {
  it('is how tiers share, from the next tick on', async () => {
    const world = new World({ pool: { ...quick, tiers: { high: 1, medium: 1, low: 1 } } })
    world.start()
    await world.submitMany(300, 'reply')
    await world.submitMany(300, 'nudge')
    await world.pass(WINDOW_MS)
    await change(world, { order: 'strict' })
    const from = world.model.calls.length
    await world.pass(WINDOW_MS)
    // The calls of a tick before it, at most.
    const low = world.model.calls.slice(from + 12).filter((c) => isLow(world, c))
    expect(low).toHaveLength(0)
  })

  it('is the pacing: what waited for its pace goes at once', async () => {
    const world = new World({ pool: { windowMs: 60_000, requests: 60 } })
    world.start()
    await world.submitMany(30)
    await world.pass(3_000)
    await change(world, { pacing: 'burst' })
    await world.pass(2_000)
    expect(callTimes(world)).toHaveLength(30)
  })

  it('is how many calls are in flight', async () => {
    const world = await underWay()
    await change(world, { concurrency: 1 })
    await world.pass(3_000)
    const { calls } = world.model
    const later = calls.filter(({ at }) => at > world.now() - 1_500)
    expect(later.length).toBeGreaterThan(0)
    expect(later.length).toBeLessThan(10)
  })
})
const isLow = (world: World, { jobId }: World['model']['calls'][number]) => world.parts(jobId)?.input.tier === 'low'

describe('a change', () => {
  it('is made by who read the settings last: of two at once one is told to look again', async () => {
    const world = new World()
    const { etag } = await seen(world)
    const both = await Promise.all(
      [7, 8].map((requests) => changePool(world.api, ADMIN, 'main', { patch: { requests }, ifMatch: etag })),
    )
    expect(both.map((b) => (b.ok ? 'ok' : b.code)).sort()).toEqual(['ok', 'settings-changed'])
    expect((await seen(world)).etag).not.toBe(etag)
  })

  it('has an ETag of the settings alone: use does not change it, a deployment does', async () => {
    const world = new World()
    const { etag } = await seen(world)
    world.start()
    await world.ended([await world.submit()])
    expect((await seen(world)).etag).toBe(etag)
    expect((await seen(new World({ pool: { requests: 299 } }))).etag).not.toBe(etag)
  })

  it('shows each setting’s value and source, by whom and when', async () => {
    const world = new World({ pool: { day: { requests: 900 } } })
    const shown = await change(world, { requests: 100, day: { requests: 500 } })
    const at = new Date(START).toISOString()
    expect(shown.settings).toMatchObject({
      requests: { value: 100, source: 'override', by: 'root', at },
      day: { value: { requests: 500, windowMs: 86_400_000 }, source: 'override', by: 'root', at },
      pacing: { value: 'even', source: 'file' },
    })
    expect(shown.limits).toEqual({ window: { requests: 100 }, day: { requests: 500 } })
    expect(await pools(world.api, ADMIN)).toMatchObject({ pools: [{ limits: shown.limits }] })
  })

  it.each([
    [{ tokens: 5 }, { code: 'invalid-request', at: 'tokens', detail: expect.stringContaining('deploy') }],
    [{ people: { max: 0.5 } }, { code: 'invalid-request', at: 'people' }],
  ] as const)('of %j is refused, and says which field and what to do', async (patch, problem) => {
    expect(await refusal(new World(), patch)).toMatchObject(problem)
  })

  it('is for administrators, of a pool there is, with an ETag', async () => {
    const world = new World()
    expect(await refusal(world, { requests: 1 }, aCaller())).toMatchObject({ code: 'scope-missing' })
    const other = await changePool(world.api, ADMIN, 'constructor', { patch: {}, ifMatch: '*' })
    expect(other).toMatchObject({ code: 'not-found' })
    const blind = await changePool(world.api, ADMIN, 'main', { patch: { requests: 1 }, ifMatch: undefined })
    expect(blind).toMatchObject({ code: 'if-match-needed' })
    expect(await refusal(world, { requests: 1 }, ADMIN, '"0-0"')).toMatchObject({ code: 'settings-changed' })
    expect((await seen(world)).pool.settings['requests']).toEqual({ value: 300, source: 'file' })
  })

  it('that today’s configuration does not allow is left out, said, metered, and gone with the next change', async () => {
    const world = new World()
    const fields = { requests: 100, tokens: 7 }
    const item = { ...overridesKey('main'), v: 1, version: 4, fields, changed: {} }
    world.tables.commit([{ table: 'capacity', put: item }])
    world.start()
    await world.ended([await world.submit()])
    const { pool: shown } = await seen(world)
    expect(shown.ignored).toEqual([expect.stringContaining('tokens')])
    expect(shown.settings).toMatchObject({ requests: { value: 100, source: 'override' } })
    expect(world.counted('SettingsIgnored')).toBeGreaterThan(0)
    expect(await change(world, { pacing: 'burst' })).not.toHaveProperty('ignored')
  })

  it('reaches nobody by a worker of a message that older code sent: the configuration’s settings are its own', async () => {
    const world = new World({ pool: quick })
    world.start()
    await world.ended([await world.submit()])
    expect(world.messages.every((m) => m.settings === undefined)).toBe(true)
    await change(world, { requests: 50 })
    await world.ended([await world.submit()])
    expect(world.messages.at(-1)?.settings).toBe(1)
  })
})

describe('a pool', () => {
  it('shows what of its window is reserved and what is used', async () => {
    const world = await underWay({ pool: { ...quick, tokens: 100_000 } })
    const { used, reserved, settled } = (await seen(world)).pool
    expect(reserved?.requests).toBeGreaterThan(0)
    expect((reserved?.tokens ?? 0) + (settled?.tokens ?? 0)).toBe(used.window.tokens)
  })

  it('shows among what is reserved what people’s calls have that are under way', async () => {
    const world = new World({ pool: { ...quick, people: { perPerson: { open: 9, calls: 99 } } } })
    void world.dispatch()
    await world.pass(WINDOW_MS)
    const ask = () => askPermit(world.api, aCaller('pat', { scopes: ['capacity:use'] }), 'main', LONG)
    for (let i = 0; i < 5; i++) expect(await ask()).toMatchObject({ permit: { state: 'granted' } })
    await world.pass(1_500)
    expect((await seen(world)).pool).toMatchObject({ reserved: { requests: 5 }, settled: { requests: 0 } })
  })
})
