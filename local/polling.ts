/** What the event source mapping is in AWS: receives messages and hands each to a worker, so many at once. */
import type { Clock } from '../services/ports.ts'

/** As lib/job-queue.ts allows in AWS. What comes beyond it stands in the queue, misses its slot and is sent again. */
export const WORKERS_AT_ONCE = 500
/** SQS's most. */
export const RECEIVED_AT_MOST = 10
/** After a receive that failed: the next one may fail as fast. */
export const AGAIN_MS = 1_000

export interface Polled<T> {
  /** RECEIVED_AT_MOST messages or fewer, as soon as there is one or the signal aborts. */
  receive(signal: AbortSignal): Promise<readonly T[]>
  work(message: T): Promise<unknown>
  readonly clock: Clock
}

/** Until the signal aborts; resolves when the last message is done. One whose work fails is not looked after. */
export async function poll<T>({ receive, work, clock }: Polled<T>, signal: AbortSignal): Promise<void> {
  const running = new Set<Promise<unknown>>()
  const start = (message: T) => {
    const done = work(message)
      .catch(() => undefined)
      .finally(() => running.delete(done))
    running.add(done)
  }
  const pause = async () => {
    await clock.until(clock.now() + AGAIN_MS, signal)
    return []
  }
  while (!signal.aborted) {
    for (const message of await receive(signal).catch(pause)) start(message)
    while (running.size > WORKERS_AT_ONCE - RECEIVED_AT_MOST) await Promise.race(running)
  }
  await Promise.all(running)
}
