/** The least time in which any server could drain a trace under a limit, with a guard of 0 and nothing lost. */
import type { Arrival } from './workload.ts'

export interface Allowed {
  readonly requests: number
  readonly windowMs: number
  readonly pacing: 'even' | 'burst'
}

/**
 * ms from the start of the trace to the last admission of an ideal server. `even` keeps windowMs / requests between
 * two calls; `burst` calls at the first moment t at which the window (t - windowMs, t] has room.
 */
export function floorMs(trace: readonly Pick<Arrival, 'atMs'>[], { requests, windowMs, pacing }: Allowed): number {
  const apart = pacing === 'even' ? { calls: 1, ms: windowMs / requests } : { calls: requests, ms: windowMs }
  const served: number[] = []
  for (const { atMs } of trace)
    served.push(Math.max(atMs, (served.at(-apart.calls) ?? Number.NEGATIVE_INFINITY) + apart.ms))
  return served.at(-1) ?? 0
}
