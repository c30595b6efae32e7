/** A change of a job's place as one transaction: all of it or nothing, and never over what somebody else changed. */
import { endsUnmoved } from '../../services/edges.ts'
import type { Transition } from '../../services/ports.ts'
import { approvalKey, atKey, bellKey, draftKey, endKey, liveKey, type TableName } from '../keys.ts'
import { atItem, expiring, type Item, liveItem, stored } from '../records.ts'
import {
  ABSENT,
  ALL_OLD,
  AT_FENCE,
  MINE_OR_EARLIER,
  NOT_CANCELLED,
  NOT_MINE_YET,
  NOT_OF_LATER,
  STATE,
  submitted,
} from './conditions.ts'
import type { Action, Outcome, Tables } from './tables.ts'

export function actionsOf({ name }: Tables, t: Transition): Action[] {
  const { jobId } = t.from.key
  const put = (table: TableName, item: Item, condition: object = {}): Action => ({
    Put: { TableName: name[table], Item: item, ...condition },
  })
  const of = submitted(t.from.submittedAt)
  const unwritten = { ConditionExpression: NOT_MINE_YET, ...of }
  const actions: Action[] = [{ Delete: departure(name.live, t) }]
  if (t.to)
    actions.push(
      put('live', liveItem(t.to), { ConditionExpression: ABSENT }),
      put('jobs', atItem(t.to), { ConditionExpression: NOT_OF_LATER, ...of }),
    )
  if (t.reopen) {
    const there = { ConditionExpression: MINE_OR_EARLIER, ...of }
    actions.push({ Delete: { TableName: name.jobs, Key: endKey(jobId), ...there } })
  }
  if (t.end) actions.push(put('jobs', expiring(endKey(jobId), t.end), unwritten))
  if (t.draft) actions.push(put('jobs', expiring(draftKey(jobId, t.draft.version), t.draft), unwritten))
  if (t.approval) actions.push(put('approvals', stored(approvalKey(jobId, t.approval.version), t.approval), unwritten))
  if (endsUnmoved(t)) actions.push({ ConditionCheck: { TableName: name.jobs, Key: atKey(jobId), ...unwritten } })
  if (t.bell) actions.push(put('rings', stored(bellKey(t.from.pool, t.bell.id), t.bell)))
  return actions
}

/** The first action: everything else hangs on the record standing where and as the writer saw it. */
const departure = (table: string, t: Transition): NonNullable<Action['Delete']> => ({
  TableName: table,
  Key: liveKey(t.from.key),
  ConditionExpression: t.evenIfCancelled ? AT_FENCE : `${AT_FENCE} AND ${NOT_CANCELLED}`,
  ExpressionAttributeNames: STATE,
  ExpressionAttributeValues: { ':state': t.from.state, ':fence': t.from.fence },
  ...ALL_OLD,
})

export function outcomeOf(outcome: Outcome, t: Transition): 'done' | 'stale' | 'cancelled' {
  if (outcome.done) return 'done'
  const stood = outcome.failed[0] ? outcome.items[0] : undefined
  const untouched = stood?.['state'] === t.from.state && stood['fence'] === t.from.fence
  return untouched && stood['cancelRequested'] === true && !t.evenIfCancelled ? 'cancelled' : 'stale'
}
