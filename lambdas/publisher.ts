/** The publisher function: ends of jobs, from the Jobs table's stream, as events. A replayed stream repeats an event. */
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import { End } from '../core/job.ts'
import { tellBroken } from '../services/broken.ts'
import type { EventPort } from '../services/ports.ts'
import { publishEnds } from '../services/publish-ends.ts'
import { publisherFromEnvironment } from './shared/compose.ts'
import type { FunctionDeps } from './shared/deps.ts'
import { type Wrapped, wrap } from './shared/wrap.ts'

export type PublisherDeps = Pick<FunctionDeps, 'meter' | 'log'> & { readonly events: EventPort }

/**
 * The stream goes on from the first end that was not told. One that does not parse is tried as often as one that the bus
 * refuses: code that knows it may be deployed meanwhile. Then it is kept apart (lib/end-stream.ts); the others are told.
 */
export const publisherHandler = (use: () => PublisherDeps): Wrapped<DynamoDBStreamEvent, DynamoDBBatchResponse> =>
  wrap(async (event: DynamoDBStreamEvent) => {
    const ends = event.Records.filter(isEnd).map((record) => ({
      read: readEnd(record),
      itemIdentifier: record.dynamodb?.SequenceNumber ?? '',
    }))
    if (ends.length === 0) return { batchItemFailures: [] }
    const deps = use()
    for (const { read } of ends) if (!read.end) tellBroken(deps, 'EndsUnreadable', read.error, { jobId: read.jobId })
    const readable = ends.flatMap(({ read }) => read.end ?? [])
    const failed = await publishEnds(deps.events, readable)
    const first = ends.find(({ read: { end } }) => end === undefined || end === failed)
    return { batchItemFailures: first ? [{ itemIdentifier: first.itemIdentifier }] : [] }
  })

/** An end may take the place of what an earlier job of its key left, which then reads as a change. */
const isEnd = ({ eventName, dynamodb }: DynamoDBRecord): boolean =>
  eventName !== 'REMOVE' && dynamodb?.NewImage?.['sk']?.S === 'end'

function readEnd({ dynamodb }: DynamoDBRecord): { end: End } | { end?: never; jobId: string; error: unknown } {
  const item = unmarshall(dynamodb?.NewImage as never)
  const { data: end, error } = End.safeParse(item)
  return end ? { end } : { jobId: String(item['pk']), error }
}

export const handler: Wrapped<DynamoDBStreamEvent, DynamoDBBatchResponse> = publisherHandler(publisherFromEnvironment)
