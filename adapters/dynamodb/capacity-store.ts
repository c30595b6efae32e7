/** Lease, ledger, overview and stops over DynamoDB: one record per pool is written by the lease's holder alone. */

import { randomBytes } from 'node:crypto'
import { DeleteCommand, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { CLOCK_OFF_AT_MOST_MS, nextLease } from '../../core/lease.ts'
import { type LeaseState, LedgerRecord } from '../../core/ledger-record.ts'
import { Overview, type Painted, REPLACED_AFTER_MS } from '../../core/overview.ts'
import type { CapacityStore } from '../../services/ports.ts'
import { bellKey, type Key, ledgerKey, overridesKey, overviewKey, stopKey } from '../keys.ts'
import { fromStopItem, type Item, overridesOf, parseRecord, stored } from '../records.ts'
import { watchClock } from './clock-watch.ts'
import { ABSENT, ALL_OLD } from './conditions.ts'
import { standing, type Tables, transact, write } from './tables.ts'

/** Enough to tell one write from another of the same version. */
const MARK_BYTES = 9

type Version = Pick<LedgerRecord, 'epoch' | 'version'>

const at = ({ epoch, version }: Version) => ({
  ConditionExpression: 'epoch = :epoch AND version = :version',
  ExpressionAttributeValues: { ':epoch': epoch, ':version': version },
})

const overVersion = (version: number) =>
  version === 0
    ? { ConditionExpression: ABSENT }
    : { ConditionExpression: 'version = :version', ExpressionAttributeValues: { ':version': version } }

/** core/overview.ts, `replaces`. */
const overOlder = ({ version, at }: Painted) => ({
  ConditionExpression: `${ABSENT} OR attribute_not_exists(version) OR version < :version OR (version = :version AND #at <= :at) OR #at < :longAgo`,
  ExpressionAttributeNames: { '#at': 'at' },
  ExpressionAttributeValues: { ':version': version, ':at': at, ':longAgo': at - REPLACED_AFTER_MS },
})

/** Some names are words of DynamoDB's own. */
const projected = (fields: readonly string[]) => ({
  ProjectionExpression: fields.map((field) => `#${field}`).join(', '),
  ExpressionAttributeNames: Object.fromEntries(fields.map((field) => [`#${field}`, field])),
})

export function dynamoCapacityStore(tables: Tables, now?: () => number): CapacityStore {
  const { db, name } = tables
  const clock = watchClock(tables, now)
  /** Strongly consistent; of the item these fields, or all. */
  const get = async (key: Key, fields?: readonly string[]): Promise<Item | undefined> => {
    const asked = { TableName: name.capacity, Key: key, ConsistentRead: true, ...(fields ? projected(fields) : {}) }
    return (await db.send(new GetCommand(asked))).Item as Item | undefined
  }
  const put = (item: Item) => write(() => db.send(new PutCommand({ TableName: name.capacity, Item: item })))

  /** Puts the record over the one version it follows; known again by its mark if the answer was lost. */
  const follow = async (pool: string, record: LedgerRecord, before?: Version): Promise<boolean> => {
    const item = { ...stored(ledgerKey(pool), record), mark: randomBytes(MARK_BYTES).toString('base64url') }
    const succeeds = before ? at(before) : { ConditionExpression: ABSENT }
    try {
      await write(() => db.send(new PutCommand({ TableName: name.capacity, Item: item, ...succeeds, ...ALL_OLD })))
      return true
    } catch (error) {
      return standing(error)?.['mark'] === item.mark
    }
  }
  return {
    async acquire(p) {
      const item = await get(ledgerKey(p.pool))
      if (clock.offMs > CLOCK_OFF_AT_MOST_MS) return { kind: 'clock-off' }
      const old = item && parseRecord<LedgerRecord>(LedgerRecord, item)
      const record = nextLease(old, p)
      if (record && (await follow(p.pool, record, old))) return { kind: 'held', record }
      return { kind: 'taken', until: old?.until ?? p.now }
    },
    async write({ pool, record }) {
      const before = { epoch: record.epoch, version: record.version - 1 }
      return (await follow(pool, record, before)) ? 'written' : 'lost'
    },
    clockOffMs: () => clock.offMs,
    async lease({ pool }) {
      const found = await get(ledgerKey(pool), ['state', 'until'])
      return found && { state: found['state'] as LeaseState, until: found['until'] as number }
    },
    async changes({ pool }) {
      return LedgerRecord.shape.uses.parse((await get(ledgerKey(pool), ['uses']))?.['uses']) ?? []
    },
    async overview({ pool }) {
      const item = await get(overviewKey(pool))
      // A picture that newer code painted is none: the next one is a second away.
      return item && Overview.safeParse(item).data
    },
    async putOverview({ pool, version, overview }) {
      const Item = { ...stored(overviewKey(pool), overview), version }
      const over = new PutCommand({ TableName: name.capacity, Item, ...overOlder({ version, at: overview.at }) })
      await write(() => db.send(over)).catch(standing)
    },
    async stopped({ pool }) {
      const item = await get(stopKey(pool))
      return item && fromStopItem(item)
    },
    async stop({ pool, stop }) {
      await put(stored(stopKey(pool), stop))
    },
    async resume({ pool }) {
      await write(() => db.send(new DeleteCommand({ TableName: name.capacity, Key: stopKey(pool) })))
    },
    async overrides({ pool }) {
      return overridesOf(await get(overridesKey(pool)))
    },
    async override({ pool, overrides, bell }) {
      const Item = stored(overridesKey(pool), overrides)
      const ring = { TableName: name.rings, Item: stored(bellKey(pool, bell.id), bell) }
      const { done } = await transact(tables, [
        { Put: { TableName: name.capacity, Item, ...overVersion(overrides.version - 1) } },
        { Put: ring },
      ])
      return done ? 'written' : 'stale'
    },
  }
}
