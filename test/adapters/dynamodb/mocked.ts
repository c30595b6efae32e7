/** The document client mocked: what was sent is looked at, nothing goes out. */
import { ConditionalCheckFailedException, TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { dynamoCapacityStore } from '../../../adapters/dynamodb/capacity-store.ts'
import { dynamoJobStore } from '../../../adapters/dynamodb/job-store.ts'
import { dynamoRingStore } from '../../../adapters/dynamodb/ring-store.ts'
import { dynamoTables } from '../../../adapters/dynamodb/tables.ts'
import type { Item } from '../../../adapters/records.ts'
import { LOCAL_ACCESS } from '../../../local/engine/tables.ts'

export const NAMES = { live: 'Live', jobs: 'Jobs', rings: 'Rings', capacity: 'Capacity', approvals: 'Approvals' }

export function mocked() {
  const tables = dynamoTables({ name: NAMES, endpoint: 'http://127.0.0.1:9', ...LOCAL_ACCESS })
  const mock = mockClient(tables.db)
  mock.onAnyCommand().resolves({})
  return {
    mock,
    tables,
    jobs: dynamoJobStore(tables),
    rings: dynamoRingStore(tables),
    capacity: dynamoCapacityStore(tables),
    /** Nothing sent, and every answer empty again. */
    afresh() {
      mock.reset()
      mock.onAnyCommand().resolves({})
    },
    /** All that was sent, in order. */
    sent: (): unknown[] => mock.calls().map((call) => call.args[0].input),
    /** The actions of the last transaction. */
    actions: () => mock.commandCalls(TransactWriteCommand).at(-1)?.args[0].input.TransactItems ?? [],
  }
}

const client = { $metadata: {}, message: 'The conditional request failed' }
/** A failed condition as the document client throws it: what stood is in the wire's form. */
export const conditionFailed = (item?: Item) =>
  new ConditionalCheckFailedException({ ...client, ...(item ? { Item: marshall(item) } : {}) })
export const canceled = (reasons: readonly { Code: string; item?: Item }[]) =>
  new TransactionCanceledException({
    ...client,
    CancellationReasons: reasons.map(({ Code, item }) => ({ Code, ...(item ? { Item: marshall(item) } : {}) })),
  })
