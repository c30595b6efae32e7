/** G8: a draft that needs a person ends only by a person's word on that very draft, and by nothing else. */
import { createHash } from 'node:crypto'
import type { MakeCheck } from './check.ts'

export const approvals: MakeCheck = (w) => {
  /** By policy and, for a sample, by where the job went: one that was called and ended at once needed nobody. */
  const needs = (kind: string): boolean => w.scenario.settings.kinds[kind]?.review.policy === 'required'
  return {
    move(move, job) {
      if (!job) return
      const { end, approval } = move
      const fromReview = move.gone.some((g) => g.item['state'] === 'in-review')
      if (approval && !fromReview) w.fail('approvals', `${move.jobId} was decided on and is not in review`)
      if (!end) return
      const outcome = end['outcome']
      if (outcome === 'succeeded' && needs(job.kind) && approval?.['decision'] !== 'approved')
        w.fail('approvals', `${move.jobId} succeeded unapproved`)
      if (outcome === 'rejected' && approval?.['decision'] !== 'rejected')
        w.fail('approvals', `${move.jobId} is rejected and nobody did it`)
      if (fromReview && outcome === 'succeeded') {
        const draft = [...job.drafts.values()].at(-1)
        const sha256 = createHash('sha256').update(String(end['result'])).digest('hex')
        if (approval?.['hash'] !== sha256 || draft?.['text'] !== end['result'])
          w.fail('approvals', `${move.jobId} succeeded with another text than was approved`)
      }
      if (outcome === 'cancelled' && end['result'] !== undefined)
        w.fail('approvals', `${move.jobId} was cancelled and shows a result`)
      if (job.approvals.size > 0 && approval) w.fail('approvals', `${move.jobId} was decided on twice`)
    },
  }
}
