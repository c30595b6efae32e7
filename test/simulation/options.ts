/** What the simulator's commands share: how many schedules and from which seed, and a line on what cannot be asked. */
import { availableParallelism } from 'node:os'
import { BUGS } from './bugs/all.ts'
import type { Bug } from './bugs/bug.ts'

/** What was asked cannot be had; the message is one line that says why. */
class Fault extends Error {}

/** For parseArgs, besides a command's own. */
export const SCHEDULES = {
  seeds: { type: 'string' },
  from: { type: 'string', default: '1' },
  jobs: { type: 'string', default: String(availableParallelism()) },
  help: { type: 'boolean', default: false },
} as const

const SEED_AT_MOST = 2 ** 32 - 1
const PROCESSES_AT_MOST = 64

function whole(option: string, text: string, most: number): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text)
  throw new Fault(`--${option} takes a whole number from 1 to ${most}, not ${JSON.stringify(text)}.`)
}

export function schedules(p: { seeds?: string; from: string; jobs: string }, seeds: number) {
  return {
    seeds: whole('seeds', p.seeds ?? String(seeds), SEED_AT_MOST),
    from: whole('from', p.from, SEED_AT_MOST),
    processes: whole('jobs', p.jobs, PROCESSES_AT_MOST),
  }
}

export function bugNamed(name: string): Bug {
  const bug = BUGS.find((b) => b.name === name)
  if (bug) return bug
  throw new Fault(`There is no planted bug ${name}. There are:\n${BUGS.map((b) => b.name).join('\n')}`)
}

/** A command's exit code: what it comes to, or 2 where it was asked for what there is not. */
export async function command(run: () => Promise<number>): Promise<number> {
  try {
    return await run()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const unknown = code?.startsWith('ERR_PARSE_ARGS')
    if (!unknown && !(error instanceof Fault)) throw error
    // Node's text goes on with advice about `--`, which is no help here.
    process.stderr.write(`${unknown ? `${message.split(/\.\s/)[0]}. --help lists the options.` : message}\n`)
    return 2
  }
}
