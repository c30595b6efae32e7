/** The publisher function: ends of jobs, from the Jobs table's stream, as events. A replayed stream repeats an event. */
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import { End } from '../core/job.ts'
import type { EventPort } from '../services/ports.ts'
import { eventsFromEnvironment } from './shared/compose.ts'
import { type Wrapped, wrap } from './shared/wrap.ts'

export const publisherHandler = (use: () => EventPort): Wrapped<DynamoDBStreamEvent, DynamoDBBatchResponse> =>
  wrap(async (event: DynamoDBStreamEvent) => {
    const ends = event.Records.flatMap((r) => endOf(r) ?? [])
    if (ends.length === 0) return { batchItemFailures: [] }
    const events = ends.map(({ end }) => ({ jobId: end.jobId, outcome: end.outcome, endedAt: end.endedAt }))
    const { failed } = await use().publish({ events })
    const first = ends.find(({ end }) => failed.some((f) => f.jobId === end.jobId))
    // The stream goes on from the first that failed; those behind it are published again.
    return { batchItemFailures: first ? [{ itemIdentifier: first.sequence }] : [] }
  })

function endOf(record: DynamoDBRecord): { end: End; sequence: string } | undefined {
  const image = record.dynamodb?.NewImage
  if (record.eventName !== 'INSERT' || image?.['sk']?.S !== 'end') return undefined
  const parsed = End.safeParse(unmarshall(image as never))
  return parsed.success ? { end: parsed.data, sequence: record.dynamodb?.SequenceNumber ?? '' } : undefined
}

export const handler: Wrapped<DynamoDBStreamEvent, DynamoDBBatchResponse> = publisherHandler(eventsFromEnvironment)
