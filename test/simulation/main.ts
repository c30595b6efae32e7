/** `npm run simulate:faults`: schedules from their seeds, checked as they go. `--help` has its options. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { BUGS } from './bugs/all.ts'
import { bundled } from './bundle.ts'
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

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    bug: { type: 'string' },
    twice: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
})
const PROGRESS_EVERY_MS = 5_000
const TRACE_LINES = 200
/** Far from each other, and from most machines. */
const TIME_ZONES = ['Pacific/Kiritimati', 'America/St_Johns'] as const

const replay = (seed: number) =>
  `npm run simulate:faults -- --seeds 1 --from ${seed}${values.bug ? ` --bug '${values.bug}'` : ''} --trace`

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const bug = BUGS.find((b) => b.name === values.bug)
  if (values.bug !== undefined && !bug) {
    process.stderr.write(`There is no planted bug ${values.bug}. There are:\n${BUGS.map((b) => b.name).join('\n')}\n`)
    return 2
  }
  const simulation = {
    code: await bundled(bug),
    from: Number(values.from),
    seeds: Number(values.seeds),
    processes: Number(values.jobs),
    trace: values.trace,
  }
  return values.twice ? twice(simulation) : once(simulation)
}

async function once(simulation: Omit<Simulation, 'heard'>): Promise<number> {
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
      if (result.violation) process.stdout.write(`${failure(result)}\n`)
      return !stopped
    },
  })
  clearInterval(progress)
  const perSecond = (tally.schedules / (performance.now() - began)) * 1000
  process.stdout.write(`${tally.report()}, ${perSecond.toFixed(1)} a second\n`)
  return tally.failed.length > 0 ? 1 : 0
}

const failure = ({ seed, violation }: SeedResult): string =>
  `seed ${seed}, after ${violation?.at} ms, ${violation?.check}: ${violation?.message}\n  ${replay(seed)}`

/** Every seed in two time zones: the traces must be the same. */
async function twice(simulation: Omit<Simulation, 'heard'>): Promise<number> {
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

process.exitCode = await main()
