/** docs/runbook.md, "After restoring a table from a backup": what then holds. */
import { expect, it } from 'vitest'
import { ledgerKey, peopleKey } from '../../adapters/keys.ts'
import type { MemoryTables } from '../../adapters/memory/tables.ts'
import { LEASE_MS } from '../../core/lease.ts'
import { emptyPeople } from '../../core/people.ts'
import type { Random } from '../../services/ports.ts'
import type { Befalls } from '../support/port-faults.ts'
import { anOwner } from '../support/records.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { fullestWindow } from '../support/windows.ts'
import { START, World } from '../support/world.ts'

const LIMIT = 5
const WINDOW_MS = 6_000
const SETTINGS = {
  pools: {
    main: { provider: { kind: 'bedrock' as const }, requests: LIMIT, windowMs: WINDOW_MS, pacing: 'burst' as const },
  },
}
const atRest = (world: World, id: string) => world.end(id) !== undefined || world.liveOf(id)[0]?.state === 'in-review'

/** What a backup holds, put into the tables of a world in which none of the functions of before is alive. */
async function restoredAt(at: number, backup: Parameters<MemoryTables['commit']>[0], forget: boolean): Promise<World> {
  const world = new World(SETTINGS)
  await world.pass(at - START)
  world.tables.commit(backup)
  if (forget) world.tables.commit([{ table: 'capacity', delete: ledgerKey('main') }])
  return world
}

const FAULTS = ['fails-before', 'fails-after', 'hangs-before', 'hangs-after'] as const
/** Calls of its functions fail, or never come back, until then. */
function troubled(world: World, random: Random, until: number): World {
  // Its clock a store is not asked for.
  const befalls: Befalls = ({ method }) =>
    world.now() < until && method !== 'clockOffMs' && random.unit() < 0.03
      ? FAULTS[Math.floor(random.unit() * FAULTS.length)]
      : undefined
  world.dispatcher = () => world.process(befalls)
  world.worker = () => world.process(befalls)
  return world
}

const kinds = ['step', 'intro', 'nudge'] as const

it.each(Array.from({ length: 20 }, (_, i) => i + 1))(
  'tables restored from a backup lose nothing of before it, and no window holds too many calls, whatever fails: %i',
  async (seed) => {
    const random = seededRandom(seed)
    const before = troubled(new World({ ...SETTINGS, seed }), random, Infinity)
    before.start()
    const ids: string[] = []
    for (let i = 0; i < 30; i++) ids.push(await before.submit(kinds[i % 3]))
    await before.pass(WINDOW_MS + 20_000 * random.unit())
    const backup = [...before.tables.all()]
    const ended = ids.filter((id) => before.end(id))
    await before.submitMany(5)
    await before.pass(15_000 * random.unit())

    const after = troubled(await restoredAt(before.now(), backup, true), random, before.now() + 60_000)
    after.start()
    await after.until(() => ids.every((id) => atRest(after, id)), 900_000)
    expect(ended.map((id) => after.end(id))).toEqual(ended.map((id) => before.end(id)))
    const calls = [...before.model.calls, ...after.model.calls].map(({ at }) => at)
    expect(fullestWindow(calls, WINDOW_MS)).toBeLessThanOrEqual(LIMIT)
    for (const world of [before, after]) expect(calledTwice(world)).toEqual([])
  },
)

/** Jobs that were called twice under one fence. */
const calledTwice = ({ model }: World): string[] => {
  const all = model.calls.map(({ jobId, fence }) => `${jobId} ${fence}`)
  return all.filter((one, i) => all.indexOf(one) < i)
}

/** A world of jobs that wait, as a backup of it stands once its ledgers are deleted. */
async function waiting(p: { people?: typeof PEOPLE; also?: Parameters<MemoryTables['commit']>[0] } = {}) {
  const settings = { pools: { main: { ...SETTINGS.pools.main, ...(p.people ? { people: p.people } : {}) } } }
  const before = new World(settings)
  const ids = await before.submitMany(LIMIT)
  const { bells } = await before.api.rings.bells({ pool: 'main', limit: 99 })
  await before.api.rings.note({ pool: 'main', owners: [anOwner({ owner: 'ada' })] })
  await before.api.rings.deleteBells({ pool: 'main', ids: bells.map(({ id }) => id) })
  const after = new World(settings)
  await after.pass(before.now() - START)
  after.tables.commit([...before.tables.all(), ...(p.also ?? [])])
  return { after, ids }
}

const PEOPLE = { max: 0.5, reserve: 0, perPerson: { open: 5, calls: 5 }, maxOutputTokens: 100, models: ['a'] }

it('a pool goes on however many holders had what its people have, before its ledger was deleted', async () => {
  const held = { ...peopleKey('main'), ...emptyPeople(9_000, 0) }
  const { after, ids } = await waiting({ people: PEOPLE, also: [{ table: 'capacity', put: held }] })
  after.start()
  await after.ended(ids, 60_000)
})

it('the window that a pool waits first is one, however soon its dispatchers hand over', async () => {
  const { after, ids } = await waiting()
  after.wakes = false
  for (let i = 0; i < 6; i++) {
    void after.dispatch('main', after.now() + WINDOW_MS / 2)
    await after.pass(WINDOW_MS / 2 + 100)
  }
  await after.ended(ids, 1_000)
})

it('is why their ledgers are deleted: one of the backup knows nothing of the calls since', async () => {
  const before = new World(SETTINGS)
  before.start()
  const ids = await before.submitMany(60)
  await before.pass(2 * WINDOW_MS)
  const backup = [...before.tables.all()]
  // The lease of the backup's holder runs out meanwhile.
  await before.pass(LEASE_MS)
  const { length } = before.model.calls
  await before.until(() => before.model.calls.length === length + LIMIT)
  const after = await restoredAt(before.now(), backup, false)
  after.start()
  await after.ended(ids, 120_000)
  const calls = [...before.model.calls, ...after.model.calls].map(({ at }) => at)
  expect(fullestWindow(calls, WINDOW_MS)).toBeGreaterThan(LIMIT)
})
