/**
 * The queue between dispatcher and worker. Its messages carry keys, fences and slots only, and may be lost, doubled or
 * late: the lanes still hold the jobs and the claim decides. So nothing here is tuned to keep a message alive.
 */
import { Duration, Validations } from 'aws-cdk-lib'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources'
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { callIn, type Settings } from '../core/settings.ts'
import { ENV } from '../lambdas/shared/env.ts'

/** Lambda's longest: a worker waits for its slot, then for a model (core/settings.ts: ten minutes), and settles. */
export const WORKER_TIMEOUT = Duration.minutes(15)
/**
 * A message must not come back while its worker may live. AWS advises six timeouts, to leave room for retries of a
 * throttled function; here a message that is doubled meanwhile loses its claim, and one that returns soon shows soon
 * that it kills its worker.
 */
const VISIBILITY = Duration.minutes(16)
/** Twice may be chance: a deployment, a lost machine. The third time the message itself is looked at by a person. */
const RECEIVES = 3
/** Longer than receives times visibility, so that a poisonous message is a dead letter before it is forgotten. */
const RETENTION = Duration.hours(4)
/** SQS's longest: time for somebody to look. */
const DEAD_LETTER_RETENTION = Duration.days(14)

/** Half of the 1,000 concurrent executions that an account starts from: the API must never wait for the models. */
const MAX_WORKERS = 500
/**
 * Enough for a thousand calls at once, ten a message: a limit that is raised while it runs (PATCH /v1/pools/{id}) needs no
 * deployment.
 */
const MIN_WORKERS = 100

export class JobQueue extends Construct {
  readonly queue: Queue
  readonly deadLetters: Queue

  constructor(scope: Construct, id: string) {
    super(scope, id)
    this.deadLetters = deadLetterQueue(this, 'dead-letters')
    this.queue = new Queue(this, 'jobs', {
      visibilityTimeout: VISIBILITY,
      retentionPeriod: RETENTION,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: RECEIVES },
    })
  }

  bindSender(fn: LambdaFunction): void {
    fn.addEnvironment(ENV.queueUrl, this.queue.queueUrl)
    fn.addToRolePolicy(new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [this.queue.queueArn] }))
  }

  /** One message per invocation: it holds up to ten jobs, and a worker that dies takes no other message along. */
  bindConsumer(fn: LambdaFunction, settings: Settings): void {
    fn.addEventSource(
      new SqsEventSource(this.queue, {
        batchSize: 1,
        reportBatchItemFailures: true,
        maxConcurrency: workersFor(settings),
      }),
    )
  }
}

/** Kept by SQS for as long as it keeps anything, because nobody reads it until an alarm says so. */
export function deadLetterQueue(scope: Construct, id: string): Queue {
  const queue = new Queue(scope, id, {
    retentionPeriod: DEAD_LETTER_RETENTION,
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
  })
  Validations.of(queue).acknowledge({ id: 'AwsSolutions-SQS3', reason: 'It is itself where dead letters go.' })
  return queue
}

/**
 * Workers at once, at most: calls per second times the longest that a call may take, summed over the pools (Little's
 * law) or as many as may be in flight, as if every call travelled alone. What may be called elsewhere counts there, too. Ten
 * usually share a message, so the cap binds only when something is wrong; it is a cap on the event source, because a
 * function throttled instead would burn a message's receives.
 */
export function workersFor(settings: Settings): number {
  const calls = Object.entries(settings.pools).map(([name, pool]) => {
    const timeouts = Object.values(settings.kinds).flatMap((kind) => (callIn(kind, name) ? [kind.timeoutMs] : []))
    if (pool.concurrency !== undefined) return pool.concurrency
    return pool.requests === undefined ? MAX_WORKERS : (pool.requests * Math.max(0, ...timeouts)) / pool.windowMs
  })
  const needed = Math.ceil(calls.reduce((sum, n) => sum + n, 0))
  return Math.min(MAX_WORKERS, Math.max(MIN_WORKERS, needed))
}
