/**
 * The data folder: one process uses it at a time. The lock names the process and its database engine; an engine that
 * outlived its parent is ended if it can be proved to be ours, and named if it cannot.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
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
  await takeLock(path, lockFile, self)
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

/** Of two starts at the same moment one gets it. */
async function takeLock(path: string, lockFile: string, self: Noted): Promise<void> {
  const found = textOf(lockFile)
  const lock = lockIn(found)
  if (lock && inUse(lock)) throw new FolderBusy(usedBy(path, lock.pid))
  if (lock?.engine) await clearEngine(path, lock.engine)
  if (found !== undefined) removeOnly(lockFile, found)
  const text = JSON.stringify(self)
  const taken = hasDone(() => writeFileSync(lockFile, text, { mode: 0o600, flag: 'wx' }), 'EEXIST')
  if (!taken) throw new FolderBusy(usedBy(path, lockIn(textOf(lockFile))?.pid))
}

/**
 * Removes the lock that was found, and no other: another start may have cleared that one since, and taken the folder. What is
 * moved aside is looked at, and linked back where it is somebody else's.
 */
function removeOnly(lockFile: string, found: string): void {
  const aside = `${lockFile}.${randomBytes(8).toString('hex')}`
  if (textOf(lockFile) !== found || !hasDone(() => renameSync(lockFile, aside), 'ENOENT')) return
  if (textOf(aside) !== found) hasDone(() => linkSync(aside, lockFile), 'EEXIST')
  rmSync(aside, { force: true })
}

/** False where it failed as `code` says: another process was there first. */
function hasDone(change: () => void, code: string): boolean {
  try {
    change()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== code) throw error
    return false
  }
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

const usedBy = (path: string, pid: number | undefined): string =>
  `${path} is used by another Fairlead (process ${pid ?? 'unknown'}): stop it, or use --data with another folder`

function textOf(file: string): string | undefined {
  let text: string | undefined
  hasDone(() => {
    text = readFileSync(file, 'utf8')
  }, 'ENOENT')
  return text
}

/** What does not parse was torn by a crash. */
function lockIn(text: string | undefined): Lock | undefined {
  try {
    return JSON.parse(text ?? '') as Lock
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
