/** Bells and the ring of owners over DynamoDB. Bells have keys of their own: none meets another. */
import { PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import type { OwnerRecord } from '../../core/owner-record.ts'
import { inBatches } from '../../services/in-batches.ts'
import type { RingStore } from '../../services/ports.ts'
import { bellKey, isOwnerRecord, ledgerKey, ownerKey, ownerRecordKey, poolOfRing } from '../keys.ts'
import { type Item, stored } from '../records.ts'
import { ownerItem, readOn, readOwner, readOwnerRecord } from '../ring-records.ts'
import { batchGet, batchWrite } from './batches.ts'
import { ABSENT } from './conditions.ts'
import { query, standing, type Tables, transact, write } from './tables.ts'

/** A condition on each: no batch has them. */
const RECORDS_AT_ONCE = 16

/** core/owner-record.ts, `supersedes`. */
const overEarlier = ({ epoch, n }: OwnerRecord) => ({
  ConditionExpression: `${ABSENT} OR epoch < :epoch OR (epoch = :epoch AND n <= :n)`,
  ExpressionAttributeValues: { ':epoch': epoch, ':n': n },
})

export function dynamoRingStore(tables: Tables): RingStore {
  const { db, name } = tables
  return {
    async ring({ pool, bell }) {
      const put = new PutCommand({ TableName: name.rings, Item: stored(bellKey(pool, bell.id), bell) })
      await write(() => db.send(put))
    },
    async bells({ pool, limit }) {
      return readOn(limit, (p) => query(tables, 'rings', { pk: bellKey(pool, '').pk, ...p }))
    },
    async deleteBells({ pool, ids }) {
      await batchWrite(
        tables,
        'rings',
        ids.map((id) => ({ delete: bellKey(pool, id) })),
      )
    },
    async owners({ pool }) {
      return (await query(tables, 'rings', { pk: ownerKey(pool, '').pk })).items.map(readOwner)
    },
    async pools() {
      const pools = new Set<string>()
      let start: Record<string, unknown> | undefined
      do {
        const asked = { TableName: name.rings, ConsistentRead: true, ProjectionExpression: 'pk' }
        const page = await db.send(new ScanCommand({ ...asked, ...(start ? { ExclusiveStartKey: start } : {}) }))
        for (const item of (page.Items ?? []) as Item[]) if (!isOwnerRecord(item)) pools.add(poolOfRing(item))
        start = page.LastEvaluatedKey
      } while (start)
      return [...pools].sort()
    },
    async note({ pool, owners }) {
      await batchWrite(
        tables,
        'rings',
        owners.map((o) => ({ put: stored(ownerKey(pool, o.owner), o) })),
      )
    },
    async records({ pool, owners }) {
      const keys = owners.map((owner) => ownerRecordKey(pool, owner))
      return (await batchGet(tables, 'rings', keys)).map(readOwnerRecord)
    },
    async ownersAfter({ pool, after, limit }) {
      // A condition on the sort key may not be on an empty one.
      const behind = after === '' ? {} : { after }
      return (await query(tables, 'rings', { pk: ownerKey(pool, '').pk, limit, ...behind })).items.map(({ sk }) => sk)
    },
    async keep({ pool, records }) {
      await inBatches(records, RECORDS_AT_ONCE, async (record) => {
        const put = new PutCommand({ TableName: name.rings, Item: ownerItem(pool, record), ...overEarlier(record) })
        await write(() => db.send(put)).catch(standing)
      })
    },
    async leave({ pool, owners, epoch }) {
      const done = await transact(tables, [
        {
          ConditionCheck: {
            TableName: name.capacity,
            Key: ledgerKey(pool),
            ConditionExpression: 'epoch = :epoch',
            ExpressionAttributeValues: { ':epoch': epoch },
          },
        },
        ...owners.map((owner) => ({ Delete: { TableName: name.rings, Key: ownerKey(pool, owner) } })),
      ])
      return done.done ? 'left' : 'lost'
    },
  }
}
