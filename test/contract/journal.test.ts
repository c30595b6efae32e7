/** State in memory survives its process. What the stores promise is in the other suites; here the file is looked at. */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CorruptJournal, Journal } from '../../adapters/memory/journal.ts'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import { memoryStores, type Stores } from '../support/engines.ts'
import {
  aBell,
  aDeadLetter,
  aKey,
  aLedgerRecord,
  anEnd,
  anInput,
  anOwner,
  aQueued,
  aRunning,
  LANE,
  NOW,
  POOL,
} from '../support/records.ts'

vi.mock('node:fs', { spy: true })

let folder: string
let file: string
let opened: MemoryTables[] = []
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'fairlead-journal-'))
  file = join(folder, 'journal')
})
afterEach(() => {
  for (const tables of opened) tables.close()
  opened = []
  vi.restoreAllMocks()
  fs.rmSync(folder, { recursive: true })
})

/** As a start does. What was open before is left as a killed process leaves it. */
function open(longFrom?: number): Stores {
  const tables = new MemoryTables(new Journal(file, longFrom))
  opened.push(tables)
  return memoryStores(tables)
}
const lines = () => fs.readFileSync(file, 'utf8').split('\n').slice(0, -1)
const enter = (stores: Stores, i: number) =>
  stores.jobs.enter({ record: aQueued({ key: aKey({ jobId: `job-${i}` }) }) })

/** The disk takes so many bytes of the next line, and no more. */
function fullAfter(bytes: number): void {
  const part = (fd: number, line: unknown) => fs.writevSync(fd, [(line as Buffer).subarray(0, bytes)])
  vi.mocked(fs.writeSync).mockImplementationOnce(part as typeof fs.writeSync)
  vi.mocked(fs.writeSync).mockImplementationOnce(() => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  })
}

/** One commit of every sort. */
async function aDayOfWork(on: Stores): Promise<void> {
  await on.jobs.create({ input: anInput({ input: { text: 'Grüße, 世界 🎏', $bytes: 'aGk=' } }) })
  await on.jobs.enter({ record: aQueued() })
  await on.rings.ring({ pool: POOL, bell: aBell() })
  await on.rings.note({ pool: POOL, owners: [anOwner(), anOwner({ owner: 'bob' })] })
  await on.capacity.acquire({ pool: POOL, holder: 'holder-1', now: NOW, leaseMs: 9_000 })
  await on.capacity.write({ pool: POOL, record: aLedgerRecord() })
  await on.rings.deleteBells({ pool: POOL, ids: [aBell().id] })
  await on.jobs.claim({ key: aKey(), fence: 0, nonce: 'nonce-1', leaseUntil: NOW + 1, now: NOW })
  await on.jobs.transition({ from: aRunning(), to: aDeadLetter(), end: anEnd({ outcome: 'failed' }), bell: aBell(2) })
  await on.rings.leave({ pool: POOL, owners: ['bob'], epoch: NOW })
  await on.capacity.stop({ pool: POOL, stop: { at: NOW, line: 'the key is refused' } })
}

