/** Taking a record to work on it, and giving it back where it stands. Who holds it is told by fence and nonce. */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb'
import type { Running } from '../../core/job.ts'
import { claimGoodUntil, isRunOut } from '../../core/lease.ts'
import type { JobStore } from '../../services/ports.ts'
import { liveKey } from '../keys.ts'
import { fromLiveItem, type Item } from '../records.ts'
import { ALL_OLD, AT_FENCE, MINE, mine, NOT_CANCELLED, STATE } from './conditions.ts'
import { standing, type Tables, write } from './tables.ts'

type Claim = Parameters<JobStore['claim']>[0]

/** Tries as queued, then, told that it is running with its lease out, as that: two conditions, one of them per claim. */
export async function claim(
  tables: Tables,
  p: Claim,
  from: 'queued' | 'running' = 'queued',
): ReturnType<JobStore['claim']> {
  const take = takeFrom(tables, p, from)
  try {
    const { Attributes } = await write(() => tables.db.send(take))
    return claimed(Attributes as Item)
  } catch (error) {
    const old = standing(error)
    // A first sending that was not heard has landed.
    if (old?.['nonce'] === p.nonce && old['fence'] === p.fence + 1) return claimed(old)
    const leaseOut =
      old?.['state'] === 'running' && old['fence'] === p.fence && isRunOut(old['leaseUntil'] as number, p.now)
    return from === 'queued' && leaseOut ? claim(tables, p, 'running') : { kind: 'refused' }
  }
}

const claimed = (item: Item) => ({ kind: 'claimed' as const, record: fromLiveItem(item) as Running })

const takeFrom = (tables: Tables, p: Claim, from: 'queued' | 'running') =>
  new UpdateCommand({
    TableName: tables.name.live,
    Key: liveKey(p.key),
    UpdateExpression:
      'SET #state = :running, fence = :next, nonce = :nonce, leaseUntil = :until, crashes = crashes + :crashed REMOVE awaits',
    ConditionExpression: from === 'running' ? `${AT_FENCE} AND (leaseUntil < :now OR leaseUntil > :good)` : AT_FENCE,
    ExpressionAttributeNames: STATE,
    ExpressionAttributeValues: {
      ':state': from,
      ':fence': p.fence,
      ':running': 'running',
      ':next': p.fence + 1,
      ':nonce': p.nonce,
      ':until': p.leaseUntil,
      ':crashed': from === 'running' ? 1 : 0,
      ...(from === 'running' ? { ':now': p.now, ':good': claimGoodUntil(p.now) } : {}),
    },
    ReturnValues: 'ALL_NEW',
    ...ALL_OLD,
  })

export async function release(tables: Tables, p: Parameters<JobStore['release']>[0]): ReturnType<JobStore['release']> {
  const { record } = p
  const back = new UpdateCommand({
    TableName: tables.name.live,
    Key: liveKey(record.key),
    UpdateExpression: 'SET #state = :queued, fence = :next REMOVE nonce, leaseUntil',
    ConditionExpression: `${MINE} AND ${NOT_CANCELLED}`,
    ExpressionAttributeNames: STATE,
    ExpressionAttributeValues: { ...mine(record), ':queued': 'queued', ':next': record.fence + 1 },
    ...ALL_OLD,
  })
  try {
    await write(() => tables.db.send(back))
    return 'released'
  } catch (error) {
    const old = standing(error)
    if (old?.['nonce'] === record.nonce && old['cancelRequested']) return 'cancelled'
    return old?.['state'] === 'queued' && old['fence'] === record.fence + 1 ? 'released' : 'stale'
  }
}
