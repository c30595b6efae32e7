/** The records of a table's stream as the engine keeps them, in wire form: no client of streams is among our packages. */
import type { DynamoDBRecord } from 'aws-lambda'
import { REGION } from './bundled-instance.ts'

interface Streams {
  ListStreams: { Streams: { StreamArn: string }[] }
  DescribeStream: { StreamDescription: { Shards: { ShardId: string }[] } }
  GetShardIterator: { ShardIterator: string }
  GetRecords: { Records: DynamoDBRecord[] }
}

/** From the beginning; so few that one request has them all. */
export async function streamRecords(
  endpoint: string,
  TableName: string,
): Promise<{ arn: string; records: DynamoDBRecord[] }> {
  const ask = <A extends keyof Streams>(action: A, input: object) => request(endpoint, action, input)
  const arn = only((await ask('ListStreams', { TableName })).Streams).StreamArn
  const { ShardId } = only((await ask('DescribeStream', { StreamArn: arn })).StreamDescription.Shards)
  const from = { StreamArn: arn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }
  const { Records } = await ask('GetRecords', await ask('GetShardIterator', from))
  return { arn, records: Records }
}

async function request<A extends keyof Streams>(endpoint: string, action: A, input: object): Promise<Streams[A]> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDBStreams_20120810.${action}`,
      'x-amz-date': '20300101T000000Z',
      authorization: `AWS4-HMAC-SHA256 Credential=local/20300101/${REGION}/dynamodb/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(input),
  })
  if (!answer.ok) throw new Error(`${action}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as Streams[A]
}

function only<T>(list: readonly T[]): T {
  if (list.length !== 1) throw new Error(`expected one of ${JSON.stringify(list)}`)
  return list[0] as T
}
