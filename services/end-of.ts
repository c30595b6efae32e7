/** The end of a job, as every service writes it. */
import type { End, LiveRecord, Outcome } from '../core/job.ts'
import { DAY_MS } from '../core/settings.ts'
import type { Deps } from './deps.ts'

/** It never expires before the input does. */
export function endOf(
  deps: Pick<Deps, 'settings' | 'clock'>,
  job: Pick<LiveRecord, 'key' | 'fence' | 'attempt' | 'errors' | 'submittedAt' | 'expiresAt'>,
  outcome: Outcome,
  more: Partial<End> = {},
): End {
  const endedAt = deps.clock.now()
  const { input, result } = deps.settings.retentionDays
  return {
    v: 1,
    jobId: job.key.jobId,
    outcome,
    fence: job.fence,
    submittedAt: job.submittedAt,
    endedAt,
    attempts: job.attempt,
    errors: job.errors,
    expiresAt: Math.max(endedAt + result * DAY_MS, job.expiresAt ?? job.submittedAt + input * DAY_MS),
    ...more,
  }
}
