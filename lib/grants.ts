/**
 * Who may do what with which table: the whole of it, in one place to read. test/lib/grants.test.ts runs every function
 * on an engine and holds that each uses what stands here, all of it, and nothing else: a function that comes to need
 * more fails there, and not in somebody's account.
 */
import type { TableGrants } from './tables.ts'

/** `chat` only where a pool offers models to people. */
export const FUNCTIONS = ['api', 'approval', 'dispatcher', 'worker', 'publisher', 'removals', 'chat'] as const
export type FunctionName = (typeof FUNCTIONS)[number]

export const GRANTS: Readonly<Record<FunctionName, TableGrants>> = {
  /**
   * Submits, shows, cancels and redrives jobs (a redrive takes an end away); resumes a pool that stopped; takes permits for
   * people; shows owners.
   */
  api: {
    live: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
    jobs: ['Query', 'PutItem', 'DeleteItem', 'ConditionCheckItem', 'BatchWriteItem'],
    rings: ['Query', 'BatchGetItem', 'PutItem'],
    capacity: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'],
  },
  /** Shows drafts and decides on them. It alone writes Approvals. */
  approval: {
    live: ['GetItem', 'Query', 'DeleteItem'],
    jobs: ['Query', 'PutItem'],
    approvals: ['PutItem'],
  },
  /**
   * Reads lanes, keeps the ring and the ledger, lets a mended pool run again, rings where a pool's jobs may go elsewhere; looks
   * now and then through the ring for work of pools that are no longer configured. It never sees a job's content.
   */
  dispatcher: {
    live: ['GetItem', 'BatchGetItem', 'Query'],
    rings: ['Query', 'BatchGetItem', 'Scan', 'PutItem', 'DeleteItem', 'BatchWriteItem'],
    capacity: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
  },
  /** Claims and settles, and looks at the job that asks the same; of capacity it writes the record that stops a pool. */
  worker: {
    live: ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'],
    jobs: ['GetItem', 'Query', 'PutItem'],
    rings: ['PutItem'],
    capacity: ['GetItem', 'PutItem'],
  },
  /** Reads the stream of Jobs and no table. */
  publisher: {},
  /** Looks before a deployment for jobs that it has no place for: their keys and kinds, and no job's content. */
  removals: { live: ['Query'], rings: ['Query', 'Scan'] },
  /** Takes permits for people and settles them; reads the lease. Which records those are lib/chat-api.ts says. */
  chat: { capacity: ['GetItem', 'PutItem', 'UpdateItem'] },
}
