/**
 * A person's decision on a draft. One transaction checks that this version is still the one in review, writes the
 * approval, and takes the draft on its way; nothing here can call a model, so approval never pays for a second
 * generation. With delivery `none` the queued-approved draft is released at once: it becomes the job's result.
 */
import type { Approval, Draft, InReview } from '../core/job.ts'
import { type Caller, lacksScope } from './caller.ts'
import type { Deps } from './deps.ts'
import { endOf } from './end-of.ts'
import { type FoundJob, findJob } from './find-job.ts'
import { type Answer, noSuchJob, type Refusal, refuse } from './refusal.ts'
import { type JobView, viewJob } from './view-job.ts'

export interface Decision {
  readonly decision: 'approved' | 'rejected'
  /** The draft version that the person saw. */
  readonly version: number
  readonly reason?: string | undefined
}

/** What a reviewer reads: a draft that waits, or what came of one that a person decided on. No other job, whoever its owner is. */
export async function getReview(deps: Deps, caller: Caller, jobId: string): Promise<Answer<{ job: JobView }>> {
  const scope = lacksScope(caller, 'reviews:decide')
  if (scope) return scope
  const found = await findJob(deps, caller, jobId)
  if (!found) return noSuchJob(jobId)
  return isReviewed(found) ? { ok: true, job: await viewJob(deps, found) } : notInReview(found)
}

const isReviewed = ({ parts: { end }, live }: FoundJob): boolean =>
  end ? end.outcome === 'rejected' || end.approvedBy !== undefined : live?.state === 'in-review'

const notInReview = ({ parts: { end }, live }: FoundJob): Refusal =>
  end
    ? refuse('not-in-review', `The job is ${end.outcome}, and no person decided on it.`, 'Read it under jobs:read.')
    : refuse(
        'not-in-review',
        `The job is ${live?.state ?? 'not written'}, not in review.`,
        'Wait until its draft is written.',
      )

export async function decide(
  deps: Deps,
  caller: Caller,
  jobId: string,
  d: Decision,
): Promise<Answer<{ state: 'succeeded' | 'rejected' }>> {
  const seen = await inReview(deps, caller, jobId, d.version)
  if (!seen.ok) return seen
  const { live, draft } = seen
  const approval: Approval = {
    v: 1,
    jobId,
    version: d.version,
    decision: d.decision,
    hash: draft.hash,
    by: caller.id,
    submittedAt: live.submittedAt,
    at: deps.clock.now(),
    ...(d.reason === undefined ? {} : { reason: d.reason }),
  }
  const end =
    d.decision === 'approved'
      ? endOf(deps, live, 'succeeded', {
          result: draft.text,
          model: draft.model,
          usage: draft.usage,
          ...(draft.fallback ? { fallback: draft.fallback } : {}),
          ...(draft.answers ? { answers: draft.answers } : {}),
          ...(draft.cached ? { cached: draft.cached } : {}),
          approvedBy: caller.id,
        })
      : endOf(deps, live, 'rejected', { usage: draft.usage, ...(d.reason === undefined ? {} : { reason: d.reason }) })
  const done = await deps.jobs.transition({ from: live, end, approval })
  if (done !== 'done') return decidedAlready(deps, caller, jobId)
  const state = d.decision === 'approved' ? 'succeeded' : 'rejected'
  deps.meter.count('JobsEnded', 1, { outcome: state })
  return { ok: true, state }
}

async function inReview(
  deps: Deps,
  caller: Caller,
  jobId: string,
  version: number,
): Promise<Answer<{ live: InReview; draft: Draft }>> {
  const scope = lacksScope(caller, 'reviews:decide')
  if (scope) return scope
  const found = await findJob(deps, caller, jobId)
  if (!found) return noSuchJob(jobId)
  const { parts, live } = found
  if (parts.end) return decidedAlready(deps, caller, jobId)
  if (live?.state !== 'in-review' || !parts.draft) return notInReview(found)
  if (live.draftVersion !== version || parts.draft.version !== version || parts.draft.hash !== live.draftHash)
    return refuse(
      'draft-changed',
      `The draft is now version ${live.draftVersion}.`,
      'Read it again and decide on that version.',
      { at: 'version' },
    )
  return { ok: true, live, draft: parts.draft }
}

async function decidedAlready(deps: Deps, caller: Caller, jobId: string): Promise<Refusal> {
  const end = (await findJob(deps, caller, jobId))?.parts.end
  return refuse(
    'decided-already',
    `The job is ${end?.outcome ?? 'being decided'}.`,
    'Look at it; nothing was changed by this call.',
  )
}
