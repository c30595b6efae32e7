/**
 * What a deployment is told: the stage, the settings of fairlead.config.ts (or the file named instead) and where alarms
 * go. Everything is checked here, once, before the first construct exists. It must not print or exit: bin/ does.
 */
import { parseSettings, type Settings } from '../core/settings.ts'

export interface Stage {
  readonly name: string
  /** A dev stage goes whole when its stacks are destroyed; any other keeps its tables and logs. */
  readonly disposable: boolean
}

export interface Inputs {
  readonly stage: Stage
  readonly settings: Settings
  /** The file that the settings stand in, as it was named; without it, it is fairlead.config.ts. */
  readonly configFile?: string
  /** ARN of an SNS topic that hears the alarms; without it they show in CloudWatch only. */
  readonly alarmTopic?: string
}

/** The stage is part of every function's name, and AWS allows 64 characters there. */
const STAGE = /^[a-z][a-z0-9-]{0,19}$/
const TOPIC = /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+$/

/** Inputs from unvalidated context and configuration, or one line per fault. */
export function readInputs(raw: {
  readonly stage: unknown
  readonly config: unknown
  readonly configFile?: string | undefined
  readonly alarmTopic?: unknown
}): { ok: true; inputs: Inputs } | { ok: false; faults: string[] } {
  const name = raw.stage ?? 'dev'
  const faults: string[] = []
  if (typeof name !== 'string' || !STAGE.test(name))
    faults.push(
      `stage: ${JSON.stringify(name)} must be lower-case letters, digits and dashes, at most 20: -c stage=dev`,
    )
  const { alarmTopic, configFile } = raw
  if (alarmTopic !== undefined && (typeof alarmTopic !== 'string' || !TOPIC.test(alarmTopic)))
    faults.push(`alarmTopic: ${JSON.stringify(alarmTopic)} must be the ARN of an SNS topic`)
  const parsed = parseSettings(raw.config)
  if (!parsed.ok) faults.push(...parsed.faults.map((fault) => `${configFile ?? 'fairlead.config.ts'}: ${fault}`))
  if (faults.length > 0 || !parsed.ok) return { ok: false, faults }
  return {
    ok: true,
    inputs: {
      stage: stageNamed(name as string),
      settings: parsed.settings,
      ...(configFile !== undefined && { configFile }),
      ...(typeof alarmTopic === 'string' && { alarmTopic }),
    },
  }
}

/** `dev`, `dev-anna`, `dev2` are there to be thrown away; any other name is kept: a typing error loses nothing. */
const stageNamed = (name: string): Stage => ({ name, disposable: name.startsWith('dev') })
