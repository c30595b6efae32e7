/**
 * The embedded database engine (DynamoDB's protocol over SQLite) as a child process: found, started, stopped.
 * It knows nothing of tables, and does not guard the data file: a parent that is killed leaves the engine alive, and
 * a second one would open the same file (local/data-folder.ts guards it, by the pid answered here).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'

const HOST = '127.0.0.1'
/** Between the system's naming a free port and the engine's taking it somebody else may take it. */
const PORTS_TRIED = 5
const READY_WITHIN_MS = 10_000
const STOPS_WITHIN_MS = 3_000
const OUTPUT_KEPT = 4_000

/** The binary of the optional package for this platform; undefined where there is none. */
export function findDynoxide(): string | undefined {
  const { platform, arch } = process
  try {
    const manifest = createRequire(import.meta.url).resolve(`@dynoxide/${platform}-${arch}/package.json`)
    const binary = join(dirname(manifest), platform === 'win32' ? 'dynoxide.exe' : 'dynoxide')
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

export class EngineFailed extends Error {
  readonly code = 'engine-failed'
}

export interface EngineOrder {
  readonly binary: string
  /** In memory if absent. */
  readonly dbPath?: string
  /** Where to listen; of loopback. */
  readonly host?: string
}
const hostOf = (p: EngineOrder): string => p.host ?? HOST

export interface Engine {
  readonly endpoint: string
  readonly pid: number
  stop(): Promise<void>
}

/** Starts the engine over the file, or in memory without one; answers as soon as it listens. */
export async function startDynoxide(p: EngineOrder): Promise<Engine> {
  for (let tried = 1; ; tried++) {
    const port = await freePort(hostOf(p))
    const started = await start(p, port)
    if (started.kind === 'listens') return engineOf(started.child, `http://${hostOf(p)}:${port}`)
    if (!/in use/i.test(started.why) || tried >= PORTS_TRIED)
      throw new EngineFailed(`${p.binary} did not start on ${hostOf(p)}:${port}: ${started.why}`)
  }
}

type Started = { kind: 'listens'; child: ChildProcess } | { kind: 'failed'; why: string }

/** By the engine's own word that it listens: an answer on the port could be another engine's that took it first. */
function start(p: EngineOrder, port: number): Promise<Started> {
  const file = p.dbPath === undefined ? [] : ['--db-path', p.dbPath]
  // A group of its own: Ctrl-C stops the parent, which still needs its tables to stop in order.
  const detached = process.platform !== 'win32'
  const child = spawn(p.binary, ['--host', hostOf(p), '--port', String(port), ...file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
    windowsHide: true,
  })
  return new Promise((resolve) => {
    // Its banner goes to stderr, as does what it complains of.
    let said = ''
    const fail = (why: string) => {
      clearTimeout(late)
      child.kill('SIGKILL')
      resolve({ kind: 'failed', why: [why, said.trim()].filter(Boolean).join(': ') })
    }
    const late = setTimeout(() => fail(`no sign of life within ${READY_WITHIN_MS} ms`), READY_WITHIN_MS)
    const heard = (text: string) => {
      said = (said + text).slice(-OUTPUT_KEPT)
      if (!/listening on/i.test(said)) return
      clearTimeout(late)
      resolve({ kind: 'listens', child })
    }
    child.stdout.setEncoding('utf8').on('data', heard)
    child.stderr.setEncoding('utf8').on('data', heard)
    child.once('error', (error) => fail(error.message))
    child.once('close', (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}`))
  })
}

function engineOf(child: ChildProcess, endpoint: string): Engine {
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  return {
    endpoint,
    pid: child.pid as number,
    async stop() {
      process.off('exit', kill)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.kill('SIGTERM')
      const late = setTimeout(kill, STOPS_WITHIN_MS)
      await ended
      clearTimeout(late)
    },
  }
}

/** A port that the system names free. */
const freePort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, host, () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
