/** Pools as people see them: the limit, how it is shared, and whether it is stopped and why. */
import type { Overview } from '../core/overview.ts'
import { recentOverview } from './backlog.ts'
import { actsFor, type Caller, lacksScope } from './caller.ts'
import { configured } from './configured.ts'
import type { Deps } from './deps.ts'
import { type Answer, refuse } from './refusal.ts'

export interface PoolView {
  readonly id: string
  readonly provider: string
  readonly requests: number
  readonly windowMs: number
  readonly tokens?: number
  readonly order: string
  readonly pacing: string
  readonly tiers: Readonly<Record<string, number>>
  readonly used: number
  readonly stopped?: { readonly since: string; readonly line: string }
}

export async function pools(deps: Deps, caller: Caller): Promise<Answer<{ pools: PoolView[] }>> {
  const scope = lacksScope(caller, 'jobs:read')
  if (scope) return scope
  const rows = Object.entries(deps.settings.pools).map(async ([id, s]): Promise<PoolView> => {
    const [overview, stop] = await Promise.all([recentOverview(deps, id), deps.capacity.stopped({ pool: id })])
    return {
      id,
      provider: s.provider.kind,
      requests: s.requests,
      windowMs: s.windowMs,
      ...(s.tokens === undefined ? {} : { tokens: s.tokens }),
      order: s.order,
      pacing: s.pacing,
      tiers: s.tiers,
      used: overview?.callsInWindow ?? 0,
      ...(stop ? { stopped: { since: new Date(stop.at).toISOString(), line: stop.line } } : {}),
    }
  })
  return { ok: true, pools: await Promise.all(rows) }
}

/** Lets a stopped pool run again at once, after its key, model or credit has been mended. */
export async function resume(deps: Deps, caller: Caller, pool: string): Promise<Answer<{ pool: string }>> {
  const scope = lacksScope(caller, 'admin')
  if (scope) return scope
  if (!configured(deps.settings.pools, pool))
    return refuse('not-found', `There is no pool ${pool}.`, 'GET /v1/pools lists them.')
  await deps.capacity.resume({ pool })
  await deps.doorbell.ring(pool, { v: 1, id: deps.random.id(deps.clock.now()), t: 'resumed' })
  return { ok: true, pool }
}

export async function overview(
  deps: Deps,
  caller: Caller,
): Promise<Answer<{ pools: Record<string, Overview | null> }>> {
  const scope = lacksScope(caller, 'jobs:read')
  if (scope) return scope
  const ids = Object.keys(deps.settings.pools)
  const seen = await Promise.all(ids.map(async (id) => [id, visible(await recentOverview(deps, id), caller)] as const))
  return { ok: true, pools: Object.fromEntries(seen) }
}

/** The counts are everybody's; owners and their jobs only as far as the caller may act for them. */
function visible(overview: Overview | undefined, caller: Caller): Overview | null {
  if (!overview) return null
  const { owners, inFlight, full } = overview
  return {
    ...overview,
    owners: owners.filter((o) => actsFor(caller, o.owner)),
    inFlight: inFlight.filter((j) => actsFor(caller, j.owner)),
    full: full.filter((owner) => actsFor(caller, owner)),
  }
}
