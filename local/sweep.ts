/** What DynamoDB's TTL is in AWS: erases what has outlived its retention. Readers pass over it before. */
import type { Clock } from '../services/ports.ts'

/** At the time given; stops early, and leaves the rest to the next, where the signal aborts. */
export type Sweep = (now: number, signal: AbortSignal) => Promise<void>

/** It reads all that may expire, and rewrites a journal; and nobody counts on it within hours: AWS's own takes days. */
export const SWEEP_EVERY_MS = 86_400_000

/** At once, then daily, until the signal aborts. One that fails says so, and the next does its work. */
export async function sweepDaily(sweep: Sweep, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sweep(clock.now(), signal).catch((e: Error) => void process.stderr.write(`sweep: ${e.message}\n`))
    await clock.until(clock.now() + SWEEP_EVERY_MS, signal)
  }
}
