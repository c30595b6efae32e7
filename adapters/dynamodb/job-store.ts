/**
 * The job store over DynamoDB. Every write carries the condition that makes it safe (docs/data-model.md); a failed
 * condition becomes an outcome, and one whose first sending was not heard is known again by its fence and nonce.
 */
import { DeleteCommand, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { LiveKey, Queued } from '../../core/job.ts'
import { assertTransition } from '../../services/edges.ts'
import { inBatches } from '../../services/in-batches.ts'
import type { Created, JobStore } from '../../services/ports.ts'
import { atKey, endKey, inputKey, type Key, leaderKey, liveKey, type TableName } from '../keys.ts'
import {
  expiring,
  fromInputItem,
  fromLiveItem,
  type Item,
  inputItem,
  lanePage,
  leaderItem,
  leaderOf,
  liveItem,
  partsOf,
} from '../records.ts'
import { batchGet, batchWrite, chunks } from './batches.ts'
import { claim, release } from './claim.ts'
import { ABSENT, ALL_OLD, AT_FENCE, MINE, mine, NOT_MINE_YET, STATE, submitted } from './conditions.ts'
import { query, standing, type Tables, transact, write } from './tables.ts'
import { actionsOf, outcomeOf } from './transition.ts'

/** DynamoDB's limit for one transaction. */
const TRANSACTION_ITEMS = 100
const RECORDS_AT_ONCE = 10
/** A batch must not starve the other requests of its process. */
const CREATED_AT_ONCE = 25
const absent = { ConditionExpression: ABSENT }

export function dynamoJobStore(tables: Tables): JobStore {
  const { db, name } = tables
  const enter: JobStore['enter'] = async ({ record }) =>
    (await putUnless(tables, 'live', liveItem(record), absent)) === 'put' ? 'entered' : 'present'
  const create: JobStore['create'] = async ({ input }) => {
    const old = await putUnless(tables, 'jobs', inputItem(input), {
      ConditionExpression: `${ABSENT} OR expiresAt <= :now`,
      ExpressionAttributeValues: { ':now': input.submittedAt },
    })
    return old === 'put' ? { kind: 'created' } : { kind: 'exists', input: fromInputItem(old) }
  }
  return {
    create,
    // A batch write takes no condition, and a transaction would cost each of them twice as much.
    async createAll({ inputs }) {
      const answers: Created[] = []
      await inBatches([...inputs.entries()], CREATED_AT_ONCE, async ([i, input]) => {
        answers[i] = await create({ input })
      })
      return answers
    },
    async createFresh({ inputs }) {
      await batchWrite(
        tables,
        'jobs',
        inputs.map((input) => ({ put: inputItem(input) })),
      )
    },
    enter,
    // Unlike an input, a record is put once: put again after its claim it would run its job twice under one fence.
    async enterAll({ records }) {
      await inBatches(chunks(records, TRANSACTION_ITEMS), 1, async (some) => {
        const put = (record: Queued) => ({ Put: { TableName: name.live, Item: liveItem(record), ...absent } })
        const { done } = await transact(tables, some.map(put))
        // A repeat came between: all but that one are still to be put.
        if (!done) await inBatches(some, RECORDS_AT_ONCE, async (record) => void (await enter({ record })))
      })
    },
    async reenter({ record }) {
      const { jobId } = record.key
      const nothing = { ConditionExpression: NOT_MINE_YET, ...submitted(record.submittedAt) }
      const nothingAt = (Key: Key) => ({ ConditionCheck: { TableName: name.jobs, Key, ...nothing } })
      const done = await transact(tables, [
        { Put: { TableName: name.live, Item: liveItem(record), ConditionExpression: ABSENT } },
        nothingAt(atKey(jobId)),
        nothingAt(endKey(jobId)),
      ])
      if (done.done) return 'entered'
      return done.failed[1] || done.failed[2] ? 'gone' : 'present'
    },
    async load({ jobId, now }) {
      return partsOf((await query(tables, 'jobs', { pk: inputKey(jobId).pk })).items, now)
    },
    async live({ keys }) {
      const [only] = keys
      const items =
        only && keys.length === 1 ? [await getLive(tables, only)] : await batchGet(tables, 'live', keys.map(liveKey))
      return items.map((item) => item && fromLiveItem(item))
    },
    async lane({ lane, after, limit }) {
      return lanePage(await query(tables, 'live', { pk: lane, limit, ...(after ? { after: liveKey(after).sk } : {}) }))
    },
    claim: (p) => claim(tables, p),
    release: (p) => release(tables, p),
    async discard({ record }) {
      const away = new DeleteCommand({
        TableName: name.live,
        Key: liveKey(record.key),
        ConditionExpression: MINE,
        ExpressionAttributeNames: STATE,
        ExpressionAttributeValues: mine(record),
      })
      await write(() => db.send(away)).catch(standing)
    },
    async transition(t) {
      assertTransition(t)
      return outcomeOf(await transact(tables, actionsOf(tables, t)), t)
    },
    async requestCancel({ record }) {
      const ask = new UpdateCommand({
        TableName: name.live,
        Key: liveKey(record.key),
        UpdateExpression: 'SET cancelRequested = :true',
        ConditionExpression: AT_FENCE,
        ExpressionAttributeNames: STATE,
        ExpressionAttributeValues: { ':state': 'running', ':fence': record.fence, ':true': true },
      })
      try {
        await write(() => db.send(ask))
        return 'asked'
      } catch (error) {
        standing(error)
        return 'stale'
      }
    },
    // Conditions more than the end's own: its record may have entered, and gone far, since it was looked for.
    async endUnentered({ key, end }) {
      const unwritten = { ConditionExpression: NOT_MINE_YET, ...submitted(end.submittedAt ?? 0) }
      const { done } = await transact(tables, [
        { Put: { TableName: name.jobs, Item: expiring(endKey(end.jobId), end), ...unwritten } },
        { ConditionCheck: { TableName: name.jobs, Key: atKey(end.jobId), ...unwritten } },
        { ConditionCheck: { TableName: name.live, Key: liveKey(key), ConditionExpression: ABSENT } },
      ])
      return done ? 'done' : 'stale'
    },
    async leader({ cacheKey, now }) {
      const get = new GetCommand({ TableName: name.jobs, Key: leaderKey(cacheKey), ConsistentRead: true })
      return leaderOf((await db.send(get)).Item as Item | undefined, now)
    },
    // One whose first putting was not heard is known again: a claim is known by its job and its fence.
    async lead({ leader, instead = leader }) {
      const { jobId, fence } = instead
      const old = await putUnless(tables, 'jobs', leaderItem(leader), {
        ConditionExpression: `${ABSENT} OR expiresAt <= :now OR (jobId = :jobId AND fence = :fence)`,
        ExpressionAttributeValues: { ':now': leader.at, ':jobId': jobId, ':fence': fence },
      })
      return old === 'put' || (old['jobId'] === leader.jobId && old['fence'] === leader.fence) ? 'leads' : 'taken'
    },
  }
}

interface Condition {
  readonly ConditionExpression: string
  readonly ExpressionAttributeValues?: Record<string, number | string>
}
/** Puts the item where the condition lets it; else answers what stands there. */
async function putUnless(tables: Tables, table: TableName, item: Item, condition: Condition): Promise<Item | 'put'> {
  const put = new PutCommand({ TableName: tables.name[table], Item: item, ...condition, ...ALL_OLD })
  try {
    await write(() => tables.db.send(put))
    return 'put'
  } catch (error) {
    return standing(error) ?? item
  }
}

async function getLive(tables: Tables, key: LiveKey): Promise<Item | undefined> {
  const get = new GetCommand({ TableName: tables.name.live, Key: liveKey(key), ConsistentRead: true })
  return (await tables.db.send(get)).Item as Item | undefined
}
