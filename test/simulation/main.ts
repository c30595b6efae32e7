/** `npm run simulate:faults`: schedules from their seeds, checked as they go. `--help` has its options. */
import { parseArgs } from 'node:util'
import { bundled } from './bundle.ts'
import { bugNamed, command, SCHEDULES, schedules } from './options.ts'
import type { SeedResult } from './run-seed.ts'
import { type Simulation, simulate } from './runner.ts'
import { Tally } from './tally.ts'

const HELP = `npm run simulate:faults -- [options]

  --seeds N    how many schedules (1000)
  --from SEED  the first one's seed (1)
  --jobs N     processes (one for each core)
  --bug NAME   with a planted bug; a name that is not there lists them
  --twice      each in two time zones: do both come to the same trace?
  --trace      prints the last lines of what happened in each
  --help       this

One line for each schedule that breaks a promise, with the command that replays it. Exits 1 if there was one.
`

const OPTIONS = {
  ...SCHEDULES,
  bug: { type: 'string' },
  twice: { type: 'boolean', default: false },
  trace: { type: 'boolean', default: false },
} as const
const SEEDS = 1_000
const PROGRESS_EVERY_MS = 5_000
const TRACE_LINES = 200
/** Far from each other, and from most machines. */
const TIME_ZONES = ['Pacific/Kiritimati', 'America/St_Johns'] as const

/** What to run, and the name of the bug in it. */
type Run = Omit<Simulation, 'heard'> & { readonly bug: string | undefined }

const replay = (seed: number, bug?: string) =>
  `npm run simulate:faults -- --seeds 1 --from ${seed}${bug ? ` --bug '${bug}'` : ''} --trace`

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const { bug, trace } = values
  const asked = schedules(values, SEEDS)
  const run = { ...asked, bug, trace, code: await bundled(bug === undefined ? undefined : bugNamed(bug)) }
  return values.twice ? twice(run) : once(run)
}

async function once(simulation: Run): Promise<number> {
  const tally = new Tally()
  const began = performance.now()
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })
  const progress = setInterval(() => process.stderr.write(`${tally.line()}\n`), PROGRESS_EVERY_MS)
  await simulate({
    ...simulation,
    heard(result) {
      tally.add(result)
      if (simulation.trace) process.stdout.write(`${result.trace.slice(-TRACE_LINES).join('\n')}\n`)
      if (result.violation) process.stdout.write(`${failure(result, simulation.bug)}\n`)
      return !stopped
    },
  })
  clearInterval(progress)
  const perSecond = (tally.schedules / (performance.now() - began)) * 1000
  process.stdout.write(`${tally.report()}, ${perSecond.toFixed(1)} a second\n`)
  return tally.failed.length > 0 ? 1 : 0
}

const failure = ({ seed, violation }: SeedResult, bug?: string): string =>
  `seed ${seed}, after ${violation?.at} ms, ${violation?.check}: ${violation?.message}\n  ${replay(seed, bug)}`

/** Every seed in two time zones: the traces must be the same. */
async function twice(simulation: Run): Promise<number> {
  const hashes = new Map<number, string>()
  let differing = 0
  for (const timeZone of TIME_ZONES)
    await simulate({
      ...simulation,
      timeZone,
      heard({ seed, hash }) {
        if (hashes.has(seed) && hashes.get(seed) !== hash) {
          differing++
          process.stdout.write(`seed ${seed} came to two traces\n`)
        }
        hashes.set(seed, hash)
        return true
      },
    })
  process.stdout.write(`${hashes.size} seeds, each in ${TIME_ZONES.join(' and ')}: ${differing} differ\n`)
  return differing > 0 ? 1 : 0
}

process.exitCode = await command(main)
