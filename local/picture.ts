/** What the live display shows, gathered over the API and from the provider's own counts. */
import type { Overview } from '../core/overview.ts'
import type { PoolSettings } from '../core/settings.ts'
import type { ApiClient } from './api-client.ts'
import type { SimulatedProvider } from './simulated-provider.ts'

export interface Picture {
  /** Null until a dispatcher has painted one. */
  readonly overview: Overview | null
  /** Jobs of the sample that were submitted so far, and all of them; absent once all are. */
  readonly loading?: { readonly submitted: number; readonly total: number }
  readonly drafts: number
  /** There are more drafts than were counted. */
  readonly draftsMore: boolean
  readonly calls: number
  /** Absent: calls are not limited. */
  readonly limit?: number
  readonly windowMs: number
  readonly refused: number
  /** Until the last call goes out, if no limit changes; absent where calls are not limited. */
  readonly secondsLeft?: number
}

export interface Pool {
  readonly id: string
  readonly settings: PoolSettings
  readonly provider?: SimulatedProvider
}

export async function pictureOf(api: ApiClient, pool: Pool, loading?: Picture['loading']): Promise<Picture> {
  const [overview, drafts] = await Promise.all([overviewOf(api, pool.id), countDrafts(api)])
  const counted = pool.provider?.stats()
  const { requests: limit, windowMs } = pool.settings
  const toCome = (overview ? queuedIn(overview) : 0) + (loading ? loading.total - loading.submitted : 0)
  return {
    overview,
    ...(loading ? { loading } : {}),
    ...drafts,
    calls: counted?.inWindow ?? overview?.callsInWindow ?? 0,
    windowMs,
    refused: counted?.refused ?? overview?.refused ?? 0,
    ...(limit === undefined ? {} : { limit, secondsLeft: (toCome * windowMs) / limit / 1000 }),
  }
}

export async function overviewOf(api: ApiClient, pool: string): Promise<Overview | null> {
  const { pools } = (await api.get('/v1/overview')) as { pools: Record<string, Overview | null> }
  return pools[pool] ?? null
}

const queuedIn = ({ tiers }: Overview): number => Object.values(tiers).reduce((n, t) => n + t.queued, 0)

const PER_PAGE = 100
/** Beyond a thousand drafts nobody needs the exact number twice a second. */
const PAGES_AT_MOST = 10

async function countDrafts(api: ApiClient): Promise<{ drafts: number; draftsMore: boolean }> {
  let drafts = 0
  let cursor: string | undefined
  for (let page = 0; page < PAGES_AT_MOST; page++) {
    const after = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const read = (await api.get(`/v1/reviews?limit=${PER_PAGE}${after}`)) as { reviews: unknown[]; cursor?: string }
    drafts += read.reviews.length
    cursor = read.cursor
    if (cursor === undefined) return { drafts, draftsMore: false }
  }
  return { drafts, draftsMore: true }
}
