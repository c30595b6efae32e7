/** Which actions a transaction has, on which conditions, in which order: what a table cannot show afterwards. */
import { TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { beforeEach, describe, expect, it } from 'vitest'
import { liveKey } from '../../../adapters/keys.ts'
import { expiring, liveItem } from '../../../adapters/records.ts'
import type { LiveKey, LiveRecord } from '../../../core/job.ts'
import {
  aBell,
  aDeadLetter,
  aDraft,
  aKey,
  anApproval,
  anEnd,
  anInReview,
  aQueued,
  aRunning,
  EXPIRES_AT,
  JOB,
  NOW,
} from '../../support/records.ts'
import { canceled, mocked } from './mocked.ts'

const on = mocked()
beforeEach(() => on.afresh())

const AT_FENCE = '#state = :state AND fence = :fence'
const NOT_CANCELLED = 'attribute_not_exists(cancelRequested)'
const put = (TableName: string, Item: object) => ({ Put: { TableName, Item } })
const putIfAbsent = (TableName: string, Item: object) => ({
  Put: { TableName, Item, ConditionExpression: 'attribute_not_exists(pk)' },
})
const born = { ExpressionAttributeValues: { ':submittedAt': NOW } }
/** Absent, or left by an earlier job of the same id. */
const unwritten = {
  ConditionExpression:
    'attribute_not_exists(pk) OR submittedAt < :submittedAt OR endedAt < :submittedAt OR createdAt < :submittedAt',
  ...born,
}
const putUnwritten = (TableName: string, Item: object) => ({ Put: { TableName, Item, ...unwritten } })
const leaves = (from: LiveRecord, ConditionExpression = `${AT_FENCE} AND ${NOT_CANCELLED}`) => ({
  Delete: {
    TableName: 'Live',
    Key: liveKey(from.key),
    ConditionExpression,
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: { ':state': from.state, ':fence': from.fence },
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  },
})
const at = (key: LiveKey) => ({
  Put: {
    TableName: 'Jobs',
    Item: expiring({ pk: JOB, sk: 'at' }, { key, submittedAt: NOW, expiresAt: EXPIRES_AT }),
    ConditionExpression: 'attribute_not_exists(submittedAt) OR submittedAt <= :submittedAt',
    ...born,
  },
})
const end = (e = anEnd()) => putUnwritten('Jobs', expiring({ pk: JOB, sk: 'end' }, e))
const retry = aQueued({ fence: 2, key: aKey({ at: NOW + 8_000 }) })
const { actions, jobs } = on

describe('a transaction', () => {
  it('settle: the record away at its fence and not cancelled, the end if unwritten', async () => {
    await jobs.transition({ from: aRunning(), end: anEnd() })
    expect(actions()).toEqual([leaves(aRunning()), end()])
  })

  it('settle as cancelled: the same, whether a cancel was asked for or not', async () => {
    const cancelled = anEnd({ outcome: 'cancelled' })
    await jobs.transition({ from: aRunning(), end: cancelled, evenIfCancelled: true })
    expect(actions()).toEqual([leaves(aRunning(), AT_FENCE), end(cancelled)])
  })

  it('move: the new record if absent, where it stands now unless a later job does, and a bell on no condition', async () => {
    await jobs.transition({ from: aRunning(), to: retry, bell: aBell() })
    const bell = put('Rings', { pk: 'bell#main', sk: aBell().id, ...aBell() })
    expect(actions()).toEqual([leaves(aRunning()), putIfAbsent('Live', liveItem(retry)), at(retry.key), bell])
  })

  it('into review: with the draft, if this version is absent', async () => {
    await jobs.transition({ from: aRunning(), to: anInReview(), draft: aDraft() })
    const { key } = anInReview()
    const draft = putUnwritten('Jobs', expiring({ pk: JOB, sk: 'draft#0001' }, aDraft()))
    expect(actions()).toEqual([leaves(aRunning()), putIfAbsent('Live', liveItem(anInReview())), at(key), draft])
  })

  it('decide: with the approval, if this version was not decided on', async () => {
    await jobs.transition({ from: anInReview(), end: anEnd(), approval: anApproval() })
    const approval = putUnwritten('Approvals', { pk: JOB, sk: '0001', ...anApproval() })
    expect(actions()).toEqual([leaves(anInReview()), end(), approval])
  })

  it('dead letter: a live record and the end', async () => {
    const failed = anEnd({ outcome: 'failed' })
    await jobs.transition({ from: aRunning(), to: aDeadLetter(), end: failed })
    const { key } = aDeadLetter()
    expect(actions()).toEqual([leaves(aRunning()), putIfAbsent('Live', liveItem(aDeadLetter())), at(key), end(failed)])
  })

  it('redrive: the end taken away, and it must have been there', async () => {
    await jobs.transition({ from: aDeadLetter(), to: retry, reopen: true })
    const there = {
      ConditionExpression:
        'attribute_exists(pk) AND (attribute_not_exists(submittedAt) OR submittedAt <= :submittedAt)',
      ...born,
    }
    const reopened = {
      Delete: { TableName: 'Jobs', Key: { pk: JOB, sk: 'end' }, ...there },
    }
    expect(actions()).toEqual([leaves(aDeadLetter()), putIfAbsent('Live', liveItem(retry)), at(retry.key), reopened])
  })

  it('repeated submit: the first record if absent, and neither `at` nor `end` there', async () => {
    await jobs.reenter({ record: aQueued() })
    const nothingAt = (sk: string) => ({
      ConditionCheck: { TableName: 'Jobs', Key: { pk: JOB, sk }, ...unwritten },
    })
    expect(actions()).toEqual([putIfAbsent('Live', liveItem(aQueued())), nothingAt('at'), nothingAt('end')])
  })
})

describe('a cancelled transaction', () => {
  const settle = { from: aRunning(), end: anEnd() }
  const failed = { Code: 'ConditionalCheckFailed' }
  it.each([
    ['cancelled', 'the record was asked to end', aRunning({ cancelRequested: true })],
    ['stale', 'a later one was', aRunning({ fence: 2, cancelRequested: true })],
    ['stale', 'the record is another’s', aRunning({ fence: 2 })],
    ['stale', 'nothing stands there', undefined],
  ] as const)('is %s where %s', async (outcome, _, stood) => {
    const reason = { ...failed, ...(stood ? { item: liveItem(stood) } : {}) }
    on.mock.on(TransactWriteCommand).rejectsOnce(canceled([reason, { Code: 'None' }]))
    expect(await jobs.transition(settle)).toBe(outcome)
    expect(on.sent()).toHaveLength(1)
  })

  it('is stale where the record stands and the end does too', async () => {
    on.mock.on(TransactWriteCommand).rejectsOnce(canceled([{ Code: 'None' }, failed]))
    expect(await jobs.transition(settle)).toBe('stale')
  })

  it('is stale, and not tried again, where beside a conflict a condition failed', async () => {
    on.mock.on(TransactWriteCommand).rejectsOnce(canceled([{ Code: 'TransactionConflict' }, failed]))
    expect(await jobs.transition(settle)).toBe('stale')
    expect(on.sent()).toHaveLength(1)
  })
})
