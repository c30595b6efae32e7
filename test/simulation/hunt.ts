/** `npm run simulate:hunt`: for each planted bug, the first seed that catches it. `--help` has its options. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { BUGS } from './bugs/all.ts'
import type { Bug } from './bugs/bug.ts'
import { bundled } from './bundle.ts'
import type { SeedResult } from './run-seed.ts'
import { simulate } from './runner.ts'

const HELP = `npm run simulate:hunt -- [NAME ...] [options]

  NAME         planted bugs to hunt for (all of them)
  --seeds N    how many schedules each may take (20000)
  --from SEED  the first one's seed (1)
  --jobs N     processes (one for each core)
  --help       this

For each bug the first seed that catches it, and what was found. Exits 1 if one was not caught.
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '20000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    help: { type: 'boolean', default: false },
  },
})

async function hunt(bug: Bug): Promise<SeedResult | undefined> {
  let caught: SeedResult | undefined
  await simulate({
    code: await bundled(bug),
    from: Number(values.from),
    seeds: Number(values.seeds),
    processes: Number(values.jobs),
    heard(result) {
      if (result.violation) caught = result
      return caught === undefined
    },
  })
  return caught
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const unknown = positionals.find((name) => !BUGS.some((bug) => bug.name === name))
  if (unknown !== undefined) {
    process.stderr.write(`There is no planted bug ${unknown}. There are:\n${BUGS.map((b) => b.name).join('\n')}\n`)
    return 2
  }
  let lost = 0
  for (const bug of positionals.length > 0 ? BUGS.filter((b) => positionals.includes(b.name)) : BUGS) {
    const caught = await hunt(bug)
    const { check, message } = caught?.violation ?? { check: 'none', message: 'no schedule caught it' }
    process.stdout.write(`${String(caught?.seed ?? '-').padStart(6)}  ${bug.name}\n        ${check}: ${message}\n`)
    if (!caught) lost++
  }
  return lost > 0 ? 1 : 0
}

process.exitCode = await main()
