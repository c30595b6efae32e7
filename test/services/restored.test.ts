/** docs/runbook.md, "After restoring a table from a backup": what then holds. */
import { expect, it } from 'vitest'
import { ledgerKey } from '../../adapters/keys.ts'
import type { MemoryTables } from '../../adapters/memory/tables.ts'
import { LEASE_MS } from '../../core/lease.ts'
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

const kinds = ['step', 'intro', 'nudge'] as const

it.each([1, 2, 3, 4, 5, 6])(
  'tables restored from a backup lose nothing of before it, and no window holds too many calls: %i',
  async (seed) => {
    const random = seededRandom(seed)
    const before = new World({ ...SETTINGS, seed })
    before.start()
    const ids: string[] = []
    for (let i = 0; i < 30; i++) ids.push(await before.submit(kinds[i % 3]))
    await before.pass(WINDOW_MS + 20_000 * random.unit())
    const backup = [...before.tables.all()]
    await before.submitMany(5)
    await before.pass(15_000 * random.unit())

    const after = await restoredAt(before.now(), backup, true)
    after.start()
    await after.until(() => ids.every((id) => atRest(after, id)), 120_000)
    const calls = [...before.model.calls, ...after.model.calls].map(({ at }) => at)
    expect(fullestWindow(calls, WINDOW_MS)).toBeLessThanOrEqual(LIMIT)
  },
)

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
