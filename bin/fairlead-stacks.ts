/**
 * The CDK app, named in cdk.json. It reads what the user said (-c stage=…, fairlead.config.ts or -c config=FILE), and
 * stops with one line per fault before anything is built; what is built stands in lib/.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { App } from 'aws-cdk-lib'
import { addFairlead } from '../lib/app.ts'
import { readInputs } from '../lib/inputs.ts'

const app = new App()

const context = (name: string): unknown => app.node.tryGetContext(name)
const configFile = context('config') === undefined ? undefined : String(context('config'))

/** Imported here and not above, so that a typing error in the file that users edit costs a line and no stack trace. */
async function readConfig(): Promise<unknown> {
  try {
    return configFile === undefined ? (await import('#config')).default : await contentOf(resolve(configFile))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return stop([`${configFile ?? 'fairlead.config.ts'}: ${message.replaceAll('\n', ' ')}`])
  }
}

async function contentOf(path: string): Promise<unknown> {
  if (path.endsWith('.json')) return JSON.parse(readFileSync(path, 'utf8'))
  return (await import(pathToFileURL(path).href)).default
}

function stop(faults: readonly string[]): never {
  process.stderr.write(faults.map((fault) => `fairlead: ${fault}\n`).join(''))
  process.exit(1)
}

const read = readInputs({
  stage: context('stage'),
  config: await readConfig(),
  configFile,
  alarmTopic: context('alarmTopic'),
})
if (!read.ok) stop(read.faults)
addFairlead(app, read.inputs)
