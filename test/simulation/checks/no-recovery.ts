/** Where nothing fails, nothing is recovered: no lookups, no late slots, no crashes, no second calls, no refusals. */
import type { MakeCheck } from './check.ts'

const RECOVERING = new Set(['jobs.release', 'jobs.discard', 'capacity.stop'])

export const noRecovery: MakeCheck = (w) => {
  if (!w.scenario.faultless) return {}
  const fail = (message: string) => w.fail('no-recovery', message)
  return {
    effect({ kind, process }) {
      if (RECOVERING.has(kind)) fail(`${kind} was needed`)
      if (kind === 'jobs.live' && process.role === 'dispatcher') fail('a sent job was looked for')
    },
    move({ put, jobId }) {
      for (const { item } of put)
        for (const count of ['crashes', 'throttles', 'attempt'])
          if (item['state'] !== 'in-review' && (item[count] as number) > 0) fail(`${jobId} counts ${count}`)
    },
    arrival({ request }) {
      if (request.fence > 1) fail(`${request.jobId} is called under fence ${request.fence}`)
    },
  }
}
