/** Erases what has expired from tables whose engine does not: it knows the attribute, and looks at no item by itself. */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, paginateScan } from '@aws-sdk/lib-dynamodb'
import { type Tables, write } from '../../adapters/dynamodb/tables.ts'
import type { Key, TableName } from '../../adapters/keys.ts'

/** Those to which lib/data-stack.ts gives a TTL. */
const EXPIRING = ['jobs', 'rings'] as const satisfies readonly TableName[]
/** A page is read in some ms: other requests wait for no longer. */
const PAGE = 250

export async function sweepTables(tables: Tables, now: number, signal: AbortSignal): Promise<void> {
  for (const table of EXPIRING)
    for await (const { Items } of expired(tables, table, now)) {
      if (signal.aborted) return
      for (const key of (Items ?? []) as Key[]) await erase(tables, table, { key, now })
    }
}

const PAST = '#ttl <= :now'
const past = (now: number) => ({
  ExpressionAttributeNames: { '#ttl': 'ttl' },
  ExpressionAttributeValues: { ':now': now / 1000 },
})

const expired = (tables: Tables, table: TableName, now: number) =>
  paginateScan(
    { client: tables.db, pageSize: PAGE },
    { TableName: tables.name[table], ProjectionExpression: 'pk, sk', FilterExpression: PAST, ...past(now) },
  )

/** Unless a later job of the same key has taken its place meanwhile. */
async function erase(tables: Tables, table: TableName, { key, now }: { key: Key; now: number }): Promise<void> {
  const item = { TableName: tables.name[table], Key: key }
  try {
    await write(() => tables.db.send(new DeleteCommand({ ...item, ConditionExpression: PAST, ...past(now) })))
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error
  }
}
