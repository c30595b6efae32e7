/**
 * Many submits together, each answered for itself. Contents without a key meet nothing that stands; of those with a key
 * each may be a repeat. What is new is entered in one go, with one bell a pool.
 */
import { cameBell } from '../core/bell.ts'
import type { JobInput } from '../core/job.ts'
import type { Caller } from './caller.ts'
import type { Deps } from './deps.ts'
import { inBatches } from './in-batches.ts'
import { type Accepted, admit, firstRecord, repeat, type SubmitRequest } from './submit.ts'

/** Entries that are looked at, at the same time: a batch must not starve the other requests of its process. */
const ENTRIES_AT_ONCE = 25
/** A bell of so many stays far below an item's 400 KB, and below what a tick reads at once. */
const JOBS_PER_BELL = 100

export type Submitted = Accepted | { readonly ok: 'broken'; readonly error: unknown }
/** By their place in the batch. */
type Inputs = ReadonlyMap<number, JobInput>

export async function submitBatch(
  deps: Deps,
  caller: Caller,
  requests: readonly SubmitRequest[],
): Promise<Submitted[]> {
  const answers: Submitted[] = []
  const inputs = new Map<number, JobInput>()
  await each(answers, requests.entries(), async (request, i) => {
    const admitted = await admit(deps, caller, request)
    if (!admitted.ok) return admitted
    inputs.set(i, admitted.input)
    return undefined
  })
  const hasKey = (i: number) => requests[i]?.idempotencyKey !== undefined
  const some = (wanted: (i: number) => boolean): Inputs => new Map([...inputs].filter(([i]) => wanted(i)))
  await answered(answers, some(hasKey), (keyed) => create(deps, answers, keyed))
  await answered(
    answers,
    some((i) => !hasKey(i)),
    (fresh) => deps.jobs.createFresh({ inputs: [...fresh.values()] }),
  )
  const entering = some((i) => !answers[i])
  await answered(answers, entering, () => enter(deps, [...entering.values()]))
  for (const [i, { jobId }] of entering) answers[i] ??= { ok: true, jobId, repeated: false }
  return answers
}

/** What breaks for one entry is its own answer. */
const each = <T>(
  answers: Submitted[],
  entries: Iterable<[number, T]>,
  run: (entry: T, i: number) => Promise<Submitted | undefined>,
): Promise<void> =>
  inBatches([...entries], ENTRIES_AT_ONCE, async ([i, entry]) => {
    const answer = await run(entry, i).catch((error: unknown) => ({ ok: 'broken' as const, error }))
    if (answer) answers[i] = answer
  })

/** What breaks for some is the answer of each of them. */
async function answered(answers: Submitted[], some: Inputs, write: (some: Inputs) => Promise<void>): Promise<void> {
  if (some.size === 0) return
  await write(some).catch((error: unknown) => {
    for (const i of some.keys()) answers[i] = { ok: 'broken', error }
  })
}

async function create(deps: Deps, answers: Submitted[], keyed: Inputs): Promise<void> {
  const created = await deps.jobs.createAll({ inputs: [...keyed.values()] })
  const repeats = [...keyed].flatMap(([i, input], n): [number, () => Promise<Accepted>][] => {
    const outcome = created[n]
    return outcome?.kind === 'exists' ? [[i, () => repeat(deps, input, outcome.input)]] : []
  })
  await each(answers, repeats, (again) => again())
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
