/** What one owner may have of a pool: in a window, in a day, in flight; kept over dispatchers, and shown. */
import { describe, expect, it } from 'vitest'
import { ledgerKey } from '../../adapters/keys.ts'
import type { PoolSettings } from '../../core/settings.ts'
import { cancel } from '../../services/cancel.ts'
import { getJob } from '../../services/get-job.ts'
import { owner, owners } from '../../services/owners.ts'
import { submit } from '../../services/submit.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { text } from '../support/fake-model.ts'
import { fullestWindow } from '../support/windows.ts'
import { type Run, World } from '../support/world.ts'
import type { WorldSettings } from '../support/world-settings.ts'

const MINUTE = 60_000
const fast = { requests: 6_000, pacing: 'burst' } as const
const capped = (ownerCaps: NonNullable<WorldSettings['pool']>['ownerCaps'], more: WorldSettings = {}) =>
  new World({ ...more, pool: { ...fast, ownerCaps, ...more.pool } })

const callsOf = (world: World, name: string): number[] =>
  world.model.calls.filter(({ jobId }) => world.parts(jobId)?.input.owner === name).map(({ at }) => at)
const shown = async (world: World, id = 'ada') => {
  const seen = await owner(world.api, ADMIN, id)
  if (!seen.ok) throw new Error(seen.detail)
  return seen.owner.pools[0]
}
const waitsFor = async (world: World, id: string) => {
  const found = await getJob(world.api, ADMIN, id)
  return found.ok ? found.job.waiting : undefined
}
/** The dispatcher dies, and its lease runs out. */
async function dies(world: World): Promise<void> {
  const record = world.tables.get('capacity', ledgerKey('main'))
  const run = world.holders.at(-1) as Run
  const over = { ...record, ...ledgerKey('main'), until: 0, version: Number(record?.['version']) + 1 }
  world.tables.commit([{ table: 'capacity', put: over }])
  await world.until(() => run.end !== undefined)
  expect(['lost', 'idle']).toContain(run.end)
  void world.dispatch()
}

describe('a cap on calls', () => {
  it('holds in every window, and nobody else waits for it', async () => {
    const world = capped({ requests: 5 })
    const mine = await world.submitMany(12)
    const others = await world.submitMany(30, 'step', { owner: 'bob' })
    await world.pass(10_000)
    expect(callsOf(world, 'ada')).toHaveLength(5)
    expect(callsOf(world, 'bob')).toHaveLength(5)
    await world.ended([...mine, ...others], 7 * MINUTE)
    for (const name of ['ada', 'bob']) expect(fullestWindow(callsOf(world, name), MINUTE)).toBe(5)
  })

  it('of an owner alone stands in the place of the pool’s, and an empty one lifts it', async () => {
    const owners = { bob: { caps: { main: { requests: 2 } } }, cy: { caps: { main: {} } } }
    const world = capped({ requests: 5 }, { owners })
    for (const name of ['ada', 'bob', 'cy']) await world.submitMany(9, 'step', { owner: name })
    await world.pass(10_000)
    expect(['ada', 'bob', 'cy'].map((name) => callsOf(world, name).length)).toEqual([5, 2, 9])
  })

  it('says why its jobs wait, and shows what was used of it', async () => {
    const world = capped({ requests: 5 })
    const ids = await world.submitMany(6)
    await world.pass(5_000)
    expect(await waitsFor(world, ids[5] as string)).toMatchObject({
      reason: 'OWNER_LIMIT',
      sentence: expect.stringContaining('GET /v1/owners/ada'),
    })
    expect(await shown(world)).toMatchObject({
      pool: 'main',
      capped: true,
      caps: { requests: 5 },
      used: { window: { requests: 5 }, day: { requests: 5 } },
      entitlement: 1,
    })
  })

  it('is free again at once for a call that was not made', async () => {
    const world = capped({ requests: 2 })
    world.delivery = () => []
    const [first] = await world.submitMany(2)
    await world.pass(1_000)
    expect(world.messages.flatMap(({ jobs }) => jobs)).toHaveLength(2)
    world.delivery = () => [20]
    const third = await world.submit()
    await world.pass(3_000)
    expect(await waitsFor(world, third)).toMatchObject({ reason: 'OWNER_LIMIT' })
    await cancel(world.api, aCaller(), first as string)
    await world.ended([third], 2_000)
  })

  it('is nobody’s reason but its owner’s', async () => {
    const world = new World({
      pool: { ...fast, requests: 30 },
      owners: { ada: { weight: 100, caps: { main: { requests: 1 } } } },
    })
    await world.submitMany(2)
    // Before the others come, so that a cap is what the tier's first lane waits for.
    await world.pass(3_000)
    for (let i = 0; i < 40; i++) await world.submitMany(3, 'step', { owner: `owner-${i}` })
    const last = await world.submit('step', { owner: 'zoe' })
    await world.pass(5_000)
    expect(['OWNER_TURN', 'CAPACITY_RPM']).toContain((await waitsFor(world, last))?.reason)
  })

  it('that was lowered below what a job needs fails it uncalled, with the reason', async () => {
    const world = capped({ tokens: 500 }, { pool: { tokens: 1_000_000 } })
    world.wakes = false
    const id = await world.submit()
    const lowered = { ...world.api.settings.pools['main'], ownerCaps: { tokens: 10 } } as PoolSettings
    Object.assign(world.api.settings.pools, { main: lowered })
    void world.dispatch()
    await world.ended([id], 2 * MINUTE)
    expect(world.model.calls).toEqual([])
    expect(world.parts(id)?.end).toMatchObject({ outcome: 'failed', errors: [{ class: 'larger-than-pool' }] })
  })
})

