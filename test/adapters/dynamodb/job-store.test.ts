import { BatchGetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { beforeEach, describe, expect, it } from 'vitest'
import { expiring, inputItem, leaderItem, liveItem } from '../../../adapters/records.ts'
import { claimGoodUntil } from '../../../core/lease.ts'
import { aKey, aLeader, anEnd, anInput, aQueued, aRunning, JOB, LANE, NOW } from '../../support/records.ts'
import { conditionFailed, mocked } from './mocked.ts'

const on = mocked()
beforeEach(() => on.afresh())

const SK = `${NOW}#${JOB}`
const KEY = { pk: LANE, sk: SK }
const ALL_OLD = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
const STATE = { '#state': 'state' }

describe('what is put once is put where nothing stands, and asks what stood there', () => {
  const ifAbsent = { ConditionExpression: 'attribute_not_exists(pk)', ...ALL_OLD }

  it('an input', async () => {
    await on.jobs.create({ input: anInput() })
    const orExpired = {
      ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now',
      ExpressionAttributeValues: { ':now': NOW },
      ...ALL_OLD,
    }
    expect(on.sent()).toEqual([{ TableName: 'Jobs', Item: inputItem(anInput()), ...orExpired }])
  })

  it('a first live record', async () => {
    await on.jobs.enter({ record: aQueued() })
    expect(on.sent()).toEqual([{ TableName: 'Live', Item: liveItem(aQueued()), ...ifAbsent }])
  })

  it('first live records of many, by a transaction that lands once however often it is sent', async () => {
    await on.jobs.enterAll({ records: [aQueued()] })
    const absent = { ConditionExpression: 'attribute_not_exists(pk)' }
    expect(on.actions()).toEqual([{ Put: { TableName: 'Live', Item: liveItem(aQueued()), ...absent } }])
    expect(on.sent().at(-1)).toMatchObject({ ClientRequestToken: expect.any(String) })
  })

  it('the end of what never entered, where it has neither entered nor moved', async () => {
    await on.jobs.endUnentered({ key: aKey(), end: anEnd() })
    const absent = { ConditionExpression: 'attribute_not_exists(pk)' }
    const unwritten = {
      ConditionExpression:
        'attribute_not_exists(pk) OR submittedAt < :submittedAt OR endedAt < :submittedAt OR createdAt < :submittedAt',
      ExpressionAttributeValues: { ':submittedAt': NOW },
    }
    expect(on.actions()).toEqual([
      { Put: { TableName: 'Jobs', Item: expiring({ pk: JOB, sk: 'end' }, anEnd()), ...unwritten } },
      { ConditionCheck: { TableName: 'Jobs', Key: { pk: JOB, sk: 'at' }, ...unwritten } },
      { ConditionCheck: { TableName: 'Live', Key: KEY, ...absent } },
    ])
  })
})

describe('who leads those that ask the same', () => {
  const put = (condition: object) => [{ TableName: 'Jobs', Item: leaderItem(aLeader()), ...condition, ...ALL_OLD }]
  const condition = (jobId: string, fence: number) => ({
    ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now OR (jobId = :jobId AND fence = :fence)',
    ExpressionAttributeValues: { ':now': NOW, ':jobId': jobId, ':fence': fence },
  })

  it('is put where nobody stands, or itself', async () => {
    await on.jobs.lead({ leader: aLeader() })
    expect(on.sent()).toEqual(put(condition(JOB, 1)))
  })

  it('is put in the place of the one that was read, and of no other', async () => {
    await on.jobs.lead({ leader: aLeader(), instead: aLeader({ jobId: 'job-0', fence: 7 }) })
    expect(on.sent()).toEqual(put(condition('job-0', 7)))
  })

  it('is read strongly consistent', async () => {
    await on.jobs.leader({ cacheKey: 'sha', now: NOW })
    expect(on.sent()).toEqual([{ TableName: 'Jobs', Key: { pk: 'answer#sha', sk: 'leader' }, ConsistentRead: true }])
  })
})

describe('claim', () => {
  const claim = { key: aKey(), fence: 4, nonce: 'mine', leaseUntil: NOW + 60_000, now: NOW }
  const update = {
    TableName: 'Live',
    Key: KEY,
    UpdateExpression:
      'SET #state = :running, fence = :next, nonce = :nonce, leaseUntil = :until, crashes = crashes + :crashed REMOVE awaits',
    ExpressionAttributeNames: STATE,
    ReturnValues: 'ALL_NEW',
    ...ALL_OLD,
  }
  const values = { ':fence': 4, ':running': 'running', ':next': 5, ':nonce': 'mine', ':until': NOW + 60_000 }
  const asQueued = {
    ...update,
    ConditionExpression: '#state = :state AND fence = :fence',
    ExpressionAttributeValues: { ...values, ':state': 'queued', ':crashed': 0 },
  }
  const asRunOut = {
    ...update,
    ConditionExpression: '#state = :state AND fence = :fence AND (leaseUntil < :now OR leaseUntil > :good)',
    ExpressionAttributeValues: {
      ...values,
      ':state': 'running',
      ':crashed': 1,
      ':now': NOW,
      ':good': claimGoodUntil(NOW),
    },
  }

  it('of a queued record is one update, at its fence', async () => {
    on.mock.on(UpdateCommand).resolvesOnce({ Attributes: liveItem(aRunning()) })
    await on.jobs.claim(claim)
    expect(on.sent()).toEqual([asQueued])
  })

  it('told that the lease has run out, asks once more on that condition', async () => {
    const runOut = liveItem(aRunning({ fence: 4, leaseUntil: NOW - 1 }))
    on.mock.on(UpdateCommand).rejectsOnce(conditionFailed(runOut)).resolvesOnce({ Attributes: runOut })
    await on.jobs.claim(claim)
    expect(on.sent()).toEqual([asQueued, asRunOut])
  })

  it('told that the lease lasts, or nothing, asks no more', async () => {
    const lasting = liveItem(aRunning({ fence: 4, leaseUntil: NOW }))
    on.mock.on(UpdateCommand).rejectsOnce(conditionFailed(lasting)).rejectsOnce(conditionFailed())
    expect(await on.jobs.claim(claim)).toEqual({ kind: 'refused' })
    expect(await on.jobs.claim(claim)).toEqual({ kind: 'refused' })
    expect(on.sent()).toEqual([asQueued, asQueued])
  })
})

describe('who holds a record', () => {
  const mine = {
    ConditionExpression: '#state = :state AND fence = :fence AND nonce = :nonce',
    ExpressionAttributeNames: STATE,
    ExpressionAttributeValues: { ':state': 'running', ':fence': 1, ':nonce': 'nonce-1' },
  }

  it('releases it only so, and only if no cancel was asked for', async () => {
    await on.jobs.release({ record: aRunning() })
    expect(on.sent()).toEqual([
      {
        TableName: 'Live',
        Key: KEY,
        UpdateExpression: 'SET #state = :queued, fence = :next REMOVE nonce, leaseUntil',
        ConditionExpression: `${mine.ConditionExpression} AND attribute_not_exists(cancelRequested)`,
        ExpressionAttributeNames: STATE,
        ExpressionAttributeValues: {
          ...mine.ExpressionAttributeValues,
          ':queued': 'queued',
          ':next': 2,
        },
        ...ALL_OLD,
      },
    ])
  })

  it('discards it only so', async () => {
    await on.jobs.discard({ record: aRunning() })
    expect(on.sent()).toEqual([{ TableName: 'Live', Key: KEY, ...mine }])
  })

  it('may be asked to end it by anybody, while it runs at this fence', async () => {
    await on.jobs.requestCancel({ record: aRunning() })
    expect(on.sent()).toEqual([
      {
        TableName: 'Live',
        Key: KEY,
        UpdateExpression: 'SET cancelRequested = :true',
        ConditionExpression: '#state = :state AND fence = :fence',
        ExpressionAttributeNames: STATE,
        ExpressionAttributeValues: { ':state': 'running', ':fence': 1, ':true': true },
      },
    ])
  })
})

describe('reads are strongly consistent', () => {
  it('of a job: one Query', async () => {
    await on.jobs.load({ jobId: JOB, now: NOW })
    expect(on.sent()).toEqual([
      {
        TableName: 'Jobs',
        ConsistentRead: true,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': JOB },
      },
    ])
  })

  it('of a lane: one more than asked for, behind the key', async () => {
    await on.jobs.lane({ lane: LANE, limit: 200, after: aKey() })
    expect(on.sent()).toEqual([
      {
        TableName: 'Live',
        ConsistentRead: true,
        KeyConditionExpression: 'pk = :pk AND sk > :after',
        ExpressionAttributeValues: { ':pk': LANE, ':after': SK },
        Limit: 201,
      },
    ])
  })

  it('of one record: a Get; of more: batches of a hundred', async () => {
    await on.jobs.live({ keys: [aKey()] })
    expect(on.sent()).toEqual([{ TableName: 'Live', Key: KEY, ConsistentRead: true }])
    await on.jobs.live({ keys: Array.from({ length: 101 }, (_, i) => aKey({ jobId: `${i}` })) })
    const batches = on.mock.commandCalls(BatchGetCommand).map((c) => c.args[0].input.RequestItems?.['Live'])
    expect(batches.map((b) => b?.Keys?.length)).toEqual([100, 1])
    expect(batches.map((b) => b?.ConsistentRead)).toEqual([true, true])
  })
})

it('any other error is nobody’s outcome', async () => {
  on.mock.on(PutCommand).rejects(new Error('AccessDenied'))
  await expect(on.jobs.enter({ record: aQueued() })).rejects.toThrow('AccessDenied')
  await expect(on.jobs.create({ input: anInput() })).rejects.toThrow('AccessDenied')
})
