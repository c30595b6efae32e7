/**
 * Many submits together, each answered for itself. Those without a key cannot meet anything that stands: their writes go
 * in batches, with one bell a pool. Those with a key are written one by one, as a submit is.
 */
import { cameBell } from '../core/bell.ts'
import type { JobInput } from '../core/job.ts'
import type { Caller } from './caller.ts'
import type { Deps } from './deps.ts'
import { inBatches } from './in-batches.ts'
import { type Accepted, admit, firstRecord, type SubmitRequest, write } from './submit.ts'

/** So many keyed entries are written at once: a batch must not starve the other requests of its process. */
const ENTRIES_AT_ONCE = 10
/** A bell of so many stays far below an item's 400 KB, and below what a tick reads at once. */
const JOBS_PER_BELL = 100

export type Submitted = Accepted | { readonly ok: 'broken'; readonly error: unknown }

export async function submitBatch(
  deps: Deps,
  caller: Caller,
  requests: readonly SubmitRequest[],
): Promise<Submitted[]> {
  const answers: Submitted[] = []
  const fresh: { i: number; input: JobInput }[] = []
  const one = async (request: SubmitRequest, i: number): Promise<void> => {
    const admitted = await admit(deps, caller, request)
    if (!admitted.ok) answers[i] = admitted
    else if (request.idempotencyKey === undefined) fresh.push({ i, input: admitted.input })
    else answers[i] = await write(deps, admitted.input)
  }
  await inBatches([...requests.entries()], ENTRIES_AT_ONCE, async ([i, request]) => {
    await one(request, i).catch((error: unknown) => {
      answers[i] = { ok: 'broken', error }
    })
  })
  const written = await writeFresh(
    deps,
    fresh.map(({ input }) => input),
  ).catch((error: unknown) => ({ ok: 'broken' as const, error }))
  for (const { i, input } of fresh) answers[i] = written ?? { ok: true, jobId: input.jobId, repeated: false }
  return answers
}

async function writeFresh(deps: Deps, inputs: readonly JobInput[]): Promise<undefined> {
  const jobs = inputs.map((input) => ({ input, record: firstRecord(input) }))
  if (jobs.length > 0) await deps.jobs.createFresh({ jobs })
  for (const pool of new Set(inputs.map((input) => input.pool))) {
    const records = jobs.flatMap(({ input, record }) => (input.pool === pool ? [record] : []))
    for (let i = 0; i < records.length; i += JOBS_PER_BELL)
      await deps.doorbell.ring(pool, cameBell(deps.random.id(deps.clock.now()), records.slice(i, i + JOBS_PER_BELL)))
  }
}
