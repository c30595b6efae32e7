/** A stopped pool's probe that came to no call is followed by the next one soon, if a job is there to be one. */
import type { Item } from '../../../adapters/records.ts'
import { LEASE_MS } from '../../../core/lease.ts'
import type { Overview } from '../../../core/overview.ts'
import type { MakeCheck } from './check.ts'

/** Beside the pool's window: a tick, a look at the table, what sending takes; and a clock that is off. */
const SOON_MS = 15_000

interface Settled {
  readonly jobId: string
  /** As its message named it; a claim raises it by one. */
  readonly fence: number
  readonly what: string
  readonly uncalled?: boolean
}
const cameToNoCall = ({ what, uncalled }: Settled): boolean => what !== 'gone' || uncalled === true

export const probes: MakeCheck = (w) => {
  /** The job that is a pool's probe, and since when the pool is due another. */
  const probe = new Map<string, string>()
  const due = new Map<string, number>()
  const called = new Set<string>()
  /** When each pool's holder last renewed its lease. */
  const held = new Map<string, number>()
  const soonMs = (pool: string) => SOON_MS + (w.scenario.settings.pools[pool]?.windowMs ?? 0)
  /** No owner's whom caps hold. */
  const waits = (pool: string, { owners }: Pick<Overview, 'owners'>): boolean =>
    [...w.book.jobs.values()].some((job) => {
      if (owners.some((o) => o.owner === job.owner && o.waits === 'OWNER_LIMIT')) return false
      const home = w.book.home(job)
      const since = Number(home?.sk.slice(0, 13))
      const ready = since < w.now() - soonMs(pool) && home?.['state'] === 'queued'
      return job.pool === pool && job.acceptedAt !== undefined && !job.end && ready
    })
  const told = (pool: string, bell: Item) => {
    // Cancelled before it came to a call: now it never will.
    if (bell['t'] === 'left' && bell['jobId'] === probe.get(pool)) due.set(pool, w.now())
    const jobs = bell['t'] === 'settled' ? (bell['jobs'] as readonly Settled[]) : []
    const its = jobs.find(({ jobId }) => jobId === probe.get(pool))
    if (!its) return
    // It may have been sent more than once, and one of its messages have come to a call.
    if (cameToNoCall(its) && !called.has(`${its.jobId} ${its.fence}`)) due.set(pool, w.now())
    else answered(pool)
  }
  /** It told of the provider: a copy of its message that is found late tells of nothing. */
  const answered = (pool: string) => {
    probe.delete(pool)
    due.delete(pool)
  }
  return {
    sent({ pool, jobs }) {
      const sent = jobs.find((job) => job.probe)
      if (!sent) return
      probe.set(pool, sent.key.jobId)
      // What was called under this fence is no call of this probe: what was left behind is sent under an old one.
      called.delete(`${sent.key.jobId} ${sent.fence}`)
      due.delete(pool)
    },
    arrival({ pool, request }) {
      called.add(`${request.jobId} ${request.fence - 1}`)
      if (request.jobId === probe.get(pool)) answered(pool)
    },
    commit(commit) {
      for (const { pk, sk, before, after } of commit) {
        if (pk.startsWith('bell#') && after) told(pk.slice('bell#'.length), after)
        if (sk === 'ledger') held.set(pk, w.now())
        // Another holder, or the stop is over.
        if ((sk === 'ledger' && before?.['epoch'] !== after?.['epoch']) || (sk === 'stop' && !after)) due.delete(pk)
        // A picture that lands late, or is painted by one that was frozen, may be of a holder that is no more.
        const holds = w.now() - (held.get(pk) ?? 0) < LEASE_MS
        const fresh = sk === 'overview' && w.now() - Number(after?.['at']) < SOON_MS && holds
        const since = fresh ? due.get(pk) : undefined
        if (since === undefined || w.sinceFaultsMs() < soonMs(pk) || w.now() - since < soonMs(pk)) continue
        if (w.tables.get('capacity', { pk, sk: 'stop' }) && waits(pk, after as unknown as Overview))
          w.fail('probes', `${pk} is stopped, its probe came to no call ${w.now() - since} ms ago, and none follows`)
      }
    },
  }
}
