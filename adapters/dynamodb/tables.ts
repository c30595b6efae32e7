/**
 * The SDK at one remove: the client, the tables' names, and what its own retries do not cover: writes and transactions
 * that meet a running transaction, pages. It knows nothing of what is stored.
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DynamoDBClient,
  type DynamoDBClientConfig,
  TransactionCanceledException,
  TransactionConflictException,
} from '@aws-sdk/client-dynamodb'
import {
  DynamoDBDocumentClient,
  QueryCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from '@aws-sdk/lib-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { WAITING } from '../aws-client.ts'
import type { TableName } from '../keys.ts'
import type { Item } from '../records.ts'

export type TableNames = Readonly<Record<TableName, string>>
export interface Tables {
  readonly db: DynamoDBDocumentClient
  readonly name: TableNames
}
export type Action = NonNullable<TransactWriteCommandInput['TransactItems']>[number]

const CONFLICT_ATTEMPTS = 6

/** An endpoint of one's own comes with its own region and credentials, so that an emulator is never shown real ones. */
export interface Endpoint {
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Instead of a signature by these credentials. */
  readonly signer?: NonNullable<DynamoDBClientConfig['signer']>
}

export function dynamoTables(p: { name: TableNames } & (Endpoint | { endpoint?: never })): Tables {
  const { name, ...endpoint } = p
  // What the SDK tries again may land twice: every write here may do so safely.
  const client = new DynamoDBClient({ ...endpoint, ...WAITING })
  // It makes a copy of every input and output for a logger that drops it: what jobs contain is for no log.
  client.middlewareStack.remove('loggerMiddleware')
  return { db: DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } }), name }
}

export const jitter = (attempt: number) => sleep(Math.random() * 20 * 2 ** attempt)

/** Items that errors hand back are in the wire's form: the document client opens answers only. */
const unwrapped = (item: Record<string, AttributeValue> | undefined): Item | undefined =>
  item && (unmarshall(item) as Item)

/** The item that stood where a condition failed; undefined where nothing stood. Rethrows any other error. */
export function standing(error: unknown): Item | undefined {
  if (!(error instanceof ConditionalCheckFailedException)) throw error
  return unwrapped(error.Item)
}

/** A single write. One that met a running transaction had no effect, and is tried again: the SDK would give up. */
export async function write<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof TransactionConflictException) || attempt + 1 >= CONFLICT_ATTEMPTS) throw error
      await jitter(attempt)
    }
  }
}

export type Outcome = { done: true } | { done: false; failed: boolean[]; items: (Item | undefined)[] }

/** One transaction under one token: tried again after a conflict, landing once whatever was not heard. */
export async function transact(tables: Tables, actions: Action[]): Promise<Outcome> {
  const input = { TransactItems: actions, ClientRequestToken: randomUUID() }
  for (let attempt = 0; ; attempt++) {
    try {
      await tables.db.send(new TransactWriteCommand(input))
      return { done: true }
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error
      const reasons = error.CancellationReasons ?? []
      const failed = reasons.map((r) => r.Code === 'ConditionalCheckFailed')
      if (failed.includes(true)) return { done: false, failed, items: reasons.map((r) => unwrapped(r.Item)) }
      if (attempt + 1 >= CONFLICT_ATTEMPTS) throw error
      await jitter(attempt)
    }
  }
}

/** A partition forwards, strongly consistent. One more than the limit is read: only that tells whether there is more. */
export async function query(
  tables: Tables,
  table: TableName,
  p: { pk: string; after?: string; limit?: number },
): Promise<{ items: Item[]; more: boolean }> {
  const items: Item[] = []
  const wanted = p.limit === undefined ? Infinity : p.limit + 1
  let start: Record<string, unknown> | undefined
  do {
    const page = await tables.db.send(
      new QueryCommand({
        TableName: tables.name[table],
        ConsistentRead: true,
        KeyConditionExpression: p.after === undefined ? 'pk = :pk' : 'pk = :pk AND sk > :after',
        ExpressionAttributeValues: { ':pk': p.pk, ...(p.after === undefined ? {} : { ':after': p.after }) },
        ...(p.limit === undefined ? {} : { Limit: wanted - items.length }),
        ...(start ? { ExclusiveStartKey: start } : {}),
      }),
    )
    items.push(...((page.Items ?? []) as Item[]))
    start = page.LastEvaluatedKey
  } while (start && items.length < wanted)
  return { items: items.slice(0, p.limit), more: items.length >= wanted }
}
