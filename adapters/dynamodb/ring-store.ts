/** Bells and the ring of owners over DynamoDB. Bells have keys of their own: none meets another. */
import { PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import type { RingStore } from '../../services/ports.ts'
import { bellKey, ledgerKey, ownerKey, poolOfRing } from '../keys.ts'
import { type Item, stored } from '../records.ts'
import { readOn, readOwner } from '../ring-records.ts'
import { batchWrite } from './batches.ts'
import { query, type Tables, transact, write } from './tables.ts'

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
        for (const item of page.Items ?? []) pools.add(poolOfRing(item as Item))
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
