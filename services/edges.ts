/** What a transition must satisfy before any adapter writes it: the one place where the table of edges is asked. */
import { assertEdge, type JobState } from '../core/job.ts'
import type { Transition } from './ports.ts'

export class BadTransition extends Error {
  readonly code = 'bad-transition'
}

/** Throws unless the change is a path of legal edges to exactly one place: a live record, an end, or a dead letter. */
export function assertTransition(t: Transition): void {
  if (t.to && t.to.key.jobId !== t.from.key.jobId) throw new BadTransition('a transition is of one job')
  if (t.to?.state === 'failed' ? t.end?.outcome !== 'failed' : Boolean(t.to) === Boolean(t.end))
    throw new BadTransition('a job goes to one place: a lane, an end, or both as a dead letter')
  const target: JobState = t.end?.outcome ?? (t.to?.state as JobState)
  if (t.from.state === 'in-review' && t.approval?.decision === 'approved') {
    assertEdge('in-review', 'queued-approved')
    assertEdge('queued-approved', target)
  } else assertEdge(t.from.state, target)
}
