import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Journal } from '../../adapters/memory/journal.ts'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import { takeDataFolder } from '../../local/data-folder.ts'
import { findDynoxide } from '../../local/engine/dynoxide.ts'
import { openStores } from '../../local/stores.ts'
import { SWEEP_EVERY_MS, sweepDaily } from '../../local/sweep.ts'
import { memoryStores } from '../support/engines.ts'
import { anInput, DAY_MS, EXPIRES_AT, NOW } from '../support/records.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

let folder: string
let file: string
let tables: MemoryTables
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-sweep-'))
  file = join(folder, 'journal')
  tables = new MemoryTables(new Journal(file))
  const { jobs } = memoryStores(tables)
  await jobs.create({ input: anInput({ input: 'a secret' }) })
  await jobs.create({ input: anInput({ jobId: 'later', input: 'not yet', expiresAt: EXPIRES_AT + DAY_MS }) })
})
afterEach(() => {
  vi.restoreAllMocks()
  tables.close()
  rmSync(folder, { recursive: true })
})

/** A system that has been started at that time, and how it is stopped. */
function running(at: number, sweep = async (now: number) => tables.sweep(now)) {
  const clock = new VirtualClock(at)
  const stopping = new AbortController()
  const done = sweepDaily(sweep, clock, stopping.signal)
  const stop = () => {
    stopping.abort()
    return done
  }
  return { clock, stop }
}
const onDisk = (text: string) => readFileSync(file, 'utf8').includes(text)

test('within a day of its expiry content is gone from memory and from the disk, and other content is not', async () => {
  const { clock, stop } = running(NOW)
  await clock.runTo(EXPIRES_AT - 1)
  expect(onDisk('a secret')).toBe(true)
  await clock.runTo(EXPIRES_AT + SWEEP_EVERY_MS - 1)
  expect([...tables.all()].map(({ put }) => put.pk)).toEqual(['later'])
  expect([onDisk('a secret'), onDisk('not yet')]).toEqual([false, true])
  await stop()
})

test('what expired while nothing ran goes at the start', async () => {
  await running(EXPIRES_AT + DAY_MS).stop()
  expect([...tables.all()]).toEqual([])
  expect(onDisk('a secret')).toBe(false)
})

test('what was erased stays so over a restart, and what stood is read again', async () => {
  tables.sweep(EXPIRES_AT)
  tables.close()
  tables = new MemoryTables(new Journal(file))
  expect([...tables.all()].map(({ put }) => put.pk)).toEqual(['later'])
})

test('a sweep that fails says so, and the next one does its work', async () => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  let fails = true
  const { clock, stop } = running(EXPIRES_AT, async (now) => {
    if (fails) throw new Error('the disk is full')
    tables.sweep(now)
  })
  await clock.runTo(EXPIRES_AT + 1)
  expect(said.mock.calls).toEqual([['sweep: the disk is full\n']])
  fails = false
  await clock.runTo(EXPIRES_AT + SWEEP_EVERY_MS)
  expect(onDisk('a secret')).toBe(false)
  await stop()
})

test.each([...(findDynoxide() ? (['dynoxide'] as const) : []), 'journal'] as const)(
  'the stores of a start sweep themselves on %s, by requests that count for nobody',
  async (engine) => {
    const own = await takeDataFolder(folder, { reset: false })
    const asked: unknown[] = []
    const stores = await openStores(own, engine, ({ db }) =>
      db.middlewareStack.add((next, { commandName }) => async (args) => {
        asked.push(commandName)
        return next(args)
      }),
    )
    await stores.jobs.create({ input: anInput() })
    const before = [...asked]
    await stores.sweep(EXPIRES_AT, new AbortController().signal)
    expect(asked).toEqual(before)
    expect(await stores.jobs.load({ jobId: anInput().jobId, now: NOW })).toBeUndefined()
    await stores.close()
  },
)
