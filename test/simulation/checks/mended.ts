/** A pool that was stopped goes on soon after the provider is well again, by one probe, if a job is there to be one. */
import type { MakeCheck } from './check.ts'

/** A dispatcher's lease (30 s), the schedule (60 s), a probe (60 s), and half a minute for what delays them. */
const MENDED_WITHIN_MS = 180_000

export const mended: MakeCheck = (w) => ({
  commit(commit) {
    const { pk, sk } = commit[0] ?? { pk: '', sk: '' }
    if (sk !== 'overview' || w.sinceFaultsMs() < MENDED_WITHIN_MS) return
    if (!w.tables.get('capacity', { pk, sk: 'stop' })) return
    for (const job of w.book.jobs.values()) {
      const home = w.book.home(job)
      if (job.pool !== pk || job.acceptedAt === undefined || job.end || home?.['state'] !== 'queued') continue
      if (Number(home.sk.slice(0, 13)) < w.now() - MENDED_WITHIN_MS)
        w.fail('mended', `${pk} is still stopped, and ${job.id} waits to be its probe`)
    }
  },
})
