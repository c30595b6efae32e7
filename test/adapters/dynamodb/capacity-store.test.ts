import { GetCommand } from '@aws-sdk/lib-dynamodb'
import { beforeEach, describe, expect, it } from 'vitest'
import { aLedgerRecord, anOverview, NOW, POOL } from '../../support/records.ts'
import { mocked } from './mocked.ts'

const on = mocked()
beforeEach(() => on.afresh())
const { capacity } = on
const KEY = { pk: POOL, sk: 'ledger' }
const ALL_OLD = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
const follows = (epoch: number, version: number) => ({
  ConditionExpression: 'epoch = :epoch AND version = :version',
  ExpressionAttributeValues: { ':epoch': epoch, ':version': version },
})
const ask = { pool: POOL, holder: 'me', now: NOW + 30_000, leaseMs: 10 }

describe('the ledger is put over the one version it follows', () => {
  const put = (record: object, condition: object) => ({
    TableName: 'Capacity',
    Item: { ...KEY, ...record, mark: expect.any(String) },
    ...condition,
    ...ALL_OLD,
  })

  it('by its holder, in its own epoch', async () => {
    await capacity.write({ pool: POOL, record: aLedgerRecord({ epoch: 4, version: 9 }) })
    expect(on.sent()).toEqual([put(aLedgerRecord({ epoch: 4, version: 9 }), follows(4, 8))])
  })

  it('by a new holder, over the epoch and version that it read', async () => {
    on.mock.on(GetCommand).resolvesOnce({ Item: { ...KEY, ...aLedgerRecord({ epoch: 4, version: 9 }) } })
    await capacity.acquire(ask)
    const record = aLedgerRecord({ epoch: 5, version: 10, holder: 'me', until: NOW + 30_010 })
    expect(on.sent()).toEqual([{ TableName: 'Capacity', Key: KEY, ConsistentRead: true }, put(record, follows(4, 9))])
  })

  it('by the first holder there is, where nothing stands', async () => {
    await capacity.acquire(ask)
    expect(on.sent()[1]).toMatchObject({ ConditionExpression: 'attribute_not_exists(pk)', ...ALL_OLD })
  })

  it('and not at all while another holds it', async () => {
    on.mock.on(GetCommand).resolvesOnce({ Item: { ...KEY, ...aLedgerRecord({ until: ask.now + 1 }) } })
    await capacity.acquire(ask)
    expect(on.sent()).toHaveLength(1)
  })

  it('each time under a mark of its own', async () => {
    for (let i = 0; i < 2; i++) await capacity.write({ pool: POOL, record: aLedgerRecord() })
    const marks = on.sent().map((input) => (input as { Item: { mark: string } }).Item.mark)
    expect(new Set(marks).size).toBe(2)
  })
})

it('writers read two words of the lease, strongly', async () => {
  await capacity.lease({ pool: POOL })
  expect(on.sent()).toEqual([
    {
      TableName: 'Capacity',
      Key: KEY,
      ConsistentRead: true,
      ProjectionExpression: '#state, #until',
      ExpressionAttributeNames: { '#state': 'state', '#until': 'until' },
    },
  ])
})

it('an overview is written over an older one, a stop on no condition', async () => {
  const stop = { at: NOW, line: 'no credit' }
  await capacity.putOverview({ pool: POOL, version: 7, overview: anOverview() })
  await capacity.stop({ pool: POOL, stop })
  await capacity.resume({ pool: POOL })
  expect(on.sent()).toEqual([
    {
      TableName: 'Capacity',
      Item: { pk: POOL, sk: 'overview', ...anOverview(), version: 7 },
      ConditionExpression:
        'attribute_not_exists(pk) OR attribute_not_exists(version) OR version < :version OR (version = :version AND #at <= :at) OR #at < :longAgo',
      ExpressionAttributeNames: { '#at': 'at' },
      ExpressionAttributeValues: { ':version': 7, ':at': anOverview().at, ':longAgo': anOverview().at - 60_000 },
    },
    { TableName: 'Capacity', Item: { pk: POOL, sk: 'stop', ...stop } },
    { TableName: 'Capacity', Key: { pk: POOL, sk: 'stop' } },
  ])
})
