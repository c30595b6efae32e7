/**
 * The data folder: one process uses it at a time. The lock names the process and its database engine; an engine that
 * outlived its parent is ended if it can be proved to be ours, and named if it cannot.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { end, type Noted, note, stateOf } from './process-identity.ts'

interface Lock extends Noted {
  readonly engine?: Noted
}
export class FolderBusy extends Error {
  readonly code = 'folder-busy'
}
export interface DataFolder {
  readonly path: string
  readonly dbPath: string
  readonly journalPath: string
  /** Kept over restarts: signs development tokens and cursors. */
  readonly secret: string
  holdsEngine(pid: number): void
  release(): void
}

/** Takes the folder for this process. `reset` forgets its state, never a folder that holds anything not ours. */
export async function takeDataFolder(path: string, p: { reset: boolean }): Promise<DataFolder> {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const real = realpathSync(path)
  const lockFile = join(real, 'lock.json')
  const dbPath = join(real, 'fairlead.db')
  const journalPath = join(real, 'journal.jsonl')
  const self = note(process.pid)
  await clearLock(path, lockFile)
  takeLock(path, lockFile, self)
  if (p.reset) forgetState(dbPath, journalPath)
  return {
    path: real,
    dbPath,
    journalPath,
    secret: secretOf(real),
    holdsEngine: (pid) => writeFileSync(lockFile, JSON.stringify({ ...self, engine: note(pid) })),
    release: () => rmSync(lockFile, { force: true }),
  }
}

async function clearLock(path: string, lockFile: string): Promise<void> {
  const lock = readLock(lockFile)
  if (lock && inUse(lock)) throw new FolderBusy(usedBy(path, lock.pid))
  if (lock?.engine) await clearEngine(path, lock.engine)
  rmSync(lockFile, { force: true })
}

/** Where processes cannot be told apart, a lock with our own pid is an old one: nobody else has that pid now. */
function inUse(lock: Noted): boolean {
  const state = stateOf(lock)
  return state === 'runs' || (state === 'unknown' && lock.pid !== process.pid)
}

async function clearEngine(path: string, engine: Noted): Promise<void> {
  const state = stateOf(engine)
  if (state === 'ended' || (state === 'runs' && (await end(engine)))) return
  throw new FolderBusy(
    `${path} may still be used by process ${engine.pid}: end it if it is an old Fairlead engine, then start again`,
  )
}

/** Of two starts at the same moment one gets it. */
function takeLock(path: string, lockFile: string, self: Noted): void {
  try {
    writeFileSync(lockFile, JSON.stringify(self), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new FolderBusy(usedBy(path, readLock(lockFile)?.pid))
  }
}

const usedBy = (path: string, pid: number | undefined): string =>
  `${path} is used by another Fairlead (process ${pid ?? 'unknown'}): stop it, or use --data with another folder`

/** What does not parse was torn by a crash. */
function readLock(lockFile: string): Lock | undefined {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')) as Lock
  } catch {
    return undefined
  }
}

function forgetState(dbPath: string, journalPath: string): void {
  const files = [dbPath, `${dbPath}-wal`, `${dbPath}-shm`, `${dbPath}-journal`, journalPath, `${journalPath}.new`]
  for (const file of files) rmSync(file, { force: true })
}

function secretOf(path: string): string {
  const file = join(path, 'secret')
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}
