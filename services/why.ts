/** Why a job is not running now, for people: the planner's reason, from the overview it wrote last. */
import type { LiveRecord } from '../core/job.ts'
import { isOfOneLane, WAIT_REASONS, type WaitReason } from '../core/wait-reason.ts'
import { recentOverview } from './backlog.ts'
import type { Deps } from './deps.ts'
import { strangersIn } from './strangers.ts'

export interface Waiting {
  readonly reason: WaitReason
  readonly sentence: string
  /** Epoch ms before which it cannot start, where that is known. */
  readonly until?: number
}

const sentenceOf = (line: string): string => `${line[0]?.toUpperCase()}${line.slice(1)}.`

const waiting = (reason: WaitReason, more: { line?: string | undefined; until?: number } = {}): Waiting => ({
  reason,
  sentence: more.line ? `${WAIT_REASONS[reason]} ${more.line}` : WAIT_REASONS[reason],
  ...(more.until === undefined ? {} : { until: more.until }),
})

/** Where a kind has a fallback, its jobs do not wait for their own pool alone. */
function orElsewhere({ settings }: Deps, { kind }: LiveRecord, line: string): string {
  const pools = settings.kinds[kind]?.fallback.map(({ pool }) => pool) ?? []
  return pools.length === 0 ? line : `${line} Meanwhile it is offered to ${pools.join(', else to ')}.`
}

export async function why(deps: Deps, live: LiveRecord): Promise<Waiting | undefined> {
  if (live.state === 'in-review') return waiting('REVIEW')
  if (live.state !== 'queued') return undefined
  const later = live.key.at > deps.clock.now() ? { until: live.key.at } : undefined
  if (later && live.awaits) return waiting('SAME_CALL', later)
  const tried = live.attempt + live.throttles + live.errors.length > 0
  if (later && !tried) return waiting('SCHEDULED', later)
  const overview = await recentOverview(deps, live.pool)
  if (overview?.stopped !== undefined)
    return waiting('PROVIDER_CONFIG', { line: orElsewhere(deps, live, overview.stopped), ...later })
  const down = overview?.provider?.down
  if (down) return waiting('CIRCUIT_OPEN', { line: orElsewhere(deps, live, sentenceOf(down.line)), ...later })
  if (later) return waiting('BACKOFF', later)
  if (overview?.capped?.some(({ owner, tier }) => owner === live.owner && tier === live.tier))
    return waiting('OWNER_LIMIT', { line: `GET /v1/owners/${live.owner} shows its use and its caps.` })
  const owner = overview?.owners.find((o) => o.owner === live.owner)
  const reason = (owner?.waits ?? overview?.tiers[live.tier].waits) as WaitReason | undefined
  if (reason !== undefined && isOfOneLane(reason)) return waiting('DISPATCHING')
  if (reason === 'SLOWDOWN') return waiting(reason, { line: strangersIn(overview) })
  return waiting(reason !== undefined && reason in WAIT_REASONS ? reason : 'DISPATCHING')
}
