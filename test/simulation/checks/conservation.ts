/**
 * G3, where nothing fails and only calls are limited: with even pacing, who has been known to be ready gets the next slot
 * that the pacing offers. And G5's promise that none starves: nobody waits longer than all before it take.
 */
import { Backlog } from './backlog.ts'
import type { MakeCheck } from './check.ts'
import { limitsOnlyCalls } from './limits.ts'

/** Stamps lie on buckets, of which a window has about 600. */
const bucketMs = (windowMs: number): number => Math.max(1, Math.round(windowMs / 600))
/** Noticing, sending, a takeover with its quiet: none of them more than a few seconds where nothing fails. */
const SPARE_MS = 10_000
/** Cancelled, or found by its worker to have lost its input. */
const UNCALLED = new Set<unknown>(['cancelled', 'expired'])

export const conservation: MakeCheck = (w) => {
  // What the cache saves is called out of the even pace: slots stand closer, and a window later there is a gap for them.
  if (!w.scenario.faultless || w.scenario.topics > 0 || w.scenario.capped) return {}
  const backlog = new Backlog(w)
  const last = new Map<string, { slot: number; ready: boolean }>()
  const spanMs = (pool: string) => {
    const { windowMs, guard } = w.scenario.settings.pools[pool] as { windowMs: number; guard: Record<string, number> }
    return windowMs + Object.values(guard).reduce((sum, ms) => sum + ms, 0)
  }
  /** When something of a pool last ended uncalled, its slot given back, out of the even pace too. */
  const givenBack = new Map<string, number>()
  return {
    move(move, job) {
      backlog.move(move, job)
      if (job && UNCALLED.has(move.end?.['outcome'])) givenBack.set(job.pool, w.now())
    },
    // A new holder lets the last one's slots pass first.
    commit(commit) {
      for (const { sk, pk, before, after } of commit)
        if (sk === 'ledger' && before?.['epoch'] !== after?.['epoch']) last.delete(pk)
    },
    sent(message) {
      const { pool } = message
      const settings = w.scenario.settings.pools[pool]
      if (!settings?.requests) return
      const interval = spanMs(pool) / settings.requests
      // What is kept for people is no agent's.
      const callsOnly = limitsOnlyCalls(settings) && !settings.people
      for (const job of message.jobs) {
        const before = last.get(pool)
        const its = backlog.take(job)
        const gap = job.slot - (before?.slot ?? job.slot)
        const even = w.now() - (givenBack.get(pool) ?? -Infinity) > 2 * spanMs(pool) + SPARE_MS
        const paced = settings.pacing === 'even' && callsOnly && even
        if (
          paced &&
          before?.ready &&
          its &&
          its.since < before.slot - SPARE_MS / 20 &&
          gap > interval + 2 * bucketMs(settings.windowMs)
        )
          w.fail('conservation', `a slot of ${pool} was left unused for ${gap} ms`)
        const bound = (w.book.jobs.size / settings.requests + 2) * spanMs(pool) + SPARE_MS
        if (its && callsOnly && job.slot - its.since > bound)
          w.fail('conservation', `${its.jobId} waited ${job.slot - its.since} ms of at most ${bound}`)
        last.set(pool, { slot: job.slot, ready: backlog.ready(pool).length > 0 })
      }
    },
  }
}
