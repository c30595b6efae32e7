/** Metrics once a minute, for the dashboard and its alarms: the overview has the live picture, these have the history. */
import type { Dimension } from '../../core/cost.ts'
import { TIERS } from '../../core/job.ts'
import { reviewLane } from '../../core/lane.ts'
import { limitsOf } from '../../core/ledgers.ts'
import type { Overview } from '../../core/overview.ts'
import type { DispatcherDeps } from '../deps.ts'
import { teamsOf } from '../list-jobs.ts'
import { type Holder, METRICS_EVERY_MS } from './holder.ts'

/** A longer inbox is counted as this long: the count reads what it counts. */
const DRAFTS_COUNTED = 500

export async function measure(deps: DispatcherDeps, h: Holder, overview: Overview, now: number): Promise<void> {
  h.due.metrics = now + METRICS_EVERY_MS
  const { pool } = h
  for (const tier of TIERS) {
    deps.meter.count('Queued', overview.tiers[tier].queued, { pool, tier })
    deps.meter.count('Running', overview.tiers[tier].running, { pool, tier })
  }
  deps.meter.count('CallsInWindow', overview.callsInWindow, { pool })
  if (overview.limit !== undefined) deps.meter.count('Limit', overview.limit, { pool })
  deps.meter.count('Refused429', h.refused - h.told.refused, { pool })
  deps.meter.count('LateSlots', h.late - h.told.late, { pool })
  deps.meter.count('Unreadable', h.unreadable, { pool })
  deps.meter.count('PoolStopped', h.stopped && !h.stopped.down ? 1 : 0, { pool })
  deps.meter.count('ProviderDown', h.stopped?.down ? 1 : 0, { pool })
  for (const [dimension, { limit, others }] of Object.entries(h.allows)) {
    const configured = limitsOf(h.settings)[dimension as Dimension] as number
    deps.meter.count('Allowed', limit, { pool, dimension })
    deps.meter.count('Strangers', others, { pool, dimension })
    deps.meter.count('AllowedShare', limit / configured, { pool, dimension })
  }
  h.told = { refused: h.refused, late: h.late }
  const inboxes = teamsOf(deps).map((team) => deps.jobs.lane({ lane: reviewLane(team), limit: DRAFTS_COUNTED }))
  const drafts = (await Promise.all(inboxes)).reduce((n, page) => n + page.records.length, 0)
  deps.meter.count('DraftsWaiting', drafts)
}