describe('a cap on tokens', () => {
  it('counts what was really used, and lets the owner go on with what was given back', async () => {
    const world = capped({ tokens: 120 }, { pool: { accounting: 'bedrock', tokens: 1_000_000 } })
    const { answer, afterMs } = text()
    world.model.script = () => ({
      answer: { ...answer, usage: { inputTokens: 10, outputTokens: 10 } } as typeof answer,
      afterMs,
    })
    await world.submitMany(5)
    await world.pass(20_000)
    // Some 57 are reserved for each, and 20 used: 4 x 20 + 57 is above 120.
    expect(callsOf(world, 'ada')).toHaveLength(4)
    expect(await shown(world)).toMatchObject({ used: { window: { requests: 4, tokens: 80 } } })
  })

  it('holds the large job alone: a small one of another tier goes on', async () => {
    const world = capped({ tokens: 120 }, { pool: { tokens: 1_000_000 }, kinds: { nudge: { maxOutputTokens: 100 } } })
    const first = await world.submit('step')
    await world.ended([first])
    const large = await world.submit('nudge')
    await world.pass(2_000)
    const small = await world.submit('reply')
    await world.ended([small])
    expect(await waitsFor(world, large)).toMatchObject({ reason: 'OWNER_LIMIT' })
    await world.ended([large], 3 * MINUTE)
  })

  it('refuses at the door what can never fit, and says what to do', async () => {
    const world = capped({ tokens: 40 }, { pool: { tokens: 1_000_000 } })
    expect(await submit(world.api, aCaller(), { kind: 'step', input: { name: 'Grace' } })).toMatchObject({
      ok: false,
      code: 'larger-than-pool',
      detail: expect.stringMatching(/ada may never have this.*tokens, and 40 are allowed/),
      remedy: expect.stringContaining('caps'),
    })
  })
})

describe('a cap on a day', () => {
  it('holds when the window has long come free, until the day has', async () => {
    const day = { windowMs: 60 * MINUTE, requests: 1_000_000 }
    const world = capped({ day: { requests: 3 } }, { pool: { windowMs: 1_000, day } })
    world.start()
    const ids = await world.submitMany(4)
    await world.pass(59 * MINUTE)
    expect(callsOf(world, 'ada')).toHaveLength(3)
    await world.ended(ids, 3 * MINUTE)
  })

  it('is known of an owner that left the ring in between', async () => {
    const world = capped({ day: { requests: 3 } })
    world.start()
    await world.ended(await world.submitMany(2))
    await world.pass(20 * MINUTE)
    expect(await world.api.rings.owners({ pool: 'main' })).toEqual([])
    await world.submitMany(3)
    await world.pass(MINUTE)
    expect(callsOf(world, 'ada')).toHaveLength(3)
    expect(await shown(world)).toMatchObject({ capped: true, used: { day: { requests: 3 } } })
  })
})

