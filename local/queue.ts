/**
 * The job queue of one machine: SQS's protocol over an embedded emulator, or the queue in memory, each with the poller
 * that hands its messages to the worker. Messages carry keys only: what a crash loses is found in the lanes again.
 */
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import type { SQSEvent } from 'aws-lambda'
import { MemoryJobQueue } from '../adapters/memory/job-queue.ts'
import { sqsJobQueue } from '../adapters/sqs/job-queue.ts'
import { systemClock } from '../adapters/system/clock.ts'
import type { JobQueue } from '../services/ports.ts'
import { LOCAL_ACCESS } from './engine/tables.ts'
import { injectedInto } from './injected.ts'
import { poll, RECEIVED_AT_MOST } from './polling.ts'

export interface LocalQueue {
  readonly queue: JobQueue
  /** Hands messages to `work` until the signal aborts; resolves when the last one is done. */
  poll(work: (event: SQSEvent) => Promise<unknown>, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** Longer than any call: a message comes back only when its worker died. */
const VISIBILITY_S = '900'
const POLL_WAIT_S = 5
/** The SDK wants an address; the emulator has none. */
const NOWHERE = 'http://queue.invalid'

const eventOf = (body: string, messageId: string): SQSEvent =>
  ({
    Records: [{ messageId, body, receiptHandle: messageId, attributes: {}, messageAttributes: {} }],
  }) as unknown as SQSEvent

export async function sqsQueue(): Promise<LocalQueue> {
  // A web server of its own: without its engine nobody waits for it to load.
  const { buildApp } = await import('fauxqs')
  const app = buildApp({ logger: false })
  const requestHandler = injectedInto(app)
  const client = new SQSClient({ ...LOCAL_ACCESS, endpoint: NOWHERE, useQueueUrlAsEndpoint: false, requestHandler })
  const made = await client.send(
    new CreateQueueCommand({ QueueName: 'jobs', Attributes: { VisibilityTimeout: VISIBILITY_S } }),
  )
  const QueueUrl = made.QueueUrl as string
  const receive = async (signal: AbortSignal): Promise<Message[]> => {
    const ask = { QueueUrl, MaxNumberOfMessages: RECEIVED_AT_MOST, WaitTimeSeconds: POLL_WAIT_S }
    return (await client.send(new ReceiveMessageCommand(ask), { abortSignal: signal })).Messages ?? []
  }
  const forget = ({ ReceiptHandle }: Message) => client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
  return {
    queue: sqsJobQueue({ client, queueUrl: QueueUrl }),
    poll: (work, signal) =>
      poll(
        {
          clock: systemClock,
          receive,
          async work(message) {
            await work(eventOf(message.Body ?? '', message.MessageId ?? ''))
            await forget(message)
          },
        },
        signal,
      ),
    async close() {
      client.destroy()
      await app.close()
    },
  }
}

export function memoryQueue(): LocalQueue {
  const queue = new MemoryJobQueue()
  return {
    queue,
    poll: (work, signal) =>
      poll(
        {
          clock: systemClock,
          receive: (until) => queue.receive(until),
          work: (message) => work(eventOf(JSON.stringify(message), String(message.sentAt))),
        },
        signal,
      ),
    async close() {},
  }
}
