/** The tables on an endpoint of one's own. Never used against AWS: there, lib/data-stack.ts deploys them. */
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import type { Endpoint, TableNames } from '../../adapters/dynamodb/tables.ts'
import { TABLES } from '../../adapters/keys.ts'

/**
 * What an emulator is shown: it asks for some region, credentials and signature, and whatever AWS ones there are stay away
 * from it. It checks no signature, and to make one takes a tenth of the time that a request costs.
 */
export const LOCAL_ACCESS: Omit<Endpoint, 'endpoint'> = {
  region: 'local',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  signer: { sign: async (request) => ({ ...request, headers: { ...request.headers, ...UNSIGNED } }) },
}
const UNSIGNED = {
  authorization:
    'AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=none',
  'x-amz-date': '20260101T000000Z',
}

const READY_WITHIN_S = 60

/**
 * Creates what is absent, and leaves what is there as it is. With a stream of the ends in `jobs` only where something
 * reads it: the engine writes each item twice for it.
 */
export async function createTables(endpoint: string, names: TableNames, p: { stream?: boolean } = {}): Promise<void> {
  const client = new DynamoDBClient({ endpoint, ...LOCAL_ACCESS })
  try {
    await Promise.all(
      TABLES.map((table) => createTable(client, definition(names[table], p.stream === true && table === 'jobs'))),
    )
  } finally {
    client.destroy()
  }
}

async function createTable(client: DynamoDBClient, wanted: CreateTableCommandInput): Promise<void> {
  try {
    await client.send(new CreateTableCommand(wanted))
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error
  }
  await waitUntilTableExists(
    { client, minDelay: 1, maxDelay: 1, maxWaitTime: READY_WITHIN_S },
    { TableName: wanted.TableName },
  )
}

/** As lib/data-stack.ts deploys them, but for what expires: local/engine/sweep.ts erases it. */
const definition = (name: string, streamed: boolean): CreateTableCommandInput => ({
  TableName: name,
  BillingMode: 'PAY_PER_REQUEST',
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
  ],
  ...(streamed ? { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' as const } } : {}),
})
