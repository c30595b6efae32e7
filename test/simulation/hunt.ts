/** `npm run simulate:hunt -- [NAME ...] [--seeds N] [--jobs N]`: for each planted bug, the first seed that catches it. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { BUGS } from './bugs/all.ts'
import type { Bug } from './bugs/bug.ts'
import { bundled } from './bundle.ts'
import type { SeedResult } from './run-seed.ts'
import { simulate } from './runner.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '20000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
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

const hunted = positionals.length > 0 ? BUGS.filter((b) => positionals.includes(b.name)) : BUGS
for (const bug of hunted) {
  const caught = await hunt(bug)
  const { check, message } = caught?.violation ?? { check: 'none', message: 'no schedule caught it' }
  process.stdout.write(`${String(caught?.seed ?? '-').padStart(6)}  ${bug.name}\n        ${check}: ${message}\n`)
  if (!caught) process.exitCode = 1
}
