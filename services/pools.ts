/** Pools as people see them: the limit, how it is shared, and whether it is stopped and why. */
import type { Dimension, Limits } from '../core/cost.ts'
import { shapesOf } from '../core/ledgers.ts'
import type { InForce } from '../core/overrides.ts'
import type { Overview } from '../core/overview.ts'
import type { PoolSettings } from '../core/settings.ts'
import { recentOverview } from './backlog.ts'
import { actsFor, type Caller, lacksScope } from './caller.ts'
import { configured } from './configured.ts'
import type { Deps } from './deps.ts'
import { readInForce, recentInForce } from './in-force.ts'
import { etagOf, type SettingsView, settingsShown } from './pool-settings.ts'
import type { StopRecord } from './ports.ts'
import { type Answer, refuse } from './refusal.ts'
import { perMinute, strangersIn } from './strangers.ts'

export interface PoolView {
  readonly id: string
  readonly provider: string
  readonly windowMs: number
  /** What a window, and a longer one, may hold, and what they hold. */
  readonly limits: { readonly window: Limits; readonly day?: Limits; readonly concurrency?: number }
  readonly used: { readonly window: Limits; readonly day?: Limits }
  /** Of the window: reserved for calls under way, and used by those that are over. */
  readonly reserved?: Limits
  readonly settled?: Limits
  /** People's part of the window, and what is held for them beside it: their stock, and permits that may yet be used. */
  readonly people?: { readonly used: Limits; readonly held: Limits }
  readonly order: string
  readonly pacing: string
  readonly tiers: Readonly<Record<string, number>>
  readonly stopped?: { readonly since: string; readonly line: string }
  /** What of its provider's answers is followed. */
  readonly feedback: PoolSettings['feedback']
  /** What a window may hold at present, why (`configured`, `stated`, `others` or `learned`), and since when it is so. */
  readonly allowed: Readonly<Partial<Record<Dimension, { limit: number; why: string; since: string }>>>
  /** Calls in flight, where overload has lowered them. */
  readonly atOnce?: number
  /** The provider asked for quiet until then. */
  readonly quietUntil?: string
  /** `open`: the provider is down, and one call at a time asks whether it is back. */
  readonly breaker:
    | { readonly state: 'closed' }
    | { readonly state: 'open'; readonly since: string; readonly line: string; readonly probeAt?: string }
  /** Others on the quota, in a minute. */
  readonly strangers?: { readonly perMinute: Readonly<Partial<Record<Dimension, number>>>; readonly sentence: string }
}

export async function pools(deps: Deps, caller: Caller): Promise<Answer<{ pools: PoolView[] }>> {
  const scope = lacksScope(caller, 'jobs:read')
  if (scope) return scope
  const ids = Object.keys(deps.settings.pools)
  return { ok: true, pools: await Promise.all(ids.map(async (id) => viewOf(deps, id, await recentInForce(deps, id)))) }
}

export type OnePool = Answer<{ pool: PoolView & SettingsView; etag: string }>

export async function pool(deps: Deps, caller: Caller, id: string): Promise<OnePool> {
  const scope = lacksScope(caller, 'jobs:read')
  if (scope) return scope
  if (!configured(deps.settings.pools, id)) return noPool(id)
  return shownPool(deps, id, await readInForce(deps, id))
}

export async function shownPool(deps: Deps, id: string, found: InForce): Promise<OnePool & { ok: true }> {
  const view = await viewOf(deps, id, found.settings)
  return { ok: true, pool: { ...view, ...settingsShown(found) }, etag: etagOf(found) }
}

export const noPool = (id: string) => refuse('not-found', `There is no pool ${id}.`, 'GET /v1/pools lists them.')

async function viewOf(deps: Deps, id: string, s: PoolSettings): Promise<PoolView> {
  const [overview, stop] = await Promise.all([recentOverview(deps, id), deps.capacity.stopped({ pool: id })])
  return {
    id,
    provider: s.provider.kind,
    windowMs: s.windowMs,
    limits: limitsShown(s),
    used: usedOf(overview),
    ...sharesOf(overview),
    order: s.order,
    pacing: s.pacing,
    tiers: s.tiers,
    ...(stop && !stop.down ? { stopped: { since: iso(stop.at), line: stop.line } } : {}),
    feedback: s.feedback,
    ...saidOf(overview),
    breaker: breakerOf(overview, stop),
  }
}

