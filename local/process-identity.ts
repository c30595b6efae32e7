/**
 * Whether a process that was noted once still runs. A pid alone does not tell, because pids are given again: the moment
 * at which the process began is noted beside it, in the operating system's own words.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Noted {
  readonly pid: number
  /** Absent where the platform does not tell. */
  readonly began?: string
}

export function note(pid: number): Noted {
  const began = beganAt(pid)
  return began === undefined || began === 'ended' ? { pid } : { pid, began }
}

/** `unknown`: some process has this pid, and whether it is the one noted cannot be told here. */
export function stateOf(noted: Noted): 'runs' | 'ended' | 'unknown' {
  if (!isThere(noted.pid)) return 'ended'
  const began = beganAt(noted.pid)
  if (began === undefined || noted.began === undefined) return began === 'ended' ? 'ended' : 'unknown'
  return began === noted.began ? 'runs' : 'ended'
}

const ENDS_WITHIN_MS = 5_000

/** Ends the process at once; answers whether it is gone. Only for one whose state is `runs`. */
export async function end(noted: Noted): Promise<boolean> {
  try {
    process.kill(noted.pid, 'SIGKILL')
  } catch {
    // It has just ended by itself, or is not ours to end: the state tells.
  }
  for (const until = Date.now() + ENDS_WITHIN_MS; Date.now() < until; await sleep(10))
    if (stateOf(noted) === 'ended') return true
  return false
}

const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A dead process whose parent has not looked at it yet counts as ended: it holds nothing. */
function beganAt(pid: number): string | 'ended' | undefined {
  try {
    if (process.platform === 'win32') return undefined
    const [state, began] = process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
    return state?.startsWith('Z') ? 'ended' : began
  } catch {
    return undefined
  }
}

/** Of /proc/PID/stat, behind the name in parentheses: the state first, the start (in ticks since boot) twentieth. */
function fromProc(pid: number): [string | undefined, string | undefined] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return [fields[0], fields[19]]
}

function fromPs(pid: number): [string | undefined, string | undefined] {
  const [state, ...began] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
  return [state, began.join(' ')]
}
