/** Schedules over several processes: seeds are handed out a few at a time, results come back in no order. */
import { type ChildProcess, spawn } from 'node:child_process'
import { ROOT } from './bundle.ts'
import type { SeedResult } from './run-seed.ts'

/**
 * A third of a schedule's memory is young garbage: a larger young generation is collected less often. Each process has a
 * core of its own: V8's helper threads would only take turns with the other.
 */
const FLAGS = ['--min-semi-space-size=32', '--max-semi-space-size=32', '--single-threaded']
/** Few enough that no process waits for another at the end, many enough that talking costs nothing. */
const AT_ONCE = 10

export interface Simulation {
  readonly code: string
  readonly from: number
  readonly seeds: number
  /** These, in place of so many from there on. */
  readonly named?: readonly number[]
  readonly processes: number
  readonly trace?: boolean
  readonly timeZone?: string
  /** Answers whether to go on. */
  readonly heard: (result: SeedResult) => boolean
}

export async function simulate(p: Simulation): Promise<void> {
  const seeds = handOut(p)
  let over = false
  const heard = (results: readonly SeedResult[]) => {
    for (const result of results) if (!over && !p.heard(result)) over = true
  }
  const next = () => (over ? undefined : seeds.next().value)
  await Promise.all(Array.from({ length: p.processes }, () => oneProcess(p, next, heard)))
}

function* handOut({ from, seeds, named }: Simulation): Generator<number[], undefined> {
  const all = named ?? Array.from({ length: seeds }, (_, i) => from + i)
  for (let at = 0; at < all.length; at += AT_ONCE) yield all.slice(at, at + AT_ONCE)
  return undefined
}

function oneProcess(
  p: Simulation,
  next: () => number[] | undefined,
  heard: (results: SeedResult[]) => void,
): Promise<void> {
  const child = started(p)
  return new Promise((resolve, reject) => {
    let seeds: number[] | undefined
    const order = () => {
      seeds = next()
      if (seeds) child.send({ seeds, trace: p.trace ?? false })
      else child.disconnect()
    }
    child.on('message', (results: SeedResult[]) => {
      heard(results)
      order()
    })
    child.on('error', reject)
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the simulator ended with ${code}, in one of the seeds ${seeds}`)),
    )
    order()
  })
}

/** Its code comes by way of its standard input: nothing is written to disk. */
function started({ code, timeZone }: Simulation): ChildProcess {
  const env = { ...process.env, ...(timeZone ? { TZ: timeZone } : {}) }
  const stdio = ['pipe', 'inherit', 'inherit', 'ipc'] as const
  const child = spawn(process.execPath, [...FLAGS, '-'], { cwd: ROOT, env, stdio: [...stdio] })
  child.stdin?.end(code)
  return child
}
