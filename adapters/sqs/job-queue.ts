/** The job queue over SQS: ten messages a request. A message may be lost, doubled or late; the claim decides. */
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { JobMessage, JobQueue } from '../../services/ports.ts'

const MESSAGES_PER_REQUEST = 10

/**
 * Guests go by another name: a worker of older code would call them by their own kind's model. So it takes no such message,
 * and who knows them gets it again, or their own pool has them back.
 */
function onWire({ jobs, ...message }: JobMessage): object {
  return jobs.some((job) => job.fallback) ? { ...message, guests: jobs } : { ...message, jobs }
}

type Refused = Awaited<ReturnType<JobQueue['send']>>

/** One message of a request that went well otherwise. */
class NotTaken extends Error {
  override readonly name = 'NotTaken'
  constructor(readonly code: string | undefined) {
    super('the queue did not take a message')
  }
}

export function sqsJobQueue(p: { client: SQSClient; queueUrl: string }): JobQueue {
  const sendTen = async (messages: readonly JobMessage[]): Promise<Refused> => {
    const entries = messages.map((m, i) => ({ Id: String(i), MessageBody: JSON.stringify(onWire(m)) }))
    try {
      const done = await p.client.send(new SendMessageBatchCommand({ QueueUrl: p.queueUrl, Entries: entries }))
      const { Failed: [first, ...others] = [] } = done
      if (!first) return { failed: [] }
      const failed = [first, ...others].map((f) => messages[Number(f.Id)] as JobMessage)
      return { failed, why: new NotTaken(first.Code) }
    } catch (why) {
      // Unheard, some may have been taken: they will meet a second message for the same fence, and one of them wins.
      return { failed: [...messages], why }
    }
  }
  return {
    async send({ messages }) {
      const chunks: JobMessage[][] = []
      for (let i = 0; i < messages.length; i += MESSAGES_PER_REQUEST)
        chunks.push(messages.slice(i, i + MESSAGES_PER_REQUEST))
      const refused = await Promise.all(chunks.map(sendTen))
      return { failed: refused.flatMap((r) => r.failed), why: refused.find((r) => r.why)?.why }
    },
  }
}
