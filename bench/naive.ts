/**
 * Callers without a queue, a process of their own: every job of the trace calls the provider at its time, and after a
 * refusal again, as its policy says, until it is served or the time is up.
 */
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomFrom } from '../local/simulated-provider/latency.ts'
import { obey } from './forked.ts'
import { type RetryPolicy, retryAfterMs, waitMs } from './limit/retry-policy.ts'
import { INPUT } from './load.ts'
import type { Arrival } from './workload.ts'

export interface NaiveOrder {
  readonly provider: string
  readonly policy: RetryPolicy
  readonly trace: readonly Arrival[]
  readonly capMs: number
  readonly seed: number
}
export interface NaiveAnswer {
  /** Epoch ms of the trace's 0. */
  readonly startedAt: number
}

/** Bounds what a policy that never gets through may send. */
const CALLS_AT_MOST = 200_000

const BODY = JSON.stringify({
  model: 'simulated',
  messages: [{ role: 'user', content: INPUT.text }],
  max_tokens: 250,
})

async function callAll({ provider, policy, trace, capMs, seed }: NaiveOrder): Promise<NaiveAnswer> {
  const random = randomFrom(seed)
  const startedAt = Date.now()
  const over = AbortSignal.timeout(capMs)
  // Every job listens to it.
  setMaxListeners(0, over)
  let calls = 0
  const one = async (job: number, { atMs }: Arrival) => {
    await sleep(Math.max(0, startedAt + atMs - Date.now()), undefined, { signal: over })
    for (let refusals = 1; calls++ < CALLS_AT_MOST; refusals++) {
      const answer = await call(provider, job, over)
      if (answer === 'served') return
      await sleep(waitMs(policy, { refusals, random01: random(), ...answer }), undefined, { signal: over })
    }
  }
  // Whoever is still waiting when the time is up ends by the signal.
  await Promise.allSettled(trace.map((arrival, job) => one(job, arrival)))
  return { startedAt }
}

async function call(
  provider: string,
  job: number,
  over: AbortSignal,
): Promise<'served' | { retryAfterMs: number | undefined }> {
  const headers = { 'content-type': 'application/json', 'x-fairlead-job': String(job) }
  try {
    const response = await fetch(`${provider}/chat/completions`, { method: 'POST', headers, body: BODY, signal: over })
    await response.arrayBuffer()
    return response.ok ? 'served' : { retryAfterMs: retryAfterMs((name) => response.headers.get(name)) }
  } catch {
    // Too many connections at once: as a refusal that says nothing.
    return { retryAfterMs: undefined }
  }
}

obey(callAll)
