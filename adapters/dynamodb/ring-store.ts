/** Bells and the ring of owners over DynamoDB. Bells have keys of their own: none meets another. */
import { PutCommand } from '@aws-sdk/lib-dynamodb'
import type { RingStore } from '../../services/ports.ts'
import { bellKey, ledgerKey, ownerKey } from '../keys.ts'
import { stored } from '../records.ts'
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
