/**
 * The load of a trace, a process of its own: submits every job at its time, and says when each was answered for. What
 * the API could not take it repeats under the same key, as a client should, and counts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiClient, apiClient } from '../local/api-client.ts'
import { obey } from './forked.ts'
import { warmUp } from './limit/warmed.ts'
import { INPUT } from './load.ts'
import type { Arrival } from './workload.ts'

export interface SubmitOrder {
  readonly url: string
  readonly token: string
  /** Warmed up before the trace (bench/limit/warmed.ts), with so long a rest in between. */
  readonly warmUp?: { readonly restMs: number }
  readonly trace: readonly Arrival[]
  /** What is not accepted by then is given up: the answer comes in any case. */
  readonly capMs: number
}
export interface Submitted {
  /** Epoch ms of the trace's 0. */
  readonly startedAt: number
  /** Of each arrival of the trace that was accepted. */
  readonly jobIds: readonly (string | null)[]
  /** Epoch ms at which the last job of the trace's 0 was accepted, or was given up. */
  readonly floodAcceptedAt: number
  /** Submits that were answered with an error first. */
  readonly repeated: number
}

/** The most that one batch takes. */
const BATCH = 100
/** The flood of 2,000 jobs goes at once; a larger backlog may not exhaust the sockets of its process. */
const BATCHES_AT_ONCE = 20

interface Load extends SubmitOrder {
  readonly api: ApiClient
  readonly startedAt: number
  readonly jobIds: (string | null)[]
  repeated: number
}

async function submit(order: SubmitOrder): Promise<Submitted> {
  const jobIds = Array<string | null>(order.trace.length).fill(null)
  const api = apiClient(order.url, order.token)
  if (order.warmUp) await warmUp(api, order.warmUp.restMs)
  const load: Load = {
    ...order,
    api,
    startedAt: Date.now(),
    jobIds,
    repeated: 0,
  }
  const atOnce = order.trace.filter(({ atMs }) => atMs === 0).length
  const over = sleep(order.capMs)
  const flood = Promise.race([over, submitFlood(load, atOnce)]).then(() => Date.now())
  await Promise.race([over, Promise.all(order.trace.slice(atOnce).map((_, i) => submitInTime(load, atOnce + i)))])
  return { startedAt: load.startedAt, jobIds, floodAcceptedAt: await flood, repeated: load.repeated }
}

async function submitFlood(load: Load, atOnce: number): Promise<void> {
  const batches = Array.from({ length: Math.ceil(atOnce / BATCH) }, (_, i) => i * BATCH).values()
  const line = async () => {
    for (const from of batches) await submitBatch(load, from, Math.min(from + BATCH, atOnce))
  }
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, line))
}

async function submitBatch(load: Load, from: number, to: number): Promise<void> {
  const entries = await postBatch(load, from, to)
  for (const [i, { id }] of entries.entries()) {
    load.jobIds[from + i] = id ?? null
    if (id !== undefined) continue
    load.repeated++
    await submitSingle(load, from + i)
  }
}

async function submitInTime(load: Load, i: number): Promise<void> {
  await sleep(Math.max(0, load.startedAt + (load.trace[i] as Arrival).atMs - Date.now()))
  await submitSingle(load, i)
}

interface Entry {
  readonly id?: string
}
const keyOf = (i: number): string => `job-${i}`
const bodyOf = ({ tier, owner }: Arrival) => ({ kind: tier, owner, input: INPUT })

/** Without an answer at all every entry counts as not accepted: what was is found again by its key. */
async function postBatch({ api, trace }: Load, from: number, to: number): Promise<readonly Entry[]> {
  const some = trace.slice(from, to)
  const jobs = some.map((arrival, i) => ({ ...bodyOf(arrival), key: keyOf(from + i) }))
  try {
    return ((await api.post('/v1/jobs/batch', { jobs })) as { results: Entry[] }).results
  } catch {
    return some.map(() => ({}))
  }
}

const TRIES_AT_MOST = 20
const APART_MS = 500

async function submitSingle(load: Load, i: number): Promise<void> {
  for (let tries = 1; tries <= TRIES_AT_MOST; tries++) {
    const id = await postSingle(load, i)
    load.jobIds[i] = id ?? null
    if (id !== undefined) return
    load.repeated++
    await sleep(APART_MS)
  }
}

const postSingle = ({ api, trace }: Load, i: number): Promise<string | undefined> =>
  api.post('/v1/jobs', bodyOf(trace[i] as Arrival), { 'idempotency-key': keyOf(i) }).then(
    (answer) => (answer as Entry).id,
    () => undefined,
  )

obey(submit)
