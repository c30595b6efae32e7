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

export function sqsJobQueue(p: { client: SQSClient; queueUrl: string }): JobQueue {
  const sendTen = async (messages: readonly JobMessage[]): Promise<JobMessage[]> => {
    const entries = messages.map((m, i) => ({ Id: String(i), MessageBody: JSON.stringify(onWire(m)) }))
    try {
      const done = await p.client.send(new SendMessageBatchCommand({ QueueUrl: p.queueUrl, Entries: entries }))
      return (done.Failed ?? []).map((f) => messages[Number(f.Id)] as JobMessage)
    } catch {
      // Unheard, some may have been taken: they will meet a second message for the same fence, and one of them wins.
      return [...messages]
    }
  }
  return {
    async send({ messages }) {
      const chunks: JobMessage[][] = []
      for (let i = 0; i < messages.length; i += MESSAGES_PER_REQUEST)
        chunks.push(messages.slice(i, i + MESSAGES_PER_REQUEST))
      return { failed: (await Promise.all(chunks.map(sendTen))).flat() }
    },
  }
}
