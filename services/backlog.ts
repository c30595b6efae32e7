/** The limit on what one owner may have waiting: read from the overview that the dispatcher writes each second, read once a second. */
import type { Overview } from '../core/overview.ts'
import type { Deps } from './deps.ts'
import { type Refusal, refuse } from './refusal.ts'

const CACHE_MS = 1_000
const RETRY_AFTER_S = 30
const cache = new WeakMap<Deps['capacity'], Map<string, { at: number; overview: Promise<Overview | undefined> }>>()

/** A pool's overview, read at most once a second in this process. */
export async function recentOverview(
  deps: Pick<Deps, 'capacity' | 'clock'>,
  pool: string,
): Promise<Overview | undefined> {
  const pools = cache.get(deps.capacity) ?? new Map()
  cache.set(deps.capacity, pools)
  const known = pools.get(pool)
  const now = deps.clock.now()
  if (known && now - known.at < CACHE_MS) return known.overview
  const overview = deps.capacity.overview({ pool })
  // Kept while it is asked for: of many requests at once one reads. What failed is asked for again.
  pools.set(pool, { at: now, overview })
  overview.catch(() => pools.delete(pool))
  return overview
}

export async function backlogFull(deps: Deps, kind: string, owner: string): Promise<Refusal | undefined> {
  const overview = await recentOverview(deps, deps.settings.kinds[kind]?.pool ?? '')
  if (!overview?.full.includes(owner)) return undefined
  return refuse(
    'backlog-full',
    `${owner} has ${deps.settings.backlogPerOwner} jobs waiting, the most an owner may have.`,
    'Wait until some have run, or cancel some.',
    { retryAfterS: RETRY_AFTER_S },
  )
}
