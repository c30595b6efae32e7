/**
 * The data folder: one process uses it at a time. The lock names the process and its database engine; an engine that
 * outlived its parent is ended if it can be proved to be ours, and named if it cannot.
 */

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

interface Lock {
  readonly pid: number
  readonly engine?: { readonly pid: number }
}
/** Part of the command line of every process that takes a folder. */
const STARTED_AS = 'start.mjs'

export class FolderBusy extends Error {
  readonly code = 'folder-busy'
}
const usedBy = (path: string, pid: number | string): string =>
  `${path} is used by another Fairlead (process ${pid}): stop it, or use --data with another folder`

export interface DataFolder {
  readonly path: string
  readonly dbPath: string
  readonly journalPath: string
  /** Kept over restarts: signs development tokens and cursors. */
  readonly secret: string
  holdsEngine(pid: number): void
  release(): void
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The command line of a process, or undefined where this platform does not tell. */
function commandOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    if (process.platform === 'win32') return undefined
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  } catch {
    return undefined
  }
}

const GONE_WITHIN_MS = 5_000
/** Answers whether it is gone: a zombie that nobody reaped has no command any more, and holds no file. */
async function end(pid: number, command: string): Promise<boolean> {
  process.kill(pid, 'SIGKILL')
  const there = () => isAlive(pid) && commandOf(pid) === command
  for (const until = Date.now() + GONE_WITHIN_MS; there() && Date.now() < until; ) await sleep(20)
  return !there()
}

/** A pid may have been given to somebody else since; where the platform does not tell the command, it is believed. */
const isFairlead = (pid: number): boolean => isAlive(pid) && (commandOf(pid) ?? STARTED_AS).includes(STARTED_AS)

async function clearLock(path: string, lockFile: string, dbPath: string): Promise<void> {
  if (!existsSync(lockFile)) return
  const lock = readLock(lockFile)
  if (lock && lock.pid !== process.pid && isFairlead(lock.pid)) throw new FolderBusy(usedBy(path, lock.pid))
  await clearEngine(path, lock?.engine?.pid, dbPath)
  rmSync(lockFile, { force: true })
}

/** Only a command that names our own database file is proved to be ours. */
async function clearEngine(path: string, pid: number | undefined, dbPath: string): Promise<void> {
  if (pid === undefined || !isAlive(pid)) return
  const command = commandOf(pid)
  if (command?.includes(dbPath) && (await end(pid, command))) return
  if (command === undefined || command.includes('dynoxide'))
    throw new FolderBusy(
      `${path} may still be used by process ${pid}: end it if it is an old Fairlead engine, then start again`,
    )
}

function readLock(lockFile: string): Lock | undefined {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')) as Lock
  } catch {
    return undefined
  }
}

function secretOf(path: string): string {
  const file = join(path, 'secret')
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}

/** Takes the folder for this process. `reset` forgets its state, never a folder that holds anything not ours. */
export async function takeDataFolder(path: string, p: { reset: boolean }): Promise<DataFolder> {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const real = realpathSync(path)
  const lockFile = join(real, 'lock.json')
  const dbPath = join(real, 'fairlead.db')
  const journalPath = join(real, 'journal.jsonl')
  await clearLock(path, lockFile, dbPath)
  const ours = ['', '-wal', '-shm', '-journal']
    .map((end) => `${dbPath}${end}`)
    .concat(journalPath, `${journalPath}.new`)
  if (p.reset) for (const file of ours) rmSync(file, { force: true })
  const hold = (lock: Lock, flag: 'w' | 'wx' = 'w') =>
    writeFileSync(lockFile, JSON.stringify(lock), { mode: 0o600, flag })
  return {
    path: real,
    dbPath,
    journalPath,
    secret: secretOf(real),
    holdsEngine: (pid) => hold({ pid: process.pid, engine: { pid } }),
    release: () => rmSync(lockFile, { force: true }),
  }
}
