import { TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { beforeEach, describe, expect, it } from 'vitest'
import { LEAVE_AT_ONCE } from '../../../services/ports.ts'
import { aBell, anOwner, POOL } from '../../support/records.ts'
import { canceled, mocked } from './mocked.ts'

const on = mocked()
beforeEach(() => on.afresh())
const { rings } = on
const owners = Array.from({ length: LEAVE_AT_ONCE }, (_, i) => `owner-${i}`)

describe('bells and notes meet nobody: they are written on no condition', () => {
  it('a bell is put', async () => {
    await rings.ring({ pool: POOL, bell: aBell() })
    expect(on.sent()).toEqual([{ TableName: 'Rings', Item: { pk: 'bell#main', sk: aBell().id, ...aBell() } }])
  })

  it('bells are deleted by twenty-fives', async () => {
    const ids = Array.from({ length: 26 }, (_, i) => `bell-${i}`)
    await rings.deleteBells({ pool: POOL, ids })
    const requests = on.sent() as { RequestItems: { Rings: unknown[] } }[]
    expect(requests.map((r) => r.RequestItems.Rings.length)).toEqual([25, 1])
    expect(requests[1]?.RequestItems.Rings).toEqual([{ DeleteRequest: { Key: { pk: 'bell#main', sk: 'bell-25' } } }])
  })

  it('owners are noted', async () => {
    await rings.note({ pool: POOL, owners: [anOwner()] })
    const Item = { pk: 'ring#main', sk: 'ada', ...anOwner() }
    expect(on.sent()).toEqual([{ RequestItems: { Rings: [{ PutRequest: { Item } }] } }])
  })

  it('none of either is no request', async () => {
    await rings.note({ pool: POOL, owners: [] })
    await rings.deleteBells({ pool: POOL, ids: [] })
    expect(on.sent()).toEqual([])
  })
})

describe('reading is strongly consistent', () => {
  it('of bells and of owners', async () => {
    await rings.bells({ pool: POOL, limit: 500 })
    await rings.owners({ pool: POOL })
    const query = { TableName: 'Rings', ConsistentRead: true, KeyConditionExpression: 'pk = :pk' }
    expect(on.sent()).toEqual([
      { ...query, ExpressionAttributeValues: { ':pk': 'bell#main' }, Limit: 501 },
      { ...query, ExpressionAttributeValues: { ':pk': 'ring#main' } },
    ])
  })
})

describe('leaving', () => {
  it('is one transaction that checks the lease’s epoch, as large as one may be', async () => {
    await rings.leave({ pool: POOL, owners, epoch: 7 })
    const [check, ...deletes] = on.actions()
    expect(check).toEqual({
      ConditionCheck: {
        TableName: 'Capacity',
        Key: { pk: POOL, sk: 'ledger' },
        ConditionExpression: 'epoch = :epoch',
        ExpressionAttributeValues: { ':epoch': 7 },
      },
    })
    expect(deletes).toEqual(owners.map((sk) => ({ Delete: { TableName: 'Rings', Key: { pk: 'ring#main', sk } } })))
    expect(on.actions()).toHaveLength(100)
  })

  it('is lost where the epoch is another’s', async () => {
    on.mock.on(TransactWriteCommand).rejectsOnce(canceled([{ Code: 'ConditionalCheckFailed' }, { Code: 'None' }]))
    expect(await rings.leave({ pool: POOL, owners: ['ada'], epoch: 7 })).toBe('lost')
  })
})
