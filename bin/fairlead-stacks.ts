/**
 * The CDK app, named in cdk.json. It reads what the user said (-c stage=…, fairlead.config.ts), and stops with one line
 * per fault before anything is built; what is built stands in lib/.
 */
import { App } from 'aws-cdk-lib'
import { addFairlead } from '../lib/app.ts'
import { readInputs } from '../lib/inputs.ts'

const app = new App()

/** Imported here and not above, so that a typing error in the file that users edit costs a line and no stack trace. */
async function readConfig(): Promise<unknown> {
  try {
    return (await import('../fairlead.config.ts')).default
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return stop([`fairlead.config.ts: ${message.replaceAll('\n', ' ')}`])
  }
}

function stop(faults: readonly string[]): never {
  process.stderr.write(faults.map((fault) => `fairlead: ${fault}\n`).join(''))
  process.exit(1)
}

const read = readInputs({
  stage: app.node.tryGetContext('stage'),
  config: await readConfig(),
  alarmTopic: app.node.tryGetContext('alarmTopic'),
})
if (!read.ok) stop(read.faults)
addFairlead(app, read.inputs)
