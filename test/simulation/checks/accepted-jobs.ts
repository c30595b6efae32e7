/** G1: what was accepted is there, and stays until it has an end; nothing is there that nobody asked for. */
import { GOES_ON, type MakeCheck } from './check.ts'

export const acceptedJobs: MakeCheck = (w) => ({
  ...GOES_ON,
  commit(commit) {
    for (const { table, sk, before, after } of commit)
      if (table === 'jobs' && sk === 'input' && after && !before) {
        const { n } = JSON.parse(after['input'] as string) as { n: number }
        const asked = w.asked(n)
        if (!asked || asked.owner !== after['owner'] || asked.kind !== after['kind'])
          w.fail('accepted-jobs', `${after.pk} was never asked for`)
      }
  },
  move(move, job, actor) {
    if (move.put.length > 0 && !job) w.fail('accepted-jobs', `${move.jobId} is alive and has no input`)
    if (!job || move.gone.length === 0 || move.end || job.end) return
    const home = job.at ?? job.firstKey
    const left = [...job.live.keys()].filter((place) => !move.gone.some((g) => g.place === place))
    if (move.gone.some((g) => g.place === home) && move.put.length === 0 && left.length === 0)
      w.fail('accepted-jobs', `${move.jobId} was taken away by ${actor?.kind} and has no end`)
  },
  accepted(jobId, asked) {
    const job = w.book.of(jobId)
    if (!job || job.owner !== asked.owner || job.kind !== asked.kind)
      w.fail('accepted-jobs', `${jobId} was accepted and is not there`)
    else if (!job.end && !w.book.home(job)) w.fail('accepted-jobs', `${jobId} was accepted and stands nowhere`)
  },
  rest() {
    for (const job of w.book.jobs.values()) {
      if (job.acceptedAt === undefined || job.end) continue
      const state = w.book.home(job)?.['state']
      if (state !== 'in-review') w.fail('accepted-jobs', `${job.id} rests as ${state ?? 'nothing'}`)
    }
  },
})
