/** Joins what was asked for with what the provider logged: by job id. */
import type { Arrival as LoggedCall } from '../../local/simulated-provider/tally.ts'
import type { Arrival } from '../workload.ts'
import type { Trace } from './measures.ts'

/** `idOf` names the job of each arrival as the provider's log does. */
export function traceOf(p: {
  arrivals: readonly Arrival[]
  idOf: (index: number) => string
  log: readonly LoggedCall[]
  startedAt: number
  endedAt: number
}): Trace {
  const timesOf = (status: number) => p.log.filter((c) => c.status === status).map((c) => c.at - p.startedAt)
  const first = new Map<string, number>()
  for (const { job, at, status } of p.log)
    if (status === 200 && job !== undefined && !first.has(job)) first.set(job, at - p.startedAt)
  const jobs = p.arrivals.map((arrival, i) => {
    const admittedMs = first.get(p.idOf(i))
    return admittedMs === undefined ? arrival : { ...arrival, admittedMs }
  })
  return { jobs, admittedMs: timesOf(200), refusedMs: timesOf(429), endMs: p.endedAt - p.startedAt }
}
