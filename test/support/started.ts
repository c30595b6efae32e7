/**
 * `npm start` as a child process: started, asked over HTTP, stopped or killed by its pid. What a test leaves behind
 * (processes, engines that outlived a kill, folders) is cleared by `clearAll`, and nothing else is.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ApiClient, apiClient } from '../../local/api-client.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const START = join(ROOT, 'bin/start.mjs')

type Child = ChildProcessByStdio<Writable, Readable, Readable>
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}
export interface Spawned {
  readonly pid: number
  /** Both streams so far, as they came. */
  said(): string
  ended: Promise<Ended>
  /** To this process alone, and waits for its end. */
  signal(signal: NodeJS.Signals): Promise<Ended>
}
export interface Started extends Spawned {
  readonly url: string
  readonly token: string
  readonly api: ApiClient
}

const running = new Set<Child>()
const folders = new Set<string>()

export function aFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'fairlead-started-')))
  folders.add(folder)
  return folder
}

/** Any Node program, without a terminal. */
export function aProcess(args: readonly string[], env: Record<string, string> = {}): Spawned {
  const child = spawn(process.execPath, [...args], { cwd: ROOT, env: { ...process.env, ...env } })
  running.add(child)
  const texts = { stdout: '', stderr: '', both: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
      texts.both += text
    })
  const ended = once(child, 'close').then(([code, signal]): Ended => {
    running.delete(child)
    return { code, signal, stdout: texts.stdout, stderr: texts.stderr }
  })
  return {
    pid: child.pid as number,
    said: () => texts.both,
    ended,
    signal: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}

export const npmStart = (args: readonly string[], env: Record<string, string> = {}): Spawned =>
  aProcess([START, ...args], env)

/** Runs `npm start` to its end. */
export const ranToEnd = (...args: string[]): Promise<Ended> => npmStart(args).ended

/** Makes a process say on stderr where it would connect to off this machine, instead of connecting. */
const GROUNDED = `import net from 'node:net'
const { connect } = net.Socket.prototype
net.Socket.prototype.connect = function (...args) {
  const { host = '127.0.0.1' } = Array.isArray(args[0]) ? args[0][0] : args[0]
  if (host.startsWith('127.')) return connect.apply(this, args)
  process.stderr.write('contacted ' + host + '\\n')
  throw new Error('this process is grounded')
}`
export const grounded = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(GROUNDED)}` }

/** Serves on a free port, as soon as it says so. */
export async function started(p: {
  data: string
  args?: readonly string[]
  env?: Record<string, string>
}): Promise<Started> {
  const system = npmStart(['--port', '0', '--data', p.data, ...(p.args ?? [])], p.env)
  let end: Ended | undefined
  void system.ended.then((e) => (end = e))
  const said = await until('it serves', () => {
    if (end) throw new Error(`it ended instead of serving: ${system.said()}`)
    return /serves (http:\S+)[\s\S]*FAIRLEAD_TOKEN=(\S+)\n/.exec(system.said())
  })
  const [, url, token] = said as unknown as [string, string, string]
  return { ...system, url, token, api: apiClient(url, token) }
}

const WITHIN_MS = 20_000
const LOOK_EVERY_MS = 20

/** Waits for a condition, within a bound; answers what it gave. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  withinMs = WITHIN_MS,
): Promise<NonNullable<T>> {
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(LOOK_EVERY_MS)) {
    const found = await condition()
    if (found) return found as NonNullable<T>
  }
  throw new Error(`within ${withinMs} ms it did not come about that ${what}`)
}

export async function clearAll(): Promise<void> {
  for (const child of running) child.kill('SIGKILL')
  await Promise.all([...running].map((child) => once(child, 'close')))
  for (const folder of folders) {
    for (const pid of processesOn(folder)) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  folders.clear()
}

/** Those whose command names the folder: engines that outlived a kill. Known on Linux only. */
export function processesOn(folder: string): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && commandOf(name).includes(`${folder}/`))
    .map(Number)
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
