/** A job whole: its parts and its live record, read until they agree. */
import { type JobParts, type LiveRecord, presentKey } from '../core/job.ts'
import { actsFor, type Caller } from './caller.ts'
import type { Deps } from './deps.ts'

export interface FoundJob {
  readonly parts: JobParts
  readonly live?: LiveRecord
}

/** A job may move between the two reads: its `at` then names another key, and a second look finds it. */
const LOOKS_AT_MOST = 4

/** The job, if there is one that this caller may see. */
export async function findJob(deps: Deps, caller: Caller, jobId: string): Promise<FoundJob | undefined> {
  let found: FoundJob | undefined
  for (let look = 0; look < LOOKS_AT_MOST; look++) {
    const parts = await deps.jobs.load({ jobId, now: deps.clock.now() })
    if (!parts || !actsFor(caller, parts.input.owner)) return undefined
    if (parts.end) return { parts }
    const [live] = await deps.jobs.live({ keys: [presentKey(parts)] })
    found = live ? { parts, live } : { parts }
    if (live) return found
  }
  return found
}
