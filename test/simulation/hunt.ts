/** `npm run simulate:hunt`: for each planted bug, the first seed that catches it. `--help` has its options. */
import { parseArgs } from 'node:util'
import { BUGS } from './bugs/all.ts'
import type { Bug } from './bugs/bug.ts'
import { bundled } from './bundle.ts'
import { bugNamed, command, SCHEDULES, schedules } from './options.ts'
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

const SEEDS_EACH = 20_000

async function hunt(bug: Bug, asked: ReturnType<typeof schedules>): Promise<SeedResult | undefined> {
  let caught: SeedResult | undefined
  await simulate({
    code: await bundled(bug),
    ...asked,
    heard(result) {
      if (result.violation) caught = result
      return caught === undefined
    },
  })
  return caught
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: SCHEDULES })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const asked = schedules(values, SEEDS_EACH)
  let lost = 0
  for (const bug of positionals.length > 0 ? positionals.map(bugNamed) : BUGS) {
    const caught = await hunt(bug, asked)
    const { check, message } = caught?.violation ?? { check: 'none', message: 'no schedule caught it' }
    process.stdout.write(`${String(caught?.seed ?? '-').padStart(6)}  ${bug.name}\n        ${check}: ${message}\n`)
    if (!caught) lost++
  }
  return lost > 0 ? 1 : 0
}

process.exitCode = await command(main)
