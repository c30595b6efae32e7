/** Owners as people see them: what each has used of every pool, beside its caps and the share that is its due. */
import { asOf, cappedUntil, capsOf, type UseLedgers, useShapes } from '../core/caps.ts'
import { type Limits, NOTHING } from '../core/cost.ts'
import { usedIn } from '../core/ledger.ts'
import type { Overview } from '../core/overview.ts'
import { useOf } from '../core/owner-record.ts'
import type { Caps } from '../core/settings.ts'
import { recentOverview } from './backlog.ts'
import { actsFor, type Caller, lacksScope } from './caller.ts'
import { readCursor, writeCursor } from './cursor.ts'
import type { Deps } from './deps.ts'
import { recentInForce } from './in-force.ts'
import { type Answer, refuse } from './refusal.ts'

export interface OwnerInPool {
  readonly pool: string
  /** In the pool's window up to now, and in a day. */
  readonly used: { readonly window: Limits; readonly day: Limits }
  /** Calls, a second ago; of the busiest, and of those whose calls in flight are capped. */
  readonly inFlight?: number
  /** When its record was written; absent where it has used nothing for a day. */
  readonly at?: string
  /** Absent: as much as the pool has. */
  readonly caps?: Caps
  /** A call more would be above them now, or its next one. */
  readonly capped: boolean
  /** The part of the pool that is its due while all who are live have work. */
  readonly entitlement: number
}
export interface OwnerView {
  readonly id: string
  readonly weight: number
  readonly pools: readonly OwnerInPool[]
}

export async function owner(deps: Deps, caller: Caller, id: string): Promise<Answer<{ owner: OwnerView }>> {
  const scope = lacksScope(caller, 'jobs:read')
  if (scope) return scope
  if (!actsFor(caller, id))
    return refuse('not-found', `There is no owner ${id}.`, 'GET /v1/owners lists those that you may act for.')
  const [view] = await viewsOf(deps, [id])
  return { ok: true, owner: view as OwnerView }
}

export type OwnerList = Answer<{ owners: readonly OwnerView[]; cursor?: string }>

/** By name: of everybody those that have work, or had it lately; else whoever the caller may act for. */
export async function owners(
  deps: Deps & { cursorKey: string },
  caller: Caller,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<OwnerList> {
  const scope = lacksScope(caller, 'jobs:read')
  if (scope) return scope
  const asked = { scope: `${caller.id}|owners`, now: deps.clock.now() }
  const from = cursor === undefined ? undefined : readCursor(deps.cursorKey, cursor, asked)
  if (from && !from.ok) return from
  const found = await namesAfter(deps, caller, { after: from?.key.jobId ?? '', limit: limit + 1 })
  const names = found.slice(0, limit)
  const last = found.length > limit ? names.at(-1) : undefined
  const next = last && writeCursor(deps.cursorKey, { key: { lane: 'owners', at: 0, jobId: last }, ...asked })
  return { ok: true, owners: await viewsOf(deps, names), ...(next ? { cursor: next } : {}) }
}

async function namesAfter(deps: Deps, caller: Caller, p: { after: string; limit: number }): Promise<string[]> {
  const all = caller.mayActFor.includes('*')
  const names = all ? await live(deps, p) : [caller.owner, ...caller.mayActFor]
  return [...new Set(names)]
    .filter((name) => name > p.after)
    .sort()
    .slice(0, p.limit)
}

/** Each pool names as many as are asked for: none that comes before the last of them is missing. */
const live = async ({ rings, settings }: Deps, p: { after: string; limit: number }): Promise<string[]> =>
  (await Promise.all(Object.keys(settings.pools).map((pool) => rings.ownersAfter({ pool, ...p })))).flat()

async function viewsOf(deps: Deps, ids: readonly string[]): Promise<OwnerView[]> {
  const pools = await Promise.all(Object.keys(deps.settings.pools).map((pool) => inPool(deps, pool, ids)))
  return ids.map((id, i) => ({
    id,
    weight: weightOf(deps, id),
    pools: pools.map((views) => views[i] as OwnerInPool),
  }))
}

const weightOf = ({ settings: { owners: known } }: Deps, id: string): number =>
  (Object.hasOwn(known, id) ? known[id]?.weight : undefined) ?? 1

async function inPool(deps: Deps, pool: string, ids: readonly string[]): Promise<OwnerInPool[]> {
  // First what records do not hold yet: by then they hold it, or it stands in what was read.
  const since = await deps.capacity.changes({ pool })
  const [records, overview, settings] = await Promise.all([
    ids.length > 0 ? deps.rings.records({ pool, owners: ids }) : [],
    recentOverview(deps, pool),
    recentInForce(deps, pool),
  ])
  const now = deps.clock.now()
  return ids.map((id, i) => {
    const caps = capsOf(deps.settings, pool, id)
    const use = asOf(useOf(records[i], { owner: id, shapes: useShapes(settings, caps), since, now }), now)
    const used = { window: usedIn(use.window, now, settings.windowMs), day: usedIn(use.day, now) }
    const seen = seenOf(overview, id)
    const weight = weightOf(deps, id)
    const isLive = seen.isLive || (used.window.requests ?? 0) > 0
    const at = records[i]?.at
    return {
      pool,
      used,
      ...(seen.inFlight === undefined ? {} : { inFlight: seen.inFlight }),
      ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
      ...(caps ? { caps } : {}),
      capped: seen.capped || isCapped(use, { caps, inFlight: seen.inFlight ?? 0, now }),
      entitlement: weight / Math.max(weight, (overview?.weightLive ?? 0) + (isLive ? 0 : weight)),
    }
  })
}

/** As far as the picture has it. */
function seenOf(overview: Overview | undefined, id: string) {
  const { owners: busiest = [], full = [], capped = [], flying = [] } = overview ?? {}
  const isCapped = capped.some(({ owner: of }) => of === id)
  const row = busiest.find(({ owner: of }) => of === id)
  const inFlight = row ? (row.inFlight ?? 0) : flying.find(({ owner: of }) => of === id)?.calls
  const isLive = isCapped || (inFlight ?? 0) > 0 || full.includes(id) || row !== undefined
  return { capped: isCapped, inFlight, isLive }
}

const isCapped = (use: UseLedgers, p: { caps: Caps | undefined; inFlight: number; now: number }): boolean =>
  p.inFlight >= (p.caps?.concurrency ?? Infinity) ||
  cappedUntil(use, p.now, { ...NOTHING, requests: 1, tokens: 1 }) !== undefined
