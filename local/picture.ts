/** What the live display shows, gathered over the API and from the provider's own counts. */
import type { Overview } from '../core/overview.ts'
import type { ApiClient } from './api-client.ts'
import type { SimulatedProvider } from './simulated-provider.ts'

export interface Picture {
  readonly pool: string
  readonly overview: Overview | null
  readonly drafts: number
  readonly draftsMore: boolean
  readonly calls: number
  readonly limit: number
  readonly windowMs: number
  readonly refused: number
  readonly secondsLeft: number
}

const REVIEWS_READ = 100

export async function pictureOf(
  api: ApiClient,
  pool: string,
  provider: SimulatedProvider | undefined,
): Promise<Picture> {
  const { pools } = (await api.get('/v1/overview')) as { pools: Record<string, Overview | null> }
  const reviews = (await api.get(`/v1/reviews?limit=${REVIEWS_READ}`)) as { reviews: unknown[]; cursor?: string }
  const overview = pools[pool] ?? null
  const counted = provider?.stats()
  const queued = overview ? Object.values(overview.tiers).reduce((n, t) => n + t.queued, 0) : 0
  return {
    pool,
    overview,
    drafts: reviews.reviews.length,
    draftsMore: reviews.cursor !== undefined,
    calls: counted?.inWindow ?? overview?.callsInWindow ?? 0,
    limit: overview?.limit ?? 0,
    windowMs: overview?.windowMs ?? 60_000,
    refused: counted?.refused ?? overview?.refused ?? 0,
    secondsLeft: overview ? (queued * overview.windowMs) / overview.limit / 1000 : 0,
  }
}
