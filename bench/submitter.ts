/** The load of a trace, a process of its own: submits every job at its time, and says when each was asked for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiClient, apiClient } from '../local/api-client.ts'
import { obey } from './forked.ts'
import { INPUT } from './load.ts'
import type { Arrival } from './workload.ts'

export interface SubmitOrder {
  readonly url: string
  readonly token: string
  readonly trace: readonly Arrival[]
}
export interface Submitted {
  /** Epoch ms of the trace's 0. */
  readonly startedAt: number
  /** For each arrival of the trace, its job and the epoch ms at which the API had answered for it. */
  readonly jobs: readonly { readonly id: string; readonly acceptedAt: number }[]
}

/** The most that one batch takes. */
const BATCH = 100
/** The flood of 2,000 jobs goes at once; a larger backlog may not exhaust the sockets of its process. */
const BATCHES_AT_ONCE = 20
interface Entry {
  readonly id?: string
}

/** What is due at the start goes in batches, all of them at once; the rest job by job, each at its time. */
async function submit({ url, token, trace }: SubmitOrder): Promise<Submitted> {
  const api = apiClient(url, token)
  const jobs: { id: string; acceptedAt: number }[] = []
  const atOnce = trace.filter(({ atMs }) => atMs === 0).length
  const startedAt = Date.now()
  const batch = async (from: number) => {
    const some = trace.slice(from, Math.min(from + BATCH, atOnce))
    const { results } = (await api.post('/v1/jobs/batch', { jobs: some.map(bodyOf) })) as { results: Entry[] }
    results.forEach((entry, i) => note(from + i, entry))
  }
  const single = async (i: number, arrival: Arrival) => {
    await sleep(Math.max(0, startedAt + arrival.atMs - Date.now()))
    note(i, (await post(api, arrival)) as Entry)
  }
  const note = (i: number, { id }: Entry) => {
    if (id === undefined) throw new Error(`job ${i} of the trace was not accepted`)
    jobs[i] = { id, acceptedAt: Date.now() }
  }
  const batches = Array.from({ length: Math.ceil(atOnce / BATCH) }, (_, i) => i * BATCH).values()
  const lane = async () => {
    for (const from of batches) await batch(from)
  }
  const lanes = Array.from({ length: BATCHES_AT_ONCE }, lane)
  await Promise.all([...lanes, ...trace.slice(atOnce).map((arrival, i) => single(atOnce + i, arrival))])
  return { startedAt, jobs }
}

const bodyOf = ({ tier, owner }: Arrival) => ({ kind: tier, owner, input: INPUT })
const post = (api: ApiClient, arrival: Arrival) => api.post('/v1/jobs', bodyOf(arrival))

obey(submit)
