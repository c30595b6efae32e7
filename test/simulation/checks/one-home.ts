/**
 * A job has one live record, or an end, or as a dead letter both. Only a first put that lands late may come on top of
 * that; it never moves, and the claim takes it away. A cancel that found no record ends the job alone.
 */
import type { JobFacts } from '../book.ts'
import type { Move } from '../moves.ts'
import { GOES_ON, type MakeCheck } from './check.ts'

/** Where else it stands: a late first put at the key that the job has left does not count. */
const elsewhere = (job: JobFacts, move: Move): string[] =>
  [...job.live.keys()].filter(
    (place) => !move.gone.some((g) => g.place === place) && (place !== job.firstKey || (job.at ?? place) === place),
  )

const ENTERING: readonly string[] = ['jobs.enter', 'jobs.enterAll']

export const oneHome: MakeCheck = (w) => ({
  ...GOES_ON,
  move(move, job, actor) {
    if (!job) return
    const came = move.put.filter((p) => !p.before)
    if (came.length > 1) w.fail('one-home', `${move.jobId} was put in two places at once`)
    if (came.length > 0 && !ENTERING.includes(actor?.kind ?? '')) {
      if (elsewhere(job, move).length > 0) w.fail('one-home', `${move.jobId} stands in two places`)
      const ended = move.end ?? (move.reopened ? undefined : job.end)
      if (ended && came[0]?.item['state'] !== 'failed') w.fail('one-home', `${move.jobId} has ended and is alive again`)
    }
    if (move.end && job.end && !move.reopened) w.fail('one-home', `${move.jobId} has ended twice`)
    if (move.end && actor?.kind !== 'jobs.endUnentered' && move.gone.length === 0)
      w.fail('one-home', `${move.jobId} ended and its record still stands`)
    if (move.end && actor?.kind === 'jobs.endUnentered' && job.live.size > 0)
      w.fail('one-home', `${move.jobId} was ended as if it had never entered`)
  },
  rest() {
    for (const job of w.book.jobs.values()) {
      const home = w.book.home(job)
      if (job.end?.['outcome'] === 'failed' && home?.['state'] !== 'failed')
        w.fail('one-home', `${job.id} failed and is no dead letter`)
      // A first put that landed late and was found when all about its job had expired ends it, for nothing is known of it.
      if (job.end?.['outcome'] === 'expired') continue
      for (const [place, item] of job.live)
        if (job.end && item['state'] !== 'failed' && place !== job.firstKey)
          w.fail('one-home', `${job.id} has ended and stands in ${place} as ${item['state']}`)
    }
  },
})
