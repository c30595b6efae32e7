/** Drafts that wait for a person: every team's inbox in turn, each from its oldest, as far as the caller may act for the owners. */
import { reviewLane } from '../core/lane.ts'
import { type Caller, lacksScope } from './caller.ts'
import type { Deps } from './deps.ts'
import { teamsOf } from './list-jobs.ts'
import { listLanes } from './list-lanes.ts'
import type { Answer } from './refusal.ts'

export interface ReviewRow {
  readonly id: string
  readonly owner: string
  readonly kind: string
  readonly version: number
  readonly since: string
}

export async function listReviews(
  deps: Deps & { cursorKey: string },
  caller: Caller,
  request: { limit: number; cursor?: string | undefined },
): Promise<Answer<{ reviews: ReviewRow[]; cursor?: string }>> {
  const scope = lacksScope(caller, 'reviews:decide')
  if (scope) return scope
  const page = await listLanes(deps, caller, { ...request, list: 'reviews', lanes: teamsOf(deps).map(reviewLane) })
  if (!page.ok) return page
  const reviews = page.records.flatMap((r) =>
    r.state === 'in-review'
      ? [
          {
            id: r.key.jobId,
            owner: r.owner,
            kind: r.kind,
            version: r.draftVersion,
            since: new Date(r.key.at).toISOString(),
          },
        ]
      : [],
  )
  return { ok: true, reviews, ...(page.cursor ? { cursor: page.cursor } : {}) }
}
