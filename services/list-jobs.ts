/**
 * Lists that cost what they show: one owner's live jobs, lane by lane; what needs attention; what is in flight, from
 * the overview. Anything else would be a scan, and is refused with the name of what to add.
 */
import { type LiveRecord, TIERS, type Tier } from '../core/job.ts'
import { attentionLane, laneOf, reviewLane } from '../core/lane.ts'
import { recentOverview } from './backlog.ts'
import { actsFor, type Caller, lacksScope } from './caller.ts'
import type { Deps } from './deps.ts'
import { isAskedFor, listLanes } from './list-lanes.ts'
import { type Answer, type Refusal, refuse } from './refusal.ts'

export interface ListRequest {
  readonly owner?: string | undefined
  readonly tier?: Tier | undefined
  readonly attention?: 'failed' | 'review' | undefined
  readonly state?: 'in-flight' | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}
export interface ListedJob {
  readonly id: string
  readonly owner: string
  readonly kind?: string
  readonly tier: string
  readonly state: string
  /** Absent of a call that a takeover found on its way: its record does not tell when it left. */
  readonly since?: string
  readonly attempts?: number
}
export type JobList = Answer<{ jobs: ListedJob[]; cursor?: string }>

export async function listJobs(
  deps: Deps & { cursorKey: string },
  caller: Caller,
  request: ListRequest,
): Promise<JobList> {
  const scope = lacksScope(caller, 'jobs:read')
  if (scope) return scope
  const { owner, state } = request
  if (owner !== undefined && !actsFor(caller, owner))
    return refuse('owner-not-yours', `${caller.id} may not act for ${owner}.`, 'List your own owner.', { at: 'owner' })
  if (state === 'in-flight') return inFlight(deps, caller, request)
  const lanes = lanesOf(deps, caller, request)
  if (!Array.isArray(lanes)) return lanes
  const list = [request.owner, request.tier, request.attention].join('|')
  const page = await listLanes(deps, caller, { ...request, list, lanes })
  return page.ok ? { ok: true, jobs: page.records.map(listed), ...(page.cursor ? { cursor: page.cursor } : {}) } : page
}

function lanesOf(deps: Deps, caller: Caller, { owner, tier, attention }: ListRequest): string[] | Refusal {
  const pools = Object.keys(deps.settings.pools)
  if (attention === 'failed') return pools.map(attentionLane)
  if (attention === 'review') return teamsOf(deps).map(reviewLane)
  if (owner === undefined)
    return refuse(
      'owner-needed',
      'A list of all jobs would read every lane.',
      `Add owner, as in owner=${caller.owner}; or ask for attention=failed, attention=review or state=in-flight.`,
      { at: 'owner' },
    )
  const tiers = tier ? [tier] : TIERS
  return pools.flatMap((pool) => tiers.map((t) => laneOf({ pool, tier: t, owner })))
}

/** Whose inboxes may hold drafts: of the kinds, and those that are kept beside them. */
export function teamsOf({ settings }: Pick<Deps, 'settings'>): string[] {
  const reviews = Object.values(settings.kinds).map((k) => k.review)
  const named = reviews.flatMap((r) => (r.policy === 'none' ? [] : [r.team]))
  return [...new Set([...named, ...(settings.reviewTeams ?? [])])]
}

const listed = (r: LiveRecord): ListedJob => ({
  id: r.key.jobId,
  owner: r.owner,
  kind: r.kind,
  tier: r.tier,
  state: r.state,
  since: new Date(r.key.at).toISOString(),
  attempts: r.attempt,
})

async function inFlight(deps: Deps, caller: Caller, request: ListRequest): Promise<JobList> {
  const { attention, cursor } = request
  if (attention !== undefined)
    return refuse('invalid-request', 'What is in flight needs nobody.', 'Ask for state or for attention.', {
      at: 'attention',
    })
  if (cursor !== undefined)
    return refuse('bad-cursor', 'What is in flight is one page.', 'Leave the cursor out.', { at: 'cursor' })
  const pools = Object.keys(deps.settings.pools)
  const overviews = await Promise.all(pools.map((pool) => recentOverview(deps, pool)))
  const jobs = overviews
    .flatMap((o) => o?.inFlight ?? [])
    .filter((j) => actsFor(caller, j.owner) && isAskedFor(request, j))
  return {
    ok: true,
    jobs: jobs.map((j) => ({
      id: j.jobId,
      owner: j.owner,
      tier: j.tier,
      state: 'in-flight',
      ...(j.slot > 0 ? { since: new Date(j.slot).toISOString() } : {}),
    })),
  }
}
