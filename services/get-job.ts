/** One job, at once or as soon as it rests: ended, or waiting for a person. */
import { type Caller, lacksScope } from './caller.ts'
import type { Deps } from './deps.ts'
import { type FoundJob, findJob } from './find-job.ts'
import { type Answer, noSuchJob } from './refusal.ts'
import { type JobView, viewJob } from './view-job.ts'

/** An HTTP API answers within 30 s. */
export const WAIT_S_AT_MOST = 25
const LOOK_EVERY_MS = 300

/** Reviewers read what they decide on under their own scope. */
export async function getJob(
  deps: Deps,
  caller: Caller,
  jobId: string,
  p: { waitS?: number | undefined; scope?: 'jobs:read' | 'reviews:decide' } = {},
): Promise<Answer<{ job: JobView }>> {
  const lacking = lacksScope(caller, p.scope ?? 'jobs:read')
  if (lacking) return lacking
  const until = deps.clock.now() + Math.min(p.waitS ?? 0, WAIT_S_AT_MOST) * 1000
  for (;;) {
    const found = await findJob(deps, caller, jobId)
    if (!found) return noSuchJob(jobId)
    const now = deps.clock.now()
    if (rests(found) || now >= until) return { ok: true, job: await viewJob(deps, found) }
    await deps.clock.until(Math.min(until, now + LOOK_EVERY_MS))
  }
}

const rests = ({ parts, live }: FoundJob): boolean => parts.end !== undefined || live?.state === 'in-review'
