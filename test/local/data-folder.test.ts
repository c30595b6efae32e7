import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type DataFolder, takeDataFolder } from '../../local/data-folder.ts'
import { findDynoxide } from '../../local/engine/dynoxide.ts'
import { note, stateOf } from '../../local/process-identity.ts'
import { aFolder, aProcess, clearAll, ranToEnd, type Spawned, started } from '../support/started.ts'

afterAll(clearAll)

const take = (path: string, reset = false): Promise<DataFolder> => takeDataFolder(path, { reset })
const lockOf = (path: string) => JSON.parse(readFileSync(join(path, 'lock.json'), 'utf8'))
const writeLock = (path: string, lock: unknown) => writeFileSync(join(path, 'lock.json'), JSON.stringify(lock))
/** A process that does nothing until it is ended. */
const aSleeper = (): Spawned => aProcess(['-e', 'setInterval(() => {}, 1000)'])
async function aDeadPid(): Promise<number> {
  const { pid, ended } = aProcess(['-e', ''])
  await ended
  return pid
}
const refusal = (path: string, pid: number) =>
  `${path} is used by another Fairlead (process ${pid}): stop it, or use --data with another folder`
/** Where the platform does not tell when a process began, nothing can be proved of it. */
const whereProvable = test.skipIf(note(process.pid).began === undefined)

test('a folder is made where there is none, readable by its user alone, and freed at the end', async () => {
  const path = join(aFolder(), 'deep/down')
  const folder = await take(path)
  expect(folder.dbPath).toBe(join(folder.path, 'fairlead.db'))
  expect(lockOf(path)).toEqual(note(process.pid))
  folder.release()
  expect(existsSync(join(path, 'lock.json'))).toBe(false)
})

test('the secret stays the same, also over a reset', async () => {
  const path = aFolder()
  const { secret, release } = await take(path)
  expect(secret).toMatch(/^[0-9a-f]{64}$/)
  release()
  const again = await take(path, true)
  expect(again.secret).toBe(secret)
})

test('a reset takes the state away and nothing else', async () => {
  const path = aFolder()
  const ours = ['fairlead.db', 'fairlead.db-wal', 'fairlead.db-shm', 'fairlead.db-journal', 'journal.jsonl']
  for (const file of [...ours, 'journal.jsonl.new', 'letter.txt']) writeFileSync(join(path, file), 'x')
  await take(path, true)
  expect(ours.filter((file) => existsSync(join(path, file)))).toEqual([])
  expect(existsSync(join(path, 'journal.jsonl.new'))).toBe(false)
  expect(existsSync(join(path, 'letter.txt'))).toBe(true)
})

describe('one process at a time', () => {
  test('a second start is refused in one line that names the first, and disturbs nothing', async () => {
    const data = aFolder()
    const first = await started({ data, args: ['--empty'] })
    const before = lockOf(data)
    const second = await ranToEnd('--data', data, '--port', '0', '--empty', '--reset')
    expect(second).toMatchObject({ code: 1, stdout: '', stderr: `${refusal(data, first.pid)}\n` })
    expect(lockOf(data)).toEqual(before)
    expect(await first.api.get('/v1/pools')).toHaveProperty('pools')
    await first.signal('SIGINT')
  })

  test('of two takings at the same moment one is refused', async () => {
    const path = aFolder()
    const taken = await Promise.allSettled([take(path), take(path)])
    expect(taken.map((t) => t.status).sort()).toEqual(['fulfilled', 'rejected'])
    const [refused] = taken.filter((t) => t.status === 'rejected')
    expect(refused?.reason).toMatchObject({ code: 'folder-busy', message: refusal(path, process.pid) })
  })

  test('a lock whose process is unknown but there is respected', async () => {
    const path = aFolder()
    const sleeper = aSleeper()
    writeLock(path, { pid: sleeper.pid })
    await expect(take(path)).rejects.toThrow(refusal(path, sleeper.pid))
  })
})

describe('a stale lock is cleared', () => {
  test('when its process is gone', async () => {
    const path = aFolder()
    writeLock(path, { pid: await aDeadPid(), began: '1' })
    await take(path)
    expect(lockOf(path).pid).toBe(process.pid)
  })
  whereProvable('when its pid was given to another process since', async () => {
    const path = aFolder()
    const sleeper = aSleeper()
    writeLock(path, { pid: sleeper.pid, began: 'another moment' })
    await take(path)
    expect(lockOf(path).pid).toBe(process.pid)
    expect(stateOf(note(sleeper.pid))).toBe('runs')
  })
  test('when it was torn by a crash', async () => {
    const path = aFolder()
    writeFileSync(join(path, 'lock.json'), '{"pid": 12')
    await take(path)
    expect(lockOf(path).pid).toBe(process.pid)
  })
})

describe('an engine that outlived its parent', () => {
  const withEngine = findDynoxide() === undefined ? test.skip : whereProvable
  withEngine('is ended, because the lock proves that it is ours', async () => {
    const path = aFolder()
    const system = await started({ data: path, args: ['--engine', 'dynoxide', '--empty'] })
    const { engine } = lockOf(path)
    await system.signal('SIGKILL')
    expect(stateOf(engine)).toBe('runs')
    await take(path)
    expect(stateOf(engine)).toBe('ended')
    expect(lockOf(path)).toEqual(note(process.pid))
  })

  whereProvable('is ended by two takings at the same moment, of which one is refused', async () => {
    const path = aFolder()
    const engine = aSleeper()
    writeLock(path, { pid: await aDeadPid(), began: '1', engine: note(engine.pid) })
    const taken = await Promise.allSettled([take(path), take(path)])
    expect(taken.map((t) => t.status).sort()).toEqual(['fulfilled', 'rejected'])
    const [refused] = taken.filter((t) => t.status === 'rejected')
    expect(refused?.reason).toMatchObject({ code: 'folder-busy', message: refusal(path, process.pid) })
    expect(readdirSync(path).sort()).toEqual(['lock.json', 'secret'])
    expect(lockOf(path)).toEqual(note(process.pid))
  })

  whereProvable('is gone when its pid belongs to another process now, which is left alone', async () => {
    const path = aFolder()
    const sleeper = aSleeper()
    writeLock(path, { pid: await aDeadPid(), began: '1', engine: { pid: sleeper.pid, began: 'another moment' } })
    await take(path)
    expect(stateOf(note(sleeper.pid))).toBe('runs')
  })

  test('is named and left alone when nothing can be proved', async () => {
    const path = aFolder()
    const sleeper = aSleeper()
    const lock = { pid: await aDeadPid(), began: '1', engine: { pid: sleeper.pid } }
    writeLock(path, lock)
    await expect(take(path)).rejects.toThrow(
      `${path} may still be used by process ${sleeper.pid}: end it if it is an old Fairlead engine, then start again`,
    )
    expect(stateOf(note(sleeper.pid))).not.toBe('ended')
    expect(lockOf(path)).toEqual(lock)
  })
})
