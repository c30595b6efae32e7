/** At rest the picture equals a recount, reviews and dead letters stand in their lists, and nothing else is alive. */
import { type JobFacts, placeOf } from '../book.ts'
import type { MakeCheck, Witness } from './check.ts'

export const atRest: MakeCheck = (w) => {
  /** Pools whose last holder ended with nothing to do: it alone has seen everything, and painted it. */
  const endedIdle = new Set<string>()
  return {
    restored: () => endedIdle.clear(),
    commit(commit) {
      for (const { pk, sk, before, after } of commit) {
        if (sk !== 'ledger') continue
        if (before?.['state'] === 'ending' && after?.['state'] === 'free') endedIdle.add(pk)
        else endedIdle.delete(pk)
      }
    },
    rest() {
      for (const job of w.book.jobs.values()) standsRight(w, job)
      for (const pool of endedIdle) painted(w, pool)
    },
  }
}

function standsRight(w: Witness, job: JobFacts): void {
  const home = w.book.home(job)
  if (!home) return
  const review = w.scenario.settings.kinds[job.kind]?.review
  const team = review && review.policy !== 'none' ? review.team : undefined
  const lane: Record<string, string> = { 'in-review': `review#${team}`, failed: `attention#${job.pool}` }
  const expected = lane[String(home['state'])] ?? `${job.pool}#${job.tier}#${job.owner}`
  if (home.pk !== expected) w.fail('at-rest', `${job.id} is ${home['state']} and stands in ${placeOf(home)}`)
  if (home['state'] === 'in-review' && job.drafts.size !== 1)
    w.fail('at-rest', `${job.id} is in review without a draft`)
}

function painted(w: Witness, pool: string): void {
  const overview = w.tables.get('capacity', { pk: pool, sk: 'overview' })
  if (!overview || !w.scenario.untilIdle) return
  // By a clock that was an hour ahead, landed late: it stands until the schedule's next dispatcher paints, in a minute.
  if ((overview['at'] as number) > w.now()) return
  const bells = w.tables.query('rings', { pk: `bell#${pool}` }).items.length
  if (bells > 0) return
  const flying = overview['inFlight'] as readonly { jobId: string }[]
  for (const { jobId } of flying) w.fail('at-rest', `the picture of ${pool} shows ${jobId} in flight`)
  const tiers = overview['tiers'] as Record<string, { queued: number; running: number }>
  for (const [tier, { queued, running }] of Object.entries(tiers)) {
    const waiting = [...w.book.jobs.values()].filter(
      (j) => j.pool === pool && j.tier === tier && w.book.home(j)?.['state'] === 'queued' && !j.end,
    )
    if (running > 0) w.fail('at-rest', `the picture of ${pool} shows ${running} running`)
    // Fewer it may show: whose submit was never answered nobody may have rung for.
    if (queued > waiting.length) w.fail('at-rest', `the picture of ${pool} shows ${queued} queued of ${waiting.length}`)
  }
}
