/** In some schedules pools cap every owner, and some owners have caps of their own. */
import type { Caps, PoolSettings, Settings } from '../../core/settings.ts'
import type { Stream } from './random.ts'

/** Longer than a lease lasts: what a dead holder has permitted must still count when the next one comes. */
const DAY_MS = { from: 35_000, to: 60_000 }
const UNLIMITED = 1_000_000

/** `jobs`: how many an owner will have, about. */
export function withCaps(s: Stream, settings: Settings, p: { owners: readonly string[]; jobs: number }): Settings {
  const pools = Object.entries(settings.pools).map(([id, pool]) => {
    const longer = pool.day ?? { windowMs: s.spread(DAY_MS.from, DAY_MS.to), requests: UNLIMITED, history: 'empty' }
    const day = s.chance(0.7) ? longer : pool.day
    return [id, { ...pool, day, ownerCaps: capsIn(s, { ...pool, day }, p.jobs) }] as const
  })
  const main = Object.fromEntries(pools)['main'] as PoolSettings
  const own = p.owners.flatMap((owner) => {
    if (!s.chance(0.3)) return []
    const caps: Record<string, Caps> = { main: s.chance(0.3) ? {} : capsIn(s, main, p.jobs) }
    return [[owner, { weight: settings.owners[owner]?.weight ?? 1, caps }] as const]
  })
  return {
    ...settings,
    pools: Object.fromEntries(pools),
    owners: { ...settings.owners, ...Object.fromEntries(own) },
  }
}

/** A third of what the pool has, or most of it, of some of what may be capped; of a day, some of what the owner will ask for. */
function capsIn(s: Stream, pool: PoolSettings, jobs: number): Caps {
  const { requests = 10, tokens, day, burndown = 1 } = pool
  const part = (of: number, least: number) => Math.max(least, Math.round((of * s.spread(30, 80)) / 100))
  return {
    ...(s.chance(0.6) ? { requests: part(requests, 1) } : {}),
    ...(tokens !== undefined && s.chance(0.5) ? { tokens: part(tokens, Math.min(tokens, 80 * burndown)) } : {}),
    ...(day && s.chance(0.8) ? { day: { requests: part(jobs, 8) } } : {}),
    ...(s.chance(0.4) ? { concurrency: s.int(1, 6) } : {}),
  }
}
