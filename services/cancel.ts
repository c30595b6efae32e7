/** Cancel: what does not run ends at once; what runs is asked, and its worker's settle ends it with its usage. */
import type { LiveRecord } from '../core/job.ts'
import { type Caller, lacksScope } from './caller.ts'
import type { Deps } from './deps.ts'
import { endOf } from './end-of.ts'
import { findJob } from './find-job.ts'
import { type Answer, noSuchJob, refuse } from './refusal.ts'

const TRIES = 4

export async function cancel(
  deps: Deps,
  caller: Caller,
  jobId: string,
): Promise<Answer<{ state: 'cancelled' | 'cancelling' }>> {
  const scope = lacksScope(caller, 'jobs:submit')
  if (scope) return scope
  for (let i = 0; i < TRIES; i++) {
    const found = await findJob(deps, caller, jobId)
    if (!found) return noSuchJob(jobId)
    const { parts, live } = found
    if (parts.end?.outcome === 'cancelled') return { ok: true, state: 'cancelled' }
    if (parts.end)
      return refuse('not-cancellable', `The job has ended as ${parts.end.outcome}.`, 'Nothing is left to cancel.')
    if (!live) {
      const { key, submittedAt, expiresAt } = parts.input
      const unentered = { key, fence: 0, attempt: 0, errors: [], submittedAt, expiresAt }
      if ((await deps.jobs.endUnentered({ key, end: endOf(deps, unentered, 'cancelled') })) === 'done')
        return { ok: true, state: 'cancelled' }
    } else if (live.state === 'running') {
      if ((await deps.jobs.requestCancel({ record: live })) === 'asked') return { ok: true, state: 'cancelling' }
    } else if (await endNow(deps, live)) return { ok: true, state: 'cancelled' }
  }
  return refuse('not-cancellable', 'The job changed while it was being cancelled.', 'Look at it and cancel it again.')
}

async function endNow(deps: Deps, live: LiveRecord): Promise<boolean> {
  const { tier, owner, pool, key } = live
  const bell = {
    v: 1,
    id: deps.random.id(deps.clock.now()),
    t: 'left',
    tier,
    owner,
    jobId: key.jobId,
    at: key.at,
    state: 'cancelled',
  } as const
  const end = endOf(deps, live, 'cancelled')
  const done = await deps.jobs.transition({ from: live, end, ...(live.state === 'queued' ? { bell } : {}) })
  if (done !== 'done') return false
  deps.meter.count('JobsEnded', 1, { outcome: 'cancelled' })
  if (live.state === 'queued') await deps.doorbell.rung(pool)
  return true
}
