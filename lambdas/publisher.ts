/** The publisher function: ends of jobs, from the Jobs table's stream, as events. A replayed stream repeats an event. */
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import { End } from '../core/job.ts'
import type { EventPort } from '../services/ports.ts'
import { publishEnds } from '../services/publish-ends.ts'
import { eventsFromEnvironment } from './shared/compose.ts'
import { type Wrapped, wrap } from './shared/wrap.ts'

export const publisherHandler = (use: () => EventPort): Wrapped<DynamoDBStreamEvent, DynamoDBBatchResponse> =>
  wrap(async (event: DynamoDBStreamEvent) => {
    const ends = event.Records.flatMap((r) => endOf(r) ?? [])
    if (ends.length === 0) return { batchItemFailures: [] }
    const failed = await publishEnds(
      use(),
      ends.map(({ end }) => end),
    )
    return { batchItemFailures: ends.flatMap((e) => (e.end === failed ? [{ itemIdentifier: e.sequence }] : [])) }
  })

function endOf(record: DynamoDBRecord): { end: End; sequence: string } | undefined {
  const image = record.dynamodb?.NewImage
  // An end may take the place of what an earlier job of its key left, which then reads as a change.
  if (record.eventName === 'REMOVE' || image?.['sk']?.S !== 'end') return undefined
  const parsed = End.safeParse(unmarshall(image as never))
  return parsed.success ? { end: parsed.data, sequence: record.dynamodb?.SequenceNumber ?? '' } : undefined
}

export const handler: Wrapped<DynamoDBStreamEvent, DynamoDBBatchResponse> = publisherHandler(eventsFromEnvironment)
