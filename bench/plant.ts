/**
 * What a scenario starts from, written into the tables before the system is there: a backlog, finished jobs, idle owners,
 * in the shapes that the adapters store. A process of its own, so that none of it is in the memory that is measured.
 */
import { batchWrite } from '../adapters/dynamodb/batches.ts'
import { dynamoTables } from '../adapters/dynamodb/tables.ts'
import { endKey, ownerKey } from '../adapters/keys.ts'
import { expiring, type Item, inputItem, liveItem, stored } from '../adapters/records.ts'
import { systemRandom } from '../adapters/system/random.ts'
import type { End, JobInput, Tier } from '../core/job.ts'
import { laneOf } from '../core/lane.ts'
import { takeDataFolder } from '../local/data-folder.ts'
import { findDynoxide, startDynoxide } from '../local/engine/dynoxide.ts'
import { createTables, LOCAL_ACCESS } from '../local/engine/tables.ts'
import { TABLE_NAMES } from '../local/stores.ts'
import { inBatches } from '../services/in-batches.ts'
import { firstRecord } from '../services/submit.ts'
import { type BenchJob, TEXT } from './load.ts'

export interface PlantOrder {
  readonly data: string
  /** Queued jobs, in this order. */
  readonly backlog?: { readonly jobs: number; readonly owners: number; readonly tier: Tier }
  readonly finished?: number
  readonly idleOwners?: number
}

const POOL = 'main'
const DAYS_90_MS = 90 * 86_400_000
const random = systemRandom()

function inputOf(job: Pick<BenchJob, 'owner'> & { tier: Tier }, at: number): JobInput {
  const { owner, tier } = job
  const jobId = random.id(at)
  const key = { lane: laneOf({ pool: POOL, tier, owner }), at, jobId }
  const hash = ''.padEnd(64, '0')
  const input = { text: TEXT }
  const base = { v: 1 as const, jobId, owner, submittedBy: 'developer', kind: tier, pool: POOL, tier, input, hash, key }
  return { ...base, tokens: 500, submittedAt: at, expiresAt: at + DAYS_90_MS }
}

const endOf = ({ jobId, submittedAt }: JobInput): End => ({
  v: 1,
  jobId,
  outcome: 'succeeded',
  fence: 1,
  endedAt: submittedAt,
  result: TEXT,
  model: 'simulated',
  usage: { inputTokens: 250, outputTokens: 250 },
  attempts: 1,
  errors: [],
  expiresAt: submittedAt + DAYS_90_MS,
})

const noteOf = (owner: string, tiers: Partial<Record<Tier, { turn: number; beyond: number }>>): Item =>
  stored(ownerKey(POOL, owner), { owner, tiers, turn: 0, v: 0 })

type Put = (table: 'live' | 'jobs' | 'rings', items: readonly Item[]) => Promise<void>
const ITEMS_AT_ONCE = 1_000

/** In slices: a million items at once would be a gigabyte. */
async function inSlices(n: number, write: (indices: number[]) => Promise<void>): Promise<void> {
  for (let from = 0; from < n; from += ITEMS_AT_ONCE)
    await write(Array.from({ length: Math.min(ITEMS_AT_ONCE, n - from) }, (_, i) => from + i))
}

async function plantBacklog(put: Put, { jobs, owners, tier }: NonNullable<PlantOrder['backlog']>): Promise<void> {
  const first = Date.now() - jobs
  await inSlices(jobs, async (indices) => {
    const inputs = indices.map((i) => inputOf({ owner: `owner-${i % owners}`, tier }, first + i))
    await put('jobs', inputs.map(inputItem))
    await put(
      'live',
      inputs.map((input) => liveItem(firstRecord(input))),
    )
  })
  const beyond = Math.ceil(jobs / owners)
  const notes = Array.from({ length: owners }, (_, i) => noteOf(`owner-${i}`, { [tier]: { turn: 0, beyond } }))
  await put('rings', notes)
}

async function plantFinished(put: Put, jobs: number): Promise<void> {
  const at = Date.now() - 86_400_000
  await inSlices(jobs, async (indices) => {
    const inputs = indices.map((i) => inputOf({ owner: `owner-${i % 50}`, tier: 'low' }, at))
    await put(
      'jobs',
      inputs.flatMap((input) => [inputItem(input), expiring(endKey(input.jobId), endOf(input))]),
    )
  })
}

const plantIdle = (put: Put, owners: number): Promise<void> =>
  inSlices(owners, (indices) =>
    put(
      'rings',
      indices.map((i) => noteOf(`idle-${i}`, { low: { turn: 0, beyond: 0 } })),
    ),
  )

async function plant(order: PlantOrder): Promise<void> {
  const binary = findDynoxide()
  if (!binary) throw new Error('planting needs the embedded engine, whose package for this platform is not installed')
  const folder = await takeDataFolder(order.data, { reset: true })
  const engine = await startDynoxide({ binary, dbPath: folder.dbPath })
  await createTables(engine.endpoint, TABLE_NAMES)
  const tables = dynamoTables({ name: TABLE_NAMES, endpoint: engine.endpoint, ...LOCAL_ACCESS })
  const put: Put = async (table, items) => {
    const chunks = Array.from({ length: Math.ceil(items.length / 25) }, (_, i) => items.slice(i * 25, i * 25 + 25))
    await inBatches(chunks, 2, (chunk) =>
      batchWrite(
        tables,
        table,
        chunk.map((item) => ({ put: item })),
      ),
    )
  }
  if (order.backlog) await plantBacklog(put, order.backlog)
  if (order.finished) await plantFinished(put, order.finished)
  if (order.idleOwners) await plantIdle(put, order.idleOwners)
  tables.db.destroy()
  await engine.stop()
  folder.release()
}

process.once('message', (order: PlantOrder) => void plant(order).then(() => process.exit(0)))
for (const end of ['disconnect', 'SIGINT', 'SIGTERM'] as const) process.once(end, () => process.exit(1))