describe('a cap on calls in flight', () => {
  it('holds at every moment, and the next goes as soon as one is over', async () => {
    const world = capped({ concurrency: 3 })
    world.model.script = () => text('done', 2_000)
    const ids = await world.submitMany(9)
    await world.ended(ids, MINUTE)
    const at = callsOf(world, 'ada')
    for (const from of at) expect(at.filter((a) => a >= from && a < from + 2_000).length).toBeLessThanOrEqual(3)
    expect((at.at(-1) as number) - (at[0] as number)).toBeLessThan(6_000)
  })
})

describe('what owners have used', () => {
  it('is exact for the next dispatcher, wherever the last one died', async () => {
    for (const afterMs of [300, 1_000, 4_000, 9_000, 11_000]) {
      const world = capped({ requests: 5 })
      await world.submitMany(20)
      await world.pass(afterMs)
      await dies(world)
      await world.pass(20_000)
      expect(callsOf(world, 'ada'), `${afterMs} ms`).toHaveLength(5)
    }
  })

  it('is not put back by a record that lands late, of a dispatcher that is none any more', async () => {
    const world = capped({ requests: 5 })
    await world.submitMany(3)
    await world.pass(12_000)
    const [before] = await world.api.rings.records({ pool: 'main', owners: ['ada'] })
    await dies(world)
    await world.submitMany(9)
    await world.pass(15_000)
    await world.api.rings.keep({ pool: 'main', records: [before as NonNullable<typeof before>] })
    await dies(world)
    await world.pass(15_000)
    expect(callsOf(world, 'ada')).toHaveLength(5)
  })

  it('makes the ledger’s record no longer for more calls', async () => {
    const world = capped({ requests: 1_000 })
    const ids = await world.submitMany(400)
    let most = 0
    const changes = () => (world.tables.get('capacity', ledgerKey('main'))?.['uses'] ?? []) as unknown[]
    await world.until(() => {
      most = Math.max(most, changes().length)
      return ids.every((id) => world.parts(id)?.end)
    })
    expect(most).toBeGreaterThan(50)
    expect(most).toBeLessThan(200)
  })

  it('is written before its owner leaves the ring, what a last call has given back included', async () => {
    const world = new World({ pool: { ...fast, accounting: 'bedrock', tokens: 1_000_000 } })
    const { answer } = text()
    world.model.script = () => ({
      answer: { ...answer, usage: { inputTokens: 10, outputTokens: 10 } } as typeof answer,
      afterMs: 45_000,
    })
    await world.ended([await world.submit()], 2 * MINUTE)
    await world.pass(20_000)
    expect(await world.api.rings.owners({ pool: 'main' })).toEqual([])
    expect(await shown(world)).toMatchObject({ used: { day: { requests: 1, tokens: 20 } } })
  })
})

describe('calls in flight', () => {
  it('are shown as of a second ago, and none when all are over', async () => {
    const world = new World({ pool: { ...fast, accounting: 'total' } })
    world.model.script = () => text('done', 10_000)
    const ids = await world.submitMany(3)
    await world.pass(5_000)
    expect(await shown(world)).toMatchObject({ inFlight: 3 })
    await world.ended(ids)
    await world.pass(3_000)
    expect(await shown(world)).toMatchObject({ inFlight: 0 })
  })
})

