/**
 * What a scenario starts from, in the tables before the system is there: a backlog, finished jobs, idle owners, in the
 * shapes that the adapters store. A process of its own, so that none of it is in the memory that is measured.
 */
import { endKey, ownerKey } from '../adapters/keys.ts'
import { expiring, type Item, inputItem, liveItem, stored } from '../adapters/records.ts'
import { systemRandom } from '../adapters/system/random.ts'
import type { End, JobInput, Tier } from '../core/job.ts'
import { laneOf } from '../core/lane.ts'
import { takeDataFolder } from '../local/data-folder.ts'
import { firstRecord } from '../services/submit.ts'
import { imported, type Planted } from './import.ts'
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

function* backlogOf({ jobs, owners, tier }: NonNullable<PlantOrder['backlog']>): Generator<Planted> {
  const first = Date.now() - jobs
  for (let i = 0; i < jobs; i++) {
    const input = inputOf({ owner: `owner-${i % owners}`, tier }, first + i)
    yield { table: 'jobs', item: inputItem(input) }
    yield { table: 'live', item: liveItem(firstRecord(input)) }
  }
  const beyond = Math.ceil(jobs / owners)
  for (let i = 0; i < owners; i++) yield { table: 'rings', item: noteOf(`owner-${i}`, { [tier]: { turn: 0, beyond } }) }
}

function* finishedOf(jobs: number): Generator<Planted> {
  const at = Date.now() - 86_400_000
  for (let i = 0; i < jobs; i++) {
    const input = inputOf({ owner: `owner-${i % 50}`, tier: 'low' }, at)
    yield { table: 'jobs', item: inputItem(input) }
    yield { table: 'jobs', item: expiring(endKey(input.jobId), endOf(input)) }
  }
}

function* idleOf(owners: number): Generator<Planted> {
  for (let i = 0; i < owners; i++) yield { table: 'rings', item: noteOf(`idle-${i}`, { low: { turn: 0, beyond: 0 } }) }
}

function* allOf(order: PlantOrder): Generator<Planted> {
  if (order.backlog) yield* backlogOf(order.backlog)
  if (order.finished) yield* finishedOf(order.finished)
  if (order.idleOwners) yield* idleOf(order.idleOwners)
}

async function plant(order: PlantOrder): Promise<void> {
  const folder = await takeDataFolder(order.data, { reset: true })
  await imported(folder.dbPath, allOf(order))
  folder.release()
}

process.once('message', (order: PlantOrder) => void plant(order).then(() => process.exit(0)))
for (const end of ['disconnect', 'SIGINT', 'SIGTERM'] as const) process.once(end, () => process.exit(1))
