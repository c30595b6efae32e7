/**
 * Many submits together, each answered for itself. Contents without a key cannot meet anything that stands and go in
 * batches; those with a key are created one by one, for each may be a repeat. What is new is then entered in one go, with
 * one bell a pool.
 */
import { cameBell } from '../core/bell.ts'
import type { JobInput } from '../core/job.ts'
import type { Caller } from './caller.ts'
import type { Deps } from './deps.ts'
import { inBatches } from './in-batches.ts'
import { type Accepted, admit, createOrRepeat, firstRecord, type SubmitRequest } from './submit.ts'

/** So many keyed entries are written at once: a batch must not starve the other requests of its process. */
const ENTRIES_AT_ONCE = 25
/** A bell of so many stays far below an item's 400 KB, and below what a tick reads at once. */
const JOBS_PER_BELL = 100

export type Submitted = Accepted | { readonly ok: 'broken'; readonly error: unknown }

export async function submitBatch(
  deps: Deps,
  caller: Caller,
  requests: readonly SubmitRequest[],
): Promise<Submitted[]> {
  const answers: Submitted[] = []
  const created = new Map<number, JobInput>()
  const fresh = new Map<number, JobInput>()
  const one = async (request: SubmitRequest, i: number): Promise<void> => {
    const admitted = await admit(deps, caller, request)
    if (!admitted.ok) answers[i] = admitted
    else if (request.idempotencyKey === undefined) fresh.set(i, admitted.input)
    else {
      const repeated = await createOrRepeat(deps, admitted.input)
      if (repeated) answers[i] = repeated
      else created.set(i, admitted.input)
    }
  }
  await inBatches([...requests.entries()], ENTRIES_AT_ONCE, async ([i, request]) => {
    await one(request, i).catch((error: unknown) => {
      answers[i] = { ok: 'broken', error }
    })
  })
  await answered(answers, fresh, () => deps.jobs.createFresh({ inputs: [...fresh.values()] }))
  const entering = new Map([...created, ...fresh].filter(([i]) => !answers[i]))
  await answered(answers, entering, () => enter(deps, [...entering.values()]))
  for (const [i, { jobId }] of entering) answers[i] ??= { ok: true, jobId, repeated: false }
  return answers
}

/** What breaks for some is the answer of each of them. */
async function answered(
  answers: Submitted[],
  some: ReadonlyMap<number, JobInput>,
  write: () => Promise<void>,
): Promise<void> {
  if (some.size === 0) return
  await write().catch((error: unknown) => {
    for (const i of some.keys()) answers[i] = { ok: 'broken', error }
  })
}

async function enter(deps: Deps, inputs: readonly JobInput[]): Promise<void> {
  const records = inputs.map(firstRecord)
  await deps.jobs.enterAll({ records })
  for (const pool of new Set(records.map((record) => record.pool))) {
    const own = records.filter((record) => record.pool === pool)
    for (let i = 0; i < own.length; i += JOBS_PER_BELL)
      await deps.doorbell.ring(pool, cameBell(deps.random.id(deps.clock.now()), own.slice(i, i + JOBS_PER_BELL)))
  }
}
