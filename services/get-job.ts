/** One job, at once or as soon as it rests: ended, or waiting for a person. */
import type { LiveRecord } from '../core/job.ts'
import { type Caller, lacksScope } from './caller.ts'
import type { Deps } from './deps.ts'
import { type FoundJob, findJob } from './find-job.ts'
import { type Answer, noSuchJob } from './refusal.ts'
import { type JobView, viewJob } from './view-job.ts'

/** An HTTP API answers within 30 s. */
export const WAIT_S_AT_MOST = 25
const LOOK_EVERY_MS = 300

export async function getJob(
  deps: Deps,
  caller: Caller,
  jobId: string,
  p: { waitS?: number | undefined } = {},
): Promise<Answer<{ job: JobView }>> {
  const lacking = lacksScope(caller, 'jobs:read')
  if (lacking) return lacking
  const until = deps.clock.now() + Math.min(p.waitS ?? 0, WAIT_S_AT_MOST) * 1000
  for (;;) {
    const found = await findJob(deps, caller, jobId)
    if (!found) return noSuchJob(jobId)
    if (rests(found) || deps.clock.now() >= until) return { ok: true, job: await viewJob(deps, found) }
    await untilLeft(deps, found.live, until)
  }
}

/**
 * Until its record stands no more where it stood, as every way to its rest begins. The record is small; its parts may have
 * hundreds of kilobytes, each read of which would be paid for. One that is not there yet comes in a moment.
 */
async function untilLeft(deps: Deps, live: LiveRecord | undefined, until: number): Promise<void> {
  for (;;) {
    const now = deps.clock.now()
    await deps.clock.until(Math.min(until, now + LOOK_EVERY_MS))
    if (!live || deps.clock.now() >= until) return
    const [still] = await deps.jobs.live({ keys: [live.key] })
    if (!still) return
  }
}

const rests = ({ parts, live }: FoundJob): boolean => parts.end !== undefined || live?.state === 'in-review'
