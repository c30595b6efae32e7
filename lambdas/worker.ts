/** The worker function: one message of up to ten jobs. A message that does not parse goes to the dead-letter queue. */
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import * as z from 'zod'
import { LiveKey, Served } from '../core/job.ts'
import type { JobMessage } from '../services/ports.ts'
import { work } from '../services/work.ts'
import { fromEnvironment } from './shared/compose.ts'
import type { Use } from './shared/deps.ts'
import { type Wrapped, wrap } from './shared/wrap.ts'

const Job = z.object({
  key: LiveKey,
  fence: z.number(),
  slot: z.number(),
  notAfter: z.number(),
  probe: z.boolean().optional(),
  doubted: z.boolean().optional(),
  maxOutput: z.number().int().min(1).optional(),
  fallback: Served.optional(),
})
const all = { pool: z.string(), sentAt: z.number(), settings: z.number().optional() }
const jobs = z.array(Job).min(1).max(10)
/** Jobs of other pools come as guests (adapters/sqs/job-queue.ts). */
const Guests = z.object({ ...all, guests: jobs }).transform(({ guests, ...message }) => ({ ...message, jobs: guests }))
const Message = z.union([z.object({ ...all, jobs }), Guests])

export const workerHandler = (use: Use): Wrapped<SQSEvent, SQSBatchResponse> =>
  wrap(async (event: SQSEvent) => {
    const deps = use()
    const one = async ({ messageId, body }: SQSEvent['Records'][number]) => {
      const message = parse(body)
      if (!message) return [{ itemIdentifier: messageId }]
      await work(deps, message)
      return []
    }
    return { batchItemFailures: (await Promise.all(event.Records.map(one))).flat() }
  })

function parse(body: string): JobMessage | undefined {
  try {
    return Message.parse(JSON.parse(body))
  } catch {
    return undefined
  }
}

export const handler: Wrapped<SQSEvent, SQSBatchResponse> = workerHandler(fromEnvironment)
