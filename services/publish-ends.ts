/** Ends of jobs as events: at least once each, and never one that was not written. */
import type { End } from '../core/job.ts'
import type { EventPort } from './ports.ts'

/** Answers the first that was not taken: whoever repeats goes on from there, and those behind it are told again. */
export async function publishEnds(events: EventPort, ends: readonly End[]): Promise<End | undefined> {
  const told = ends.map(({ jobId, outcome, endedAt }) => ({ jobId, outcome, endedAt }))
  const { failed } = await events.publish({ events: told })
  return ends.find(({ jobId }) => failed.some((event) => event.jobId === jobId))
}
