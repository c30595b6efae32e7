import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const PROGRAM = `
  import { log } from './lambdas/shared/wrap.ts'
  log.broken('AttemptsBroken', { jobId: 'a-job', error: 'TypeError' })
`

it('on one machine, what broke is a line of JSON on stderr', async () => {
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', PROGRAM])
  const { stdout, stderr } = await run
  expect(stdout).toBe('')
  expect(JSON.parse(stderr)).toMatchObject({ message: 'AttemptsBroken', jobId: 'a-job', error: 'TypeError' })
})