/** Of what the window holds: what is still reserved for calls under way, what was used in the end, and people's. */
function sharesOf(overview: Overview | undefined): Pick<PoolView, 'reserved' | 'settled' | 'people'> {
  const { reserved, people, used } = overview ?? {}
  if (!reserved) return {}
  const settled = Object.entries(used?.window ?? {}).map(([d, n]) => [
    d,
    Math.max(0, n - (reserved[d as Dimension] ?? 0)),
  ])
  return { reserved, settled: Object.fromEntries(settled), ...(people ? { people } : {}) }
}

const iso = (at: number): string => new Date(at).toISOString()

function saidOf(overview: Overview | undefined): Pick<PoolView, 'allowed' | 'atOnce' | 'quietUntil' | 'strangers'> {
  const { allows = {}, atOnce, quietUntil } = overview?.provider ?? {}
  const allowed = Object.entries(allows).map(([d, { limit, why, since }]) => {
    return [d, { limit: Math.floor(limit), why, since: iso(since) }] as const
  })
  const sentence = strangersIn(overview)
  return {
    allowed: Object.fromEntries(allowed),
    ...(atOnce === undefined ? {} : { atOnce }),
    ...(quietUntil === undefined ? {} : { quietUntil: iso(quietUntil) }),
    ...(overview && sentence !== undefined ? { strangers: { perMinute: perMinute(overview), sentence } } : {}),
  }
}

/** The record says that it is open; the picture, when it is next asked. */
function breakerOf(overview: Overview | undefined, stop: StopRecord | undefined): PoolView['breaker'] {
  if (!stop?.down) return { state: 'closed' }
  const probeAt = overview?.provider?.down?.probeAt
  return {
    state: 'open',
    since: iso(stop.at),
    line: stop.line,
    ...(probeAt === undefined ? {} : { probeAt: iso(probeAt) }),
  }
}

function usedOf(overview: Overview | undefined): PoolView['used'] {
  const { window = {}, day } = overview?.used ?? {}
  return { window, ...(day ? { day } : {}) }
}

function limitsShown(s: PoolSettings): PoolView['limits'] {
  const { window, day } = shapesOf(s)
  const { concurrency } = s
  return {
    window: window.limits,
    ...(day ? { day: day.limits } : {}),
    ...(concurrency === undefined ? {} : { concurrency }),
  }
}

/** Lets a stopped pool run again at once, after its key, model or credit has been mended. */
export async function resume(deps: Deps, caller: Caller, pool: string): Promise<Answer<{ pool: string }>> {
  const scope = lacksScope(caller, 'admin')
  if (scope) return scope
  if (!configured(deps.settings.pools, pool)) return noPool(pool)
  await deps.capacity.resume({ pool })
  await deps.doorbell.ring(pool, { v: 1, id: deps.random.id(deps.clock.now()), t: 'resumed' })
  return { ok: true, pool }
}

export async function overview(deps: Deps, caller: Caller): Promise<Answer<{ pools: Record<string, Shown | null> }>> {
  const scope = lacksScope(caller, 'jobs:read')
  if (scope) return scope
  const ids = Object.keys(deps.settings.pools)
  const seen = await Promise.all(ids.map(async (id) => [id, visible(await recentOverview(deps, id), caller)] as const))
  return { ok: true, pools: Object.fromEntries(seen) }
}

/** Of a call whose slot is not known none is shown. */
type Shown = Omit<Overview, 'inFlight'> & {
  readonly inFlight: readonly Partial<Overview['inFlight'][number]>[]
}

/** The counts are everybody's; owners and their jobs only as far as the caller may act for them. */
function visible(overview: Overview | undefined, caller: Caller): Shown | null {
  if (!overview) return null
  const { owners, inFlight, full, capped = [], flying = [] } = overview
  return {
    ...overview,
    owners: owners.filter((o) => actsFor(caller, o.owner)),
    inFlight: inFlight
      .filter((j) => actsFor(caller, j.owner))
      .map(({ slot, ...job }) => ({ ...job, ...(slot > 0 ? { slot } : {}) })),
    full: full.filter((owner) => actsFor(caller, owner)),
    capped: capped.filter(({ owner }) => actsFor(caller, owner)),
    flying: flying.filter(({ owner }) => actsFor(caller, owner)),
  }
}
