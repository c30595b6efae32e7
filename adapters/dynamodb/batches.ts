/** Many items in one request. What DynamoDB hands back unprocessed is sent again alone, a bounded number of times. */
import { BatchGetCommand, BatchWriteCommand } from '@aws-sdk/lib-dynamodb'
import { inBatches } from '../../services/in-batches.ts'
import type { Key, TableName } from '../keys.ts'
import type { Item } from '../records.ts'
import { jitter, type Tables } from './tables.ts'

const BATCH_ATTEMPTS = 8
/** DynamoDB's limits per request. */
const BATCH_WRITE_ITEMS = 25
const BATCH_GET_ITEMS = 100

export type Write = { put: Item } | { delete: Key }

/** So many requests of one batch are on their way at once. */
const REQUESTS_AT_ONCE = 4

export const chunks = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

/** Unconditional writes. */
export const batchWrite = ({ db, name }: Tables, table: TableName, writes: readonly Write[]): Promise<void> =>
  batchWriteTo(db, name[table], writes)

/** The same by the name that a table has in the account. */
export const batchWriteTo = (db: Tables['db'], table: string, writes: readonly Write[]): Promise<void> =>
  inBatches(chunks(writes, BATCH_WRITE_ITEMS), REQUESTS_AT_ONCE, (chunk) => writeChunk(db, table, chunk))

async function writeChunk(db: Tables['db'], table: string, chunk: readonly Write[]): Promise<void> {
  let rest: unknown[] = chunk.map((w) =>
    'put' in w ? { PutRequest: { Item: w.put } } : { DeleteRequest: { Key: w.delete } },
  )
  for (let attempt = 0; rest.length > 0; attempt++) {
    if (attempt >= BATCH_ATTEMPTS) throw new Error(`${rest.length} writes to ${table} were not taken`)
    if (attempt > 0) await jitter(attempt)
    const done = await db.send(new BatchWriteCommand({ RequestItems: { [table]: rest as never[] } }))
    rest = done.UnprocessedItems?.[table] ?? []
  }
}

/** Strongly consistent reads by key, in the order asked for. */
export async function batchGet(tables: Tables, table: TableName, keys: readonly Key[]): Promise<(Item | undefined)[]> {
  const found = new Map<string, Item>()
  for (let i = 0; i < keys.length; i += BATCH_GET_ITEMS) {
    let rest: Key[] = keys.slice(i, i + BATCH_GET_ITEMS) as Key[]
    for (let attempt = 0; rest.length > 0; attempt++) {
      if (attempt >= BATCH_ATTEMPTS) throw new Error(`${rest.length} reads of ${table} were not answered`)
      if (attempt > 0) await jitter(attempt)
      const request = { RequestItems: { [tables.name[table]]: { Keys: rest, ConsistentRead: true } } }
      const page = await tables.db.send(new BatchGetCommand(request))
      for (const item of (page.Responses?.[tables.name[table]] ?? []) as Item[])
        found.set(`${item.pk} ${item.sk}`, item)
      rest = (page.UnprocessedKeys?.[tables.name[table]]?.Keys ?? []) as unknown as Key[]
    }
  }
  return keys.map((k) => found.get(`${k.pk} ${k.sk}`))
}