describe('records of owners', () => {
  const puts = (world: World, during: () => Promise<void>) => {
    let n = 0
    const commit = world.tables.commit.bind(world.tables)
    world.tables.commit = (changes) => {
      n += changes.filter((c) => 'put' in c && c.put.pk.startsWith('owner#')).length
      commit(changes)
    }
    return during().then(() => n)
  }

  it('are written no more when nothing is used, by whoever holds the lease', async () => {
    const world = capped({ requests: 50 })
    world.start()
    await world.ended(await world.submitMany(20))
    await world.pass(2 * MINUTE)
    expect(world.tables.get('capacity', ledgerKey('main'))).toMatchObject({ uses: [] })
    expect(await puts(world, () => world.pass(10 * MINUTE))).toBe(0)
  })

  it('leave nothing in the ledger’s once they are written', async () => {
    const world = capped({ requests: 50 })
    world.wakes = false
    await world.submitMany(20)
    await world.clock.during(world.dispatch('main', world.now() + 1_000))
    expect(world.holders.at(-1)?.end).toBe('handed-over')
    expect(callsOf(world, 'ada').length).toBeGreaterThan(0)
    expect(world.tables.get('capacity', ledgerKey('main'))).toMatchObject({ state: 'free', uses: [] })
  })

  it('that cannot be written stop nobody: what they lack stands in the ledger’s', async () => {
    const world = capped({ requests: 300 })
    const broken = world.process(({ method }) => (method === 'keep' ? 'fails-before' : undefined))
    world.dispatcher = () => broken
    await world.submitMany(400)
    await world.pass(20_000)
    expect(callsOf(world, 'ada')).toHaveLength(300)
    expect(world.counted('OwnerRecordsUnwritten')).toBeGreaterThan(0)
    world.dispatcher = () => world.process()
    await dies(world)
    await world.pass(20_000)
    expect(callsOf(world, 'ada')).toHaveLength(300)
  })
})

describe('owners', () => {
  it('are listed by name, page by page, each once', async () => {
    const spare = { provider: { kind: 'bedrock' }, requests: 600, history: 'empty' } as const
    const world = new World({ pool: fast, pools: { spare }, kinds: { other: { pool: 'spare' } } })
    for (const name of ['eve', 'bob', 'dan']) await world.submit('step', { owner: name })
    for (const name of ['cy', 'bob']) await world.submit('other', { owner: name })
    await world.pass(5_000)
    const names: string[][] = []
    for (let cursor: string | undefined, n = 0; n < 4; n++) {
      const page = await owners(world.api, ADMIN, { limit: 2, cursor })
      if (!page.ok) throw new Error(page.detail)
      names.push(page.owners.map(({ id }) => id))
      cursor = page.cursor
      if (cursor === undefined) break
    }
    expect(names).toEqual([
      ['bob', 'cy'],
      ['dan', 'eve'],
    ])
  })

  it('are those that the caller may act for, and no others', async () => {
    const world = new World({ pool: fast })
    for (const name of ['ada', 'bob', 'cy']) await world.submit('step', { owner: name })
    await world.pass(5_000)
    const caller = aCaller('ada', { mayActFor: ['cy', 'nobody'] })
    const list = await owners(world.api, caller, { limit: 50 })
    expect(list.ok && list.owners.map(({ id }) => id)).toEqual(['ada', 'cy', 'nobody'])
    expect(await owner(world.api, caller, 'bob')).toMatchObject({ ok: false, code: 'not-found' })
    expect(await owner(world.api, aCaller('ada', { scopes: [] }), 'ada')).toMatchObject({ code: 'scope-missing' })
  })

  it('are shown with their due: their weight among all who are live', async () => {
    const world = new World({ pool: fast, owners: { ada: { weight: 3 } } })
    for (const name of ['ada', 'bob']) await world.submit('step', { owner: name })
    await world.pass(15_000)
    expect(await shown(world, 'ada')).toMatchObject({ entitlement: 0.75, used: { window: { requests: 1 } } })
    expect(await shown(world, 'bob')).toMatchObject({ entitlement: 0.25 })
    expect(await shown(world, 'cy')).toMatchObject({ entitlement: 0.2, capped: false })
  })

  it('that wait for a cap alone are live as well, however many', async () => {
    const world = capped({ day: { requests: 1 } }, { pool: { windowMs: 1_000 } })
    const names = Array.from({ length: 25 }, (_, i) => `owner-${i}`)
    for (const name of names) await world.submitMany(2, 'step', { owner: name })
    await world.pass(10_000)
    for (const name of names)
      expect(await shown(world, name)).toMatchObject({ entitlement: 1 / 25, used: { window: { requests: 0 } } })
  })
})
