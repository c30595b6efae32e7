/**
 * When a provider is taken to be down: some calls in a row failed by its doing, and none since was answered (Nygard,
 * "Release It!", circuit breaker). What stands open is a stopped pool (services/dispatch/absorb.ts): one call probes.
 */
import type { ErrorClass } from './retry.ts'

/** Failures since the last answer: each under what it says, with the call's slot. */
export type Evidence = Map<string, number>

export const OPEN_AFTER = 5

const PROVIDERS: readonly string[] = ['overloaded', 'server', 'network', 'timeout'] satisfies ErrorClass[]
/** These say nothing of the job; any other may be its content's doing, and counts once for each job. */
const WHATEVER_IS_ASKED: readonly string[] = ['overloaded', 'network'] satisfies ErrorClass[]
/** Too many at once, perhaps. */
const TOO_MUCH: readonly string[] = ['overloaded', 'timeout'] satisfies ErrorClass[]

export const isProviders = (failed: string): boolean => PROVIDERS.includes(failed)
export const isTooMuch = (failed: string): boolean => TOO_MUCH.includes(failed)

export interface FailedCall {
  readonly jobId: string
  readonly fence: number
  readonly failed: string
  readonly slot: number
}

/** Answers whether that is enough. */
export function testify(evidence: Evidence, { jobId, fence, failed, slot }: FailedCall): boolean {
  evidence.set(WHATEVER_IS_ASKED.includes(failed) ? `${jobId} ${fence}` : jobId, slot)
  return evidence.size >= OPEN_AFTER
}

/** A call of this slot was answered: what failed before it says nothing any more. */
export function acquit(evidence: Evidence, slot: number): void {
  for (const [what, at] of evidence) if (at <= slot) evidence.delete(what)
}

/** Whether a job's failure may be the provider's doing, as far as others tell. */
export const isDoubted = (evidence: Evidence, jobId: string): boolean =>
  [...evidence.keys()].some((what) => what !== jobId)
