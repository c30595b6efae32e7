/**
 * The composition in AWS: ports from the environment's tables and queues. But for what tells that this is
 * Lambda (wrap.ts), nothing else reads process.env.
 */
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'
import raw from '#config'
import { awsClient } from '../../adapters/aws-client.ts'
import { dynamoCapacityStore } from '../../adapters/dynamodb/capacity-store.ts'
import { dynamoJobStore } from '../../adapters/dynamodb/job-store.ts'
import { dynamoPeopleStore } from '../../adapters/dynamodb/people-store.ts'
import { dynamoRingStore } from '../../adapters/dynamodb/ring-store.ts'
import { dynamoTables } from '../../adapters/dynamodb/tables.ts'
import { eventBridgeEvents } from '../../adapters/eventbridge/events.ts'
import { lambdaWaker } from '../../adapters/lambda/waker.ts'
import { aiSdkModel } from '../../adapters/models/ai-sdk.ts'
import { providerChat } from '../../adapters/models/chat/port.ts'
import { secretKeys } from '../../adapters/secrets/keys.ts'
import { sqsJobQueue } from '../../adapters/sqs/job-queue.ts'
import { systemClock } from '../../adapters/system/clock.ts'
import { systemRandom } from '../../adapters/system/random.ts'
import { parseSettings } from '../../core/settings.ts'
import { Doorbell } from '../../services/doorbell.ts'
import type { FunctionDeps, Use } from './deps.ts'
import { ENV, type EnvName, EVENT_SOURCE } from './env.ts'
import { log, meter } from './wrap.ts'

/** A variable that this function was not given: the port behind it is never asked, or its role would refuse. */
const variable = (name: EnvName): string => process.env[name] ?? ''

function compose(): FunctionDeps {
  const parsed = parseSettings(raw)
  if (!parsed.ok) throw new Error(`fairlead.config.ts: ${parsed.faults.join('; ')}`)
  const tables = dynamoTables({
    name: {
      live: variable(ENV.liveTable),
      jobs: variable(ENV.jobsTable),
      rings: variable(ENV.ringsTable),
      capacity: variable(ENV.capacityTable),
      approvals: variable(ENV.approvalsTable),
    },
  })
  const clock = systemClock
  const key = secretKeys({
    client: awsClient(SecretsManagerClient),
    prefix: variable(ENV.secretPrefix),
    now: clock.now,
  })
  const rings = dynamoRingStore(tables)
  const capacity = dynamoCapacityStore(tables)
  const waker = lambdaWaker({ client: awsClient(LambdaClient), functionName: variable(ENV.dispatcher), meter, log })
  return {
    settings: parsed.settings,
    jobs: dynamoJobStore(tables),
    rings,
    capacity,
    people: dynamoPeopleStore(tables),
    clock,
    random: systemRandom(),
    doorbell: new Doorbell({ rings, capacity, waker, clock }),
    meter,
    log,
    queue: sqsJobQueue({ client: awsClient(SQSClient), queueUrl: variable(ENV.queueUrl) }),
    waker,
    model: aiSdkModel({ key, now: clock.now }),
    chat: providerChat({ key, now: clock.now }),
    cursorKey: variable(ENV.cursorKey),
  }
}

/** The publisher needs no table: only somewhere to put events. */
export const publisherFromEnvironment = () => ({
  events: eventBridgeEvents({
    client: awsClient(EventBridgeClient),
    bus: variable(ENV.eventBus),
    source: EVENT_SOURCE,
  }),
  meter,
  log,
})

let composed: FunctionDeps | undefined
export const fromEnvironment: Use = () => {
  composed ??= compose()
  return composed
}
