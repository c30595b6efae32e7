/** A change of a job's place as one commit; adapters/dynamodb/transition.ts says the same as one transaction. */
import { endsUnmoved } from '../../services/edges.ts'
import type { Transition } from '../../services/ports.ts'
import { approvalKey, atKey, bellKey, draftKey, endKey, type Key, liveKey, type TableName } from '../keys.ts'
import { atItem, expiring, type Item, isOfEarlier, liveItem, stored } from '../records.ts'
import type { Change } from './change.ts'
import type { MemoryTables } from './tables.ts'

/** Puts that must find nothing, or only what an earlier job of this id left; and a reopening that must find an end. */
export function meetsAnother(tables: MemoryTables, t: Transition): boolean {
  const { jobId } = t.from.key
  const end = tables.get('jobs', endKey(jobId))
  const written = (table: TableName, key: Key) => isWritten(tables.get(table, key), t.from.submittedAt)
  return Boolean(
    (t.to && tables.get('live', liveKey(t.to.key))) ||
      (t.to && isOfLater(tables.get('jobs', atKey(jobId)), t.from.submittedAt)) ||
      (t.end && written('jobs', endKey(jobId))) ||
      (endsUnmoved(t) && written('jobs', atKey(jobId))) ||
      (t.reopen && (!end || isOfLater(end, t.from.submittedAt))) ||
      (t.draft && written('jobs', draftKey(jobId, t.draft.version))) ||
      (t.approval && written('approvals', approvalKey(jobId, t.approval.version))),
  )
}

export const isWritten = (part: Item | undefined, submittedAt: number): boolean =>
  part !== undefined && !isOfEarlier(part, submittedAt)
const isOfLater = (part: Item | undefined, submittedAt: number): boolean =>
  typeof part?.['submittedAt'] === 'number' && part['submittedAt'] > submittedAt

export function changesOf(t: Transition): Change[] {
  const { jobId } = t.from.key
  const changes: Change[] = [{ table: 'live', delete: liveKey(t.from.key) }]
  if (t.to) {
    changes.push({ table: 'live', put: liveItem(t.to) })
    changes.push({ table: 'jobs', put: atItem(t.to) })
  }
  if (t.reopen) changes.push({ table: 'jobs', delete: endKey(jobId) })
  if (t.end) changes.push({ table: 'jobs', put: expiring(endKey(jobId), t.end) })
  if (t.draft) changes.push({ table: 'jobs', put: expiring(draftKey(jobId, t.draft.version), t.draft) })
  if (t.approval) changes.push({ table: 'approvals', put: stored(approvalKey(jobId, t.approval.version), t.approval) })
  if (t.bell) changes.push({ table: 'rings', put: stored(bellKey(t.from.pool, t.bell.id), t.bell) })
  return changes
}
