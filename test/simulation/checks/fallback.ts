/**
 * A job of another pool is called only where its kind names that one, by the model that it names there, and says so in its
 * end. In calm schedules: only while its own pool is stopped, or where it may leave a busy one, once it has been ready for
 * long; and while its own is stopped the other is not left unused.
 */
import type { Item } from '../../../adapters/records.ts'
import { REFILL_BELOW } from '../../../core/ring.ts'
import type { JobFacts } from '../book.ts'
import type { SimProcess } from '../process.ts'
import { SECOND, SECOND_MODEL } from '../second-pool.ts'
import type { MakeCheck } from './check.ts'

/** An offer's life, what sending takes, a look at the table and a call's way. */
const STALE_AFTER_MS = 20_000
/** The breaker is open before its record stands. */
const WRITTEN_WITHIN_MS = 3_000
/** A dispatcher starts, waits for a full window of no history, and for the quiet of a takeover. */
const UNUSED_AT_MOST_MS = 12_000

const readyAt = (item: Item): number => Number(item.sk.slice(0, 13))

export const fallback: MakeCheck = (w) => {
  const { kinds, pools } = w.scenario.settings
  if (!pools[SECOND]) return {}
  const calm = w.scenario.weather?.calm === true
  const began = w.now()
  const downFrom = began + (w.scenario.weather?.down?.from ?? 0)
  const entryOf = (job: JobFacts) => kinds[job.kind]?.fallback.find(({ pool }) => pool === SECOND)
  const calledIn = new Map<string, string>()
  const sentBy = new Map<string, string>()
  const callers = new Map<string, Set<SimProcess>>()
  let stop: { from: number; to: number } | undefined
  let usedAt = 0

  const isDown = () => stop !== undefined && w.now() < stop.to + STALE_AFTER_MS
  const mayBe = (job: JobFacts, readySince: number): boolean => {
    const { afterMs = Infinity } = entryOf(job) ?? {}
    const beforeRecord = stop === undefined && w.now() > downFrom && w.now() < downFrom + STALE_AFTER_MS
    return isDown() || beforeRecord || w.now() - readySince > afterMs - WRITTEN_WITHIN_MS / 10
  }
  const waits = (job: JobFacts): boolean => {
    const home = w.book.home(job)
    const since = Math.max(usedAt, w.now() - UNUSED_AT_MOST_MS)
    const is =
      job.pool !== SECOND && entryOf(job) !== undefined && home?.['state'] === 'queued' && readyAt(home) < since
    return is && isInSight(home)
  }
  /** A dispatcher knows the first jobs of a lane. */
  const isInSight = ({ pk, sk }: Item): boolean => {
    const homes = [...w.book.jobs.values()].flatMap((one) => w.book.home(one) ?? [])
    return homes.filter((other) => other.pk === pk && other.sk < sk).length < REFILL_BELOW
  }
  const unused = () => {
    const since = Math.max(usedAt, (stop?.from ?? w.now()) + WRITTEN_WITHIN_MS)
    if (!stop || w.now() <= since + UNUSED_AT_MOST_MS) return
    const job = [...w.book.jobs.values()].find((one) => one.acceptedAt !== undefined && waits(one))
    if (job && job.acceptedAt !== undefined && job.acceptedAt < w.now() - UNUSED_AT_MOST_MS)
      w.fail('fallback', `${job.id} waits for a stopped pool, and the other is unused for ${w.now() - since} ms`)
  }
  return {
    sent({ pool, jobs }) {
      for (const { key, fence } of jobs) {
        const before = sentBy.get(`${key.jobId} ${fence}`) ?? pool
        sentBy.set(`${key.jobId} ${fence}`, pool)
        // A repeated submit may ring once more for a job that has ended meanwhile: its message finds nothing.
        if (calm && before !== pool && !w.book.of(key.jobId)?.end)
          w.fail('fallback', `${key.jobId} ${fence} is sent by ${pool}, and was by ${before}`)
      }
    },
    effect({ kind, process, args }) {
      if (kind !== 'capacity.stop' || process.role !== 'worker') return
      const { pool } = args as { pool: string }
      if (!callers.get(pool)?.has(process))
        w.fail('fallback', `${pool} is stopped by a worker that has not called in it`)
    },
    arrival({ request, job, pool, process }) {
      calledIn.set(`${request.jobId} ${request.fence}`, pool)
      callers.set(pool, (callers.get(pool) ?? new Set()).add(process))
      if (pool === SECOND) usedAt = w.now()
      if (!job) return
      const model = pool === job.pool ? kinds[job.kind]?.model : entryOf(job)?.model
      if (request.model !== model)
        w.fail('fallback', `${job.id} of ${job.kind} is called in ${pool} as ${request.model}`)
      if ((pool === SECOND) !== (request.model === SECOND_MODEL))
        w.fail('fallback', `${pool} is asked for ${request.model}`)
      const home = w.book.home(job)
      if (calm && pool !== job.pool && home && !mayBe(job, readyAt(home)))
        w.fail('fallback', `${job.id} is called in ${pool}, and its own pool is well`)
    },
    commit(commit) {
      for (const { pk, sk, after } of commit) {
        if (sk === 'stop' && pk === 'main')
          stop = after ? { from: stop?.from ?? w.now(), to: Infinity } : stop && { ...stop, to: w.now() }
        if (sk === 'overview' && pk === 'main' && calm && stop?.to === Infinity) unused()
        if (sk !== 'end' || after?.['outcome'] !== 'succeeded' || after['cached']) continue
        const pool = calledIn.get(`${pk} ${after['fence']}`)
        const said = (after['fallback'] as { pool: string } | undefined)?.pool
        const home = w.book.of(pk)?.pool
        if (pool !== undefined && said !== (pool === home ? undefined : pool))
          w.fail('fallback', `${pk} was called in ${pool} and says that it was in ${said ?? 'its own pool'}`)
      }
    },
  }
}
