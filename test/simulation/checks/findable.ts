/**
 * G1, the invariant of the ring's protocol: an accepted job in a lane can always be found, because its owner stands in
 * the ring or a bell names it. A move brings its bell with it.
 */
import type { Item } from '../../../adapters/records.ts'
import { type JobFacts, namedBy } from '../book.ts'
import type { MakeCheck } from './check.ts'

export const findable: MakeCheck = (w) => {
  /** Jobs that a standing bell names, by how many do. */
  const named = new Map<string, number>()
  const name = (bell: Item, by: number) => {
    for (const jobId of namedBy(bell)) named.set(jobId, (named.get(jobId) ?? 0) + by)
  }
  const noted = (job: JobFacts) => w.tables.get('rings', { pk: `ring#${job.pool}`, sk: job.owner }) !== undefined
  const inLane = (job: JobFacts): boolean => ['queued', 'running'].includes(String(w.book.home(job)?.['state']))
  const lost = (job: JobFacts): boolean =>
    job.acceptedAt !== undefined && !job.end && inLane(job) && (named.get(job.id) ?? 0) <= 0
  return {
    restored() {
      named.clear()
      for (const pool of Object.keys(w.scenario.settings.pools))
        for (const bell of w.tables.query('rings', { pk: `bell#${pool}` }).items) name(bell, 1)
    },
    commit(commit) {
      const forgotten: JobFacts[] = []
      for (const { table, pk, sk, before, after } of commit) {
        if (table !== 'rings') continue
        if (!pk.startsWith('bell#')) {
          if (before && !after)
            forgotten.push(...[...w.book.jobs.values()].filter((j) => j.owner === sk && pk === `ring#${j.pool}`))
          continue
        }
        const bell = after ?? before
        if (!bell) continue
        if (after && !before) name(bell, 1)
        if (after || !before) continue
        name(bell, -1)
        for (const job of namedBy(bell).flatMap((jobId) => w.book.of(jobId) ?? [])) if (!noted(job)) forgotten.push(job)
      }
      for (const job of forgotten)
        if (lost(job)) w.fail('findable', `${job.id} stands in its lane and nothing tells of it`)
    },
    accepted(jobId) {
      const job = w.book.of(jobId)
      if (!job || job.end || !inLane(job) || (named.get(jobId) ?? 0) > 0) return
      if (!noted(job)) w.fail('findable', `${jobId} is accepted and nothing tells of it`)
    },
    move(move) {
      const came = move.put.find((p) => !p.before && p.item['state'] === 'queued')
      if (!came || move.gone.length === 0) return
      if (!move.bells.some((bell) => namedBy(bell).includes(move.jobId)))
        w.fail('findable', `${move.jobId} moved without a bell`)
    },
  }
}
