import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, Duration, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll, describe, expect, it } from 'vitest'
import { fairleadFunction } from '../../lib/function.ts'
import { readInputs } from '../../lib/inputs.ts'
import { ROOT, runApp, sourcesOf } from '../support/bundled-assembly.ts'
import { aConfig, aKind, type Resource, resources } from './stacks.ts'

const folder = mkdtempSync(join(tmpdir(), 'fairlead-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** The sources of one function, bundled as all are. */
function filesOf(configFile: string | undefined): string[] {
  const cdk = new App({ outdir: mkdtempSync(join(folder, 'cdk-')) })
  const stack = new Stack(cdk, 'stack')
  const limits = { timeout: Duration.seconds(1), memorySize: 128 }
  fairleadFunction(stack, { stage: { name: 'dev', disposable: true }, name: 'approval', configFile, ...limits })
  const [{ Properties }] = resources(Template.fromStack(stack), 'AWS::Lambda::Function').map(([, fn]) => fn) as [
    Resource,
  ]
  const asset = Properties.Code.S3Key.replace('.zip', '')
  return sourcesOf({ folder: join(cdk.outdir, `asset.${asset}`), handler: Properties.Handler })
}

const app = (config: string) => runApp({ outdir: join(folder, 'cdk.out'), context: { config } })

describe('-c config=FILE', () => {
  it('stops with one line where there is no such file', () => {
    const { status, stderr } = app('nowhere.config.ts')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^fairlead: nowhere\.config\.ts: Cannot find module .*\n$/)
  })

  it('is named in the line about each of its faults', () => {
    const config = aConfig({ kinds: { reply: aKind({ pool: 'elsewhere' }) } })
    const path = file('bad.config.ts', `export default ${JSON.stringify(config)} as object\n`)
    const stderr = `fairlead: ${path}: kinds.reply.pool: no pool is named elsewhere\n`
    expect(app(path)).toEqual({ status: 1, stderr })
  })

  it('is left out of the inputs where nobody says it', () => {
    expect(readInputs({ stage: 'dev', config: aConfig() })).not.toHaveProperty('inputs.configFile')
    const named = readInputs({ stage: 'dev', config: aConfig(), configFile: 'prod.config.ts' })
    expect(named).toHaveProperty('inputs.configFile', 'prod.config.ts')
  })
})

describe('a function', () => {
  it('holds fairlead.config.ts where no file is named', () => {
    expect(filesOf(undefined)).toContain(join(ROOT, 'fairlead.config.ts'))
  })

  it('holds the file that is named, and fairlead.config.ts not', () => {
    const path = file('other.config.ts', `const config: object = ${JSON.stringify(aConfig())}\nexport default config\n`)
    const files = filesOf(path)
    expect(files).toContain(path)
    expect(files).not.toContain(join(ROOT, 'fairlead.config.ts'))
  })
})
