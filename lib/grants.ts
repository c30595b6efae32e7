/**
 * Who may do what with which table: the whole of it, in one place to read. A function that needs more asks for it here;
 * test/lib/permissions.test.ts holds that Approvals is written by the approval function alone (G8).
 */
import type { TableGrants } from './tables.ts'

export const FUNCTIONS = ['api', 'approval', 'dispatcher', 'worker', 'publisher'] as const
export type FunctionName = (typeof FUNCTIONS)[number]

export const GRANTS: Readonly<Record<FunctionName, TableGrants>> = {
  /** Submits, shows, cancels and redrives jobs (a redrive takes an end away); resumes a pool that stopped. */
  api: {
    live: ['GetItem', 'BatchGetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
    jobs: ['GetItem', 'Query', 'PutItem', 'DeleteItem', 'ConditionCheckItem'],
    rings: ['PutItem'],
    capacity: ['GetItem', 'DeleteItem'],
  },
  /** Shows drafts and decides on them; of capacity it reads why a job still waits. It alone writes Approvals. */
  approval: {
    live: ['GetItem', 'Query', 'PutItem', 'DeleteItem', 'ConditionCheckItem'],
    jobs: ['GetItem', 'Query', 'PutItem', 'ConditionCheckItem'],
    rings: ['PutItem'],
    capacity: ['GetItem'],
    approvals: ['PutItem'],
  },
  /** Reads lanes, keeps the ring and the ledger; it never sees a job's content. */
  dispatcher: {
    live: ['GetItem', 'BatchGetItem', 'Query'],
    rings: ['Query', 'PutItem', 'DeleteItem', 'BatchWriteItem'],
    capacity: ['GetItem', 'PutItem', 'UpdateItem', 'ConditionCheckItem'],
  },
  /** Claims and settles; of capacity it writes the record that stops a pool. */
  worker: {
    live: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
    jobs: ['GetItem', 'Query', 'PutItem', 'ConditionCheckItem'],
    rings: ['PutItem'],
    capacity: ['GetItem', 'PutItem'],
  },
  /** Reads the stream of Jobs and no table. */
  publisher: {},
}