describe('a journal', () => {
  it('read again shows the same state, as often as it is read', async () => {
    const first = open()
    await aDayOfWork(first)
    const state = await first.everything()
    expect(state).toHaveLength(8)
    expect(await open().everything()).toEqual(state)
    expect(await open().everything()).toEqual(state)
  })

  it('of nothing is an empty start', async () => {
    expect(await open().everything()).toEqual([])
    fs.writeFileSync(file, '')
    expect(await open().everything()).toEqual([])
  })

  it('holds a transition whole or not at all', async () => {
    await aDayOfWork(open())
    const written = lines()
    const moving = written.findIndex((line) => line.includes('attention#'))
    fs.writeFileSync(file, `${written.slice(0, moving).join('\n')}\n`)
    const before = await open().everything()
    const line = Buffer.from(`${written[moving]}\n`)
    const whole = Buffer.from(`${written.slice(0, moving).join('\n')}\n`)
    for (let cut = 0; cut < line.length; cut += 7) {
      fs.writeFileSync(file, Buffer.concat([whole, line.subarray(0, cut)]))
      expect(await open().everything()).toEqual(before)
    }
    fs.writeFileSync(file, Buffer.concat([whole, line]))
    expect(await open().everything()).not.toEqual(before)
  })

  it('with a torn last line goes on behind the last whole one', async () => {
    const first = open()
    for (let i = 0; i < 3; i++) await enter(first, i)
    fs.truncateSync(file, fs.statSync(file).size - 3)
    const second = open()
    expect((await second.jobs.lane({ lane: LANE, limit: 9 })).records).toHaveLength(2)
    await enter(second, 9)
    expect((await open().jobs.lane({ lane: LANE, limit: 9 })).last?.jobId).toBe('job-9')
  })

  it('with a corrupt line in its middle says which one, and is left as it is', async () => {
    const first = open()
    for (let i = 0; i < 3; i++) await enter(first, i)
    const bad = lines()
    bad[1] = (bad[1] as string).slice(0, -9)
    fs.writeFileSync(file, `${bad.join('\n')}\n`)
    const start = () => open()
    expect(start).toThrow(CorruptJournal)
    expect(start).toThrow(`${file}: line 2 does not parse; restore the file, or start afresh with --reset`)
    expect(lines()).toEqual(bad)
  })

  it('takes back what a full disk wrote in part, and goes on once there is room', async () => {
    const on = open()
    await enter(on, 1)
    const state = await on.everything()
    fullAfter(40)
    await expect(enter(on, 2)).rejects.toThrow('no space left')
    expect(await on.everything()).toEqual(state)
    await enter(on, 3)
    expect((await open().jobs.lane({ lane: LANE, limit: 9 })).records.map((r) => r.key.jobId)).toEqual([
      'job-1',
      'job-3',
    ])
  })

  it('holds lines longer than are read at once', async () => {
    const content = 'ä世'.repeat(500_000)
    await open().jobs.create({ input: anInput({ input: content }) })
    expect((await open().jobs.load({ jobId: 'job-1', now: NOW }))?.input.input).toBe(content)
  })
})

describe('compaction', () => {
  it('at a start leaves what stands, and nothing of what has gone', async () => {
    const first = open()
    for (let i = 0; i < 700; i++) await enter(first, i)
    for (let i = 0; i < 690; i++)
      await first.jobs.transition({
        from: aQueued({ key: aKey({ jobId: `job-${i}` }) }),
        end: anEnd({ jobId: `job-${i}`, outcome: 'cancelled' }),
      })
    const state = await first.everything()
    const size = fs.statSync(file).size
    expect(await open().everything()).toEqual(state)
    expect(fs.statSync(file).size).toBeLessThan(size / 2)
  })

  it('happens while running, once most of the file is history', async () => {
    const on = open(20_000)
    await enter(on, 0)
    let longest = 0
    for (let i = 0; i < 500; i++) {
      await on.capacity.putOverview({ pool: POOL, version: i, overview: { v: 1, at: i } as never })
      longest = Math.max(longest, fs.statSync(file).size)
    }
    expect(longest).toBeGreaterThan(19_000)
    expect(longest).toBeLessThan(21_000)
    expect(await open().everything()).toEqual(await on.everything())
  })

  it('that fails is no failure of the commit before it', async () => {
    const on = open(2_000)
    vi.mocked(fs.renameSync).mockImplementation(() => {
      throw new Error('not permitted')
    })
    for (let i = 0; i < 50; i++) expect(await enter(on, i)).toBe('entered')
    expect(fs.renameSync).toHaveBeenCalled()
    vi.mocked(fs.renameSync).mockRestore()
    expect(await open().everything()).toHaveLength(50)
  })

  it('that was interrupted is done anew', async () => {
    await enter(open(), 1)
    fs.writeFileSync(`${file}.new`, '[{"half": ')
    expect(await open().everything()).toHaveLength(1)
  })

  it('lets nobody else on the machine read the file', async () => {
    await enter(open(), 1)
    if (process.platform !== 'win32') expect(fs.statSync(file).mode & 0o777).toBe(0o600)
  })
})

it('a process killed in the middle of its work loses nothing that it was answered', async () => {
  const script = join(import.meta.dirname, 'journal-writer.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  for await (const chunk of child.stdout) {
    said += chunk
    if (said.split('\n').length > 1_000) child.kill('SIGKILL')
  }
  const answered = said.split('\n').slice(0, -1).length
  expect(answered).toBeGreaterThanOrEqual(1_000)
  expect((await open().everything()).length).toBeGreaterThanOrEqual(answered)
})
