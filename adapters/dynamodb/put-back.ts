/**
 * Makes a table hold what another holds. DynamoDB restores into a table of a new name, without TTL, stream and recovery; the
 * functions, their permissions and the publisher's stream are of the stack's own table, which is therefore put back in place.
 */
import { createHash } from 'node:crypto'
import { type DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { type Key, ledgerKey } from '../keys.ts'
import type { Item } from '../records.ts'
import { batchWriteTo, type Write } from './batches.ts'

export interface PutBack {
  readonly from: string
  readonly into: string
  /** Otherwise nothing is changed, and what would be is counted. */
  readonly write: boolean
  /** Epoch ms. */
  readonly now: number
  /** After each page. */
  readonly told?: (counted: Counted) => void
}
/** In items. */
export interface Counted {
  put: number
  deleted: number
  same: number
  /** Ledgers that were restored, and are not put back: of what was called since they know nothing. */
  ledgers: number
}

/** A dispatcher works on the table. */
export class StillHeld extends Error {
  constructor(readonly pool: string) {
    super(`a dispatcher holds the pool ${pool}`)
  }
}

/**
 * What is there already is not written again: the stream tells nothing of it. First all is put, and then deleted what the
 * other has not, so that a run that was cut off is repeated.
 */
export async function putBack(db: DynamoDBDocumentClient, { from, into, write, now, told }: PutBack): Promise<Counted> {
  const counted: Counted = { put: 0, deleted: 0, same: 0, ledgers: 0 }
  const standing = await printsOf(db, into, now)
  const change = async (writes: Write[]) => {
    if (write) await batchWriteTo(db, into, writes)
    told?.(counted)
  }
  for await (const page of pages(db, from)) {
    const puts: Write[] = []
    for (const item of page) {
      if (isLedger(item)) counted.ledgers++
      else if (standing.get(idOf(item))?.print === printOf(item)) counted.same++
      else puts.push({ put: item })
      if (!isLedger(item)) standing.delete(idOf(item))
    }
    counted.put += puts.length
    await change(puts)
  }
  counted.deleted = standing.size
  await change([...standing.values()].map(({ key }) => ({ delete: key })))
  return counted
}

type Prints = Map<string, { readonly key: Key; readonly print: string }>

async function printsOf(db: DynamoDBDocumentClient, table: string, now: number): Promise<Prints> {
  const prints: Prints = new Map()
  for await (const page of pages(db, table))
    for (const item of page) {
      if (isLedger(item) && item['state'] !== 'free' && Number(item['until']) > now) throw new StillHeld(item.pk)
      prints.set(idOf(item), { key: { pk: item.pk, sk: item.sk }, print: printOf(item) })
    }
  return prints
}

async function* pages(db: DynamoDBDocumentClient, table: string): AsyncGenerator<Item[]> {
  let start: Record<string, unknown> | undefined
  do {
    const from = start ? { ExclusiveStartKey: start } : {}
    const page = await db.send(new ScanCommand({ TableName: table, ConsistentRead: true, ...from }))
    yield (page.Items ?? []) as Item[]
    start = page.LastEvaluatedKey
  } while (start)
}

const isLedger = ({ pk, sk }: Key): boolean => sk === ledgerKey(pk).sk
const idOf = ({ pk, sk }: Key): string => JSON.stringify([pk, sk])
const printOf = (item: Item): string => createHash('sha256').update(JSON.stringify(item, inOrder)).digest('base64')

/** A copy may have its fields in another order. */
function inOrder(_field: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
