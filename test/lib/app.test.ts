import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const outdir = mkdtempSync(join(tmpdir(), 'fairlead-app-'))
afterAll(() => rmSync(outdir, { recursive: true }))

/** As the CDK CLI runs it (cdk.json), with the context that `-c` gives. */
const run = (context: Record<string, string>) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'bin/fairlead-stacks.ts'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, CDK_CONTEXT_JSON: JSON.stringify(context), CDK_OUTDIR: outdir },
    encoding: 'utf8',
  })

describe('the CDK app', () => {
  it('says one line about a bad stage and stops', () => {
    const { status, stderr } = run({ stage: 'My Stage' })
    expect(status).toBe(1)
    expect(stderr).toBe(
      'fairlead: stage: "My Stage" must be lower-case letters, digits and dashes, at most 20: -c stage=dev\n',
    )
  })
})
