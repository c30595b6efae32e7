/** G1, G3: a dispatcher with its time not over ends only where nothing is due: it has forgotten no job that it knew of. */
import { capsOf } from '../../../core/caps.ts'
import type { Settings } from '../../../core/settings.ts'
import { type JobFacts, namedBy } from '../book.ts'
import type { MakeCheck } from './check.ts'

/** The schedule starts a dispatcher every minute: what is due sooner must find this one. */
const SOON_MS = 60_000
/** A clock may be off, and a record may have entered since the last tick; its bell is then still unread. */
const MARGIN_MS = 20_000
/** What the guard and a bucket add to a window. */
const CAPPED_MS = 5_000

/** A cap on a longer window may come free later than the schedule starts the next one. */
const isCappedForLong = (settings: Settings, { pool, owner }: JobFacts): boolean =>
  capsOf(settings, pool, owner)?.day !== undefined && (settings.pools[pool]?.day?.windowMs ?? 0) > SOON_MS - CAPPED_MS

export const endsIdle: MakeCheck = (w) => {
  const standing = new Map<string, number>()
  const due = (job: JobFacts): boolean => {
    const home = w.book.home(job)
    if (job.acceptedAt === undefined || job.end || !home || (standing.get(job.id) ?? 0) > 0) return false
    if (isCappedForLong(w.scenario.settings, job)) return false
    const at = Number(home.sk.slice(0, 13))
    return home['state'] === 'running' || (home['state'] === 'queued' && at < w.now() + SOON_MS - MARGIN_MS)
  }
  return {
    commit(commit) {
      for (const { table, pk, sk, before, after } of commit) {
        const bell = table === 'rings' && pk.startsWith('bell#') ? (after ?? before) : undefined
        if (bell && Boolean(after) !== Boolean(before))
          for (const jobId of namedBy(bell)) standing.set(jobId, (standing.get(jobId) ?? 0) + (after ? 1 : -1))
        if (sk !== 'ledger' || after?.['state'] !== 'ending') continue
        for (const job of w.book.jobs.values())
          if (job.pool === pk && due(job)) w.fail('ends-idle', `the dispatcher of ${pk} ends and ${job.id} is due`)
      }
    },
  }
}
