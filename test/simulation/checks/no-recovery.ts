/** Where nothing fails, nothing is recovered: no lookups, no late slots, no crashes, no second calls, no refusals. */
import { namedBy } from '../book.ts'
import type { MakeCheck } from './check.ts'

const RECOVERING = new Set(['jobs.release', 'jobs.discard', 'capacity.stop'])

export const noRecovery: MakeCheck = (w) => {
  if (!w.scenario.faultless) return {}
  const sent = new Set<string>()
  /** Its caller repeated the submit, and rang again: where it ended in that very moment it is sent again, and looked for. */
  const rung = new Map<string, number>()
  const repeated = (jobId: string) => (rung.get(jobId) ?? 0) > 1
  const fail = (message: string) => w.fail('no-recovery', message)
  return {
    commit(commit) {
      for (const { table, pk, before, after } of commit)
        if (table === 'rings' && pk.startsWith('bell#') && after && !before)
          for (const jobId of namedBy(after)) rung.set(jobId, (rung.get(jobId) ?? 0) + 1)
    },
    effect({ kind, process, args }) {
      if (RECOVERING.has(kind)) fail(`${kind} was needed`)
      if (kind !== 'jobs.live' || process.role !== 'dispatcher') return
      // A worker that finds its job cancelled says that it has lost it.
      for (const { jobId } of (args as { keys: readonly { jobId: string }[] }).keys)
        if (w.book.of(jobId)?.end?.['outcome'] !== 'cancelled' && !repeated(jobId))
          fail(`${jobId} was sent and looked for`)
    },
    move({ put, jobId }) {
      for (const { item } of put)
        for (const count of ['crashes', 'throttles', 'attempt'])
          if (item['state'] !== 'in-review' && (item[count] as number) > 0) fail(`${jobId} counts ${count}`)
    },
    sent({ jobs }) {
      for (const { key, fence } of jobs) {
        if (sent.has(`${key.jobId} ${fence}`) && !repeated(key.jobId)) fail(`${key.jobId} was sent twice`)
        sent.add(`${key.jobId} ${fence}`)
      }
    },
    arrival({ request, job }) {
      // It may have waited for an identical one, whose answer was cut; or its own was, and it is asked again whole.
      const { kinds } = w.scenario.settings
      const again = kinds[job?.kind ?? '']?.cache !== undefined || w.scenario.short > 0
      if (request.fence > 1 && !again) fail(`${request.jobId} is called under fence ${request.fence}`)
    },
  }
}
