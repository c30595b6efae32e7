/** Where state is kept on this machine: DynamoDB's protocol over an embedded engine, or memory with a journal. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { dynamoCapacityStore } from '../adapters/dynamodb/capacity-store.ts'
import { dynamoJobStore } from '../adapters/dynamodb/job-store.ts'
import { dynamoPeopleStore } from '../adapters/dynamodb/people-store.ts'
import { dynamoRingStore } from '../adapters/dynamodb/ring-store.ts'
import { dynamoTables, type Tables } from '../adapters/dynamodb/tables.ts'
import { memoryCapacityStore } from '../adapters/memory/capacity-store.ts'
import { memoryJobStore } from '../adapters/memory/job-store.ts'
import { Journal } from '../adapters/memory/journal.ts'
import { memoryPeopleStore } from '../adapters/memory/people-store.ts'
import { memoryRingStore } from '../adapters/memory/ring-store.ts'
import { MemoryTables } from '../adapters/memory/tables.ts'
import type { CapacityStore, JobStore, PeopleStore, RingStore } from '../services/ports.ts'
import type { DataFolder } from './data-folder.ts'
import { chosenEngine, type EngineName } from './engine/choice.ts'
import { startDynoxide } from './engine/dynoxide.ts'
import { sweepTables } from './engine/sweep.ts'
import { createTables, LOCAL_ACCESS } from './engine/tables.ts'
import { hiddenLoopback } from './loopback.ts'
import { type LocalQueue, memoryQueue, sqsQueue } from './queue.ts'
import type { Sweep } from './sweep.ts'

export interface Stores {
  /** What keeps the state, for people. */
  readonly engine: string
  readonly jobs: JobStore
  readonly rings: RingStore
  readonly capacity: CapacityStore
  readonly people: PeopleStore
  readonly queue: LocalQueue
  readonly sweep: Sweep
  close(): Promise<void>
}

/** Is shown the tables' client before its first use: the benchmarks count requests there. */
export type Observe = (tables: Tables) => void

export const TABLE_NAMES = {
  live: 'fairlead-live',
  jobs: 'fairlead-jobs',
  rings: 'fairlead-rings',
  capacity: 'fairlead-capacity',
  approvals: 'fairlead-approvals',
}

export async function openStores(
  folder: DataFolder,
  wish: EngineName | undefined,
  observe: Observe = () => undefined,
): Promise<Stores> {
  const binary = chosenEngine(folder, wish)
  return binary ? dynamoStores(folder, binary, observe) : journalStores(folder)
}

async function dynamoStores(folder: DataFolder, binary: string, observe: Observe): Promise<Stores> {
  const engine = await startDynoxide({ binary, dbPath: folder.dbPath, host: hiddenLoopback() })
  folder.holdsEngine(engine.pid)
  const open = () => dynamoTables({ name: TABLE_NAMES, endpoint: engine.endpoint, ...LOCAL_ACCESS })
  const [tables, swept] = [open(), open()]
  await createTables(engine.endpoint, TABLE_NAMES)
  observe(tables)
  const queue = await sqsQueue()
  return {
    engine: 'dynoxide (DynamoDB API on SQLite)',
    jobs: dynamoJobStore(tables),
    rings: dynamoRingStore(tables),
    capacity: dynamoCapacityStore(tables),
    people: dynamoPeopleStore(tables),
    queue,
    // Not what is observed: in AWS it costs no request of ours.
    sweep: (now, signal) => sweepTables(swept, now, signal),
    async close() {
      await queue.close()
      tables.db.destroy()
      swept.db.destroy()
      await engine.stop()
    },
  }
}

async function journalStores(folder: DataFolder): Promise<Stores> {
  const tables = new MemoryTables(new Journal(folder.journalPath))
  const queue = memoryQueue()
  return {
    engine: 'memory with a journal',
    jobs: inTurns(memoryJobStore(tables)),
    rings: memoryRingStore(tables),
    capacity: memoryCapacityStore(tables),
    people: memoryPeopleStore(tables),
    queue,
    sweep: async (now) => tables.sweep(now),
    async close() {
      await queue.close()
      tables.close()
    },
  }
}

/**
 * Each answer comes in a turn of its own, as a table's does: a flood of submits would else keep the thread from whoever
 * has a slot to meet.
 */
function inTurns(jobs: JobStore): JobStore {
  const methods = Object.entries(jobs) as [string, (p: unknown) => Promise<unknown>][]
  const turned = methods.map(([name, method]) => [
    name,
    async (p: unknown) => {
      const answer = await method(p)
      await nextTurn()
      return answer
    },
  ])
  return Object.fromEntries(turned) as JobStore
}
