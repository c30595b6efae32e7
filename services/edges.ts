/** What a transition must satisfy before any adapter writes it: the one place where the table of edges is asked. */
import { assertEdge, type JobState, type LiveKey } from '../core/job.ts'
import type { Transition } from './ports.ts'

export class BadTransition extends Error {
  readonly code = 'bad-transition'
}

/** Throws unless the change is a path of legal edges to exactly one place: a live record, an end, or a dead letter. */
export function assertTransition(t: Transition): void {
  if (t.to && t.to.key.jobId !== t.from.key.jobId) throw new BadTransition('a transition is of one job')
  if (t.to?.state === 'failed' ? t.end?.outcome !== 'failed' : Boolean(t.to) === Boolean(t.end))
    throw new BadTransition('a job goes to one place: a lane, an end, or both as a dead letter')
  if (t.to && sameKey(t.to.key, t.from.key)) throw new BadTransition('a move is to another place or time')
  if (Boolean(t.reopen) !== (t.from.state === 'failed'))
    throw new BadTransition('a dead letter goes by taking its end away')
  if (t.evenIfCancelled && t.to) throw new BadTransition('a job whose cancellation was asked for goes to its end only')
  const target: JobState = t.end?.outcome ?? (t.to?.state as JobState)
  if (t.from.state === 'in-review' && t.approval?.decision === 'approved') {
    assertEdge('in-review', 'queued-approved')
    assertEdge('queued-approved', target)
  } else assertEdge(t.from.state, target)
}

/** The same place and time: of one job. */
export const sameKey = (a: LiveKey, b: LiveKey): boolean => a.lane === b.lane && a.at === b.at

/**
 * A record that stands where its job entered, unclaimed, ends only a job that has not moved from there: a first put that
 * has landed late looks the same.
 */
export const endsUnmoved = ({ from, end }: Transition): boolean =>
  end !== undefined && from.state === 'queued' && from.fence === 0
