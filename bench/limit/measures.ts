/**
 * What a trace came to, from when each job was due and when the provider admitted it. Times are ms from the trace's
 * start. Nothing here knows whether a queue or naive callers were behind it.
 */
import { jain, percentile } from '../statistics.ts'
import { type Arrival, BIG_OWNER } from '../workload.ts'

export interface TracedJob extends Arrival {
  /** When the provider first admitted a call for it; absent: not within the time that was watched. */
  readonly admittedMs?: number
}
export interface Trace {
  readonly jobs: readonly TracedJob[]
  /** Every admitted and every refused call, ascending. */
  readonly admittedMs: readonly number[]
  readonly refusedMs: readonly number[]
  /** Until when it was watched. */
  readonly endMs: number
}

/** From the trace's start to the last job's call. With a job left over it is the whole time watched, a lower bound. */
export const drainMs = ({ jobs, endMs }: Trace): number => Math.max(...jobs.map((j) => j.admittedMs ?? endMs))

/** From the moment the job was due, not from when the API had answered for it. Who was left over waited at least so long. */
const waitS = (trace: Trace) => (j: TracedJob) => ((j.admittedMs ?? trace.endMs) - j.atMs) / 1_000

export function waitsS(trace: Trace, share: number): { high: number; smallOwners: number; all: number } {
  const of = (some: readonly TracedJob[]) => percentile(some.map(waitS(trace)), share)
  return {
    high: of(trace.jobs.filter(({ tier }) => tier === 'high')),
    smallOwners: of(trace.jobs.filter(({ owner }) => owner !== BIG_OWNER)),
    all: of(trace.jobs),
  }
}

/**
 * The share of the limit that was used while there was work: calls admitted in (first, last], over what the limit
 * allows in that time. It begins with the first admitted call, because from then on there provably was a backlog
 * (what comes before is the wake-up, which drain_ratio and the scenario `wake` hold), and ends with the last job's call
 * or with `untilMs`. A backlog that ran dry in between would lower it, never raise it. Even pacing keeps W + guard
 * between a call and the one that takes its place, so it cannot exceed W / (W + guard): 0.9756 for 6 s and 150 ms,
 * 0.9885 for 60 s and 700 ms.
 */
export function utilisation(
  trace: Trace,
  p: { requests: number; windowMs: number; untilMs?: (firstMs: number) => number },
): number {
  const first = trace.admittedMs[0] ?? 0
  const last = p.untilMs?.(first) ?? drainMs(trace)
  const calls = trace.admittedMs.filter((at) => at > first && at <= last).length
  return calls / (p.requests * ((last - first) / p.windowMs))
}

/**
 * Jain's index of the first 600 calls by owner, every owner equally entitled, among those that had a job due and not
 * yet admitted at every moment from the trace's start to the 600th call: an owner that ran out of work is owed nothing.
 */
export function jainFirst(calls: number, { jobs }: Trace): { index: number; owners: number } {
  const served = jobs
    .filter((j) => j.admittedMs !== undefined)
    .sort((a, b) => (a.admittedMs as number) - (b.admittedMs as number))
  const untilMs = served.slice(0, calls).at(-1)?.admittedMs ?? 0
  const owners = [...new Set(jobs.map(({ owner }) => owner))]
  const shares = owners
    .map((owner) => jobs.filter((j) => j.owner === owner))
    .filter((own) => alwaysWaiting(own, untilMs))
    .map((own) => own.filter((j) => (j.admittedMs ?? Number.POSITIVE_INFINITY) <= untilMs).length)
  return { index: jain(shares), owners: shares.length }
}

/** Whether some job of these was due and unserved at every moment of [0, untilMs]. */
function alwaysWaiting(jobs: readonly TracedJob[], untilMs: number): boolean {
  let covered = 0
  for (const { atMs, admittedMs = Number.POSITIVE_INFINITY } of [...jobs].sort((a, b) => a.atMs - b.atMs)) {
    if (atMs > covered) return false
    covered = Math.max(covered, admittedMs)
    if (covered > untilMs) return true
  }
  return false
}

/** Jobs served within a time. */
export const servedWithin = ({ jobs }: Trace, ms: number): number =>
  jobs.filter((j) => j.admittedMs !== undefined && j.admittedMs <= ms).length
