/** A change of a job's place as one commit; adapters/dynamodb/transition.ts says the same as one transaction. */
import type { Transition } from '../../services/ports.ts'
import { approvalKey, atKey, bellKey, draftKey, endKey, liveKey } from '../keys.ts'
import { expiring, liveItem, stored } from '../records.ts'
import type { Change } from './change.ts'
import type { MemoryTables } from './tables.ts'

/** Puts that must find nothing, and a reopening that must find an end. */
export function meetsAnother(tables: MemoryTables, t: Transition): boolean {
  const { jobId } = t.from.key
  const end = tables.get('jobs', endKey(jobId))
  return Boolean(
    (t.to && tables.get('live', liveKey(t.to.key))) ||
      (t.end && end) ||
      (t.reopen && !end) ||
      (t.draft && tables.get('jobs', draftKey(jobId, t.draft.version))) ||
      (t.approval && tables.get('approvals', approvalKey(jobId, t.approval.version))),
  )
}

export function changesOf(t: Transition): Change[] {
  const { jobId } = t.from.key
  const changes: Change[] = [{ table: 'live', delete: liveKey(t.from.key) }]
  if (t.to) {
    changes.push({ table: 'live', put: liveItem(t.to) })
    changes.push({ table: 'jobs', put: stored(atKey(jobId), { key: t.to.key }) })
  }
  if (t.reopen) changes.push({ table: 'jobs', delete: endKey(jobId) })
  if (t.end) changes.push({ table: 'jobs', put: expiring(endKey(jobId), t.end) })
  if (t.draft) changes.push({ table: 'jobs', put: expiring(draftKey(jobId, t.draft.version), t.draft) })
  if (t.approval) changes.push({ table: 'approvals', put: stored(approvalKey(jobId, t.approval.version), t.approval) })
  if (t.bell) changes.push({ table: 'rings', put: stored(bellKey(t.from.pool, t.bell.id), t.bell) })
  return changes
}
