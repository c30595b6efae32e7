/** The same trace through callers without a queue, against a provider of their own with the same limit. */
import { forked } from '../forked.ts'
import type { NaiveAnswer, NaiveOrder } from '../naive.ts'
import type { Arrival } from '../workload.ts'
import type { Trace } from './measures.ts'
import { type Allowance, loggingProvider } from './provider-log.ts'
import type { RetryPolicy } from './retry-policy.ts'
import { traceOf } from './trace.ts'

export interface NaiveWay extends Allowance {
  readonly policy: RetryPolicy
  /** Whether refused calls take a place in the provider's window. */
  readonly refusedCount: boolean
}

/** Callers that are still refused after three times the time that suffices are refused for good. */
const WATCH_MS = 180_000
/** To start a process, and to end one. */
const SLACK_MS = 30_000

export async function runNaive(way: NaiveWay, arrivals: readonly Arrival[], seed: number): Promise<Trace> {
  const provider = await loggingProvider(way)
  const order: NaiveOrder = { provider: provider.url, policy: way.policy, trace: arrivals, capMs: WATCH_MS, seed }
  const callers = forked<NaiveOrder, NaiveAnswer>('./naive.ts', order, WATCH_MS + SLACK_MS)
  try {
    const { startedAt } = await callers.answer
    const endedAt = Date.now()
    return traceOf({ arrivals, idOf: String, log: provider.log(), startedAt, endedAt })
  } finally {
    callers.stop()
    await provider.stop()
  }
}
