/**
 * G6: where nothing fails somebody in line is served within a few windows: what others have had is free again after one, and
 * a large job for which people give way takes one more. Longer limits and calls in flight may hold for as long as they last.
 */
import { peopleKey } from '../../../adapters/keys.ts'
import type { PeopleRecord } from '../../../core/people.ts'
import type { PoolSettings } from '../../../core/settings.ts'
import type { MakeCheck } from './check.ts'

const WINDOWS = 4
/** Until somebody holds the pool, and what has been granted is used or has gone by. */
const BESIDE_MS = 8_000

const withinMs = ({ windowMs, guard }: PoolSettings): number =>
  WINDOWS * (windowMs + guard.refusalMs + guard.skewMs + guard.networkMs) + BESIDE_MS

export const line: MakeCheck = (w) => {
  /** By pool: since when nobody in line was served, though somebody stood there. */
  const unserved = new Map<string, number>()
  const look = (pool: string, before: PeopleRecord | undefined, after: PeopleRecord) => {
    const settings = w.scenario.settings.pools[pool]
    if (!settings || settings.day || settings.concurrency !== undefined) return
    const waits = Object.values(after.permits).some((p) => p.grantedAt === undefined && p.asksUntil >= w.now())
    const served = Object.entries(before?.permits ?? {}).some(
      ([id, p]) => p.grantedAt === undefined && after.permits[id]?.grantedAt !== undefined,
    )
    if (!waits) unserved.delete(pool)
    else if (served || !unserved.has(pool)) unserved.set(pool, w.now())
    const ms = w.now() - (unserved.get(pool) ?? w.now())
    if (ms > withinMs(settings)) w.fail('line', `nobody in the line of ${pool} was served for ${ms} ms`)
  }
  return {
    commit(commit) {
      if (!w.scenario.faultless) return
      for (const { table, pk, before, after } of commit)
        for (const pool of Object.keys(w.scenario.settings.pools))
          if (table === 'capacity' && pk === peopleKey(pool).pk && after)
            look(pool, before as unknown as PeopleRecord | undefined, after as unknown as PeopleRecord)
    },
  }
}
