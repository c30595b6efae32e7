/** Permits into messages: ten to a message, what crashed before alone. What the queue does not take goes back. */
import type { Head } from '../../core/bell.ts'
import { applyPlan, type Permit, type Plan } from '../../core/plan.ts'
import { recordKey } from '../../core/ring.ts'
import { sentBack } from '../../core/turns.ts'
import { tellBroken } from '../broken.ts'
import type { DispatcherDeps } from '../deps.ts'
import type { JobMessage } from '../ports.ts'
import { unprobed } from './absorb.ts'
import { isDoubtful, reasonOf } from './feedback.ts'
import { type Holder, LOOK_AFTER_MS } from './holder.ts'
import { countSent } from './load.ts'

const JOBS_PER_MESSAGE = 10

export function apply(h: Holder, decided: Plan, now: number): void {
  const { refusalMs } = h.settings.guard
  const countedAt = h.people?.readAt ?? now
  applyPlan(h.ring, decided, now, ({ slot }) => {
    const notAfter = slot + refusalMs
    return { notAfter, lookAt: notAfter + LOOK_AFTER_MS, countedAt }
  })
  h.ledgers = decided.ledgers
  h.next = decided.next
  if (decided.holds) h.holds = reasonOf(h, decided.holds)
  else delete h.holds
  countSent(
    h,
    decided.permits.map((p) => p.slot),
  )
}

/** Answers how many jobs stand in their lanes again: the plan that sent them does not know of it. */
export async function send(deps: DispatcherDeps, h: Holder, permits: readonly Permit[], now: number): Promise<number> {
  if (permits.length === 0) return 0
  const { failed, why } = await deps.queue.send({ messages: messagesOf(h, permits, now) })
  if (failed.length > 0) tellBroken(deps, 'SendsRefused', why, { pool: h.pool, messages: String(failed.length) })
  const back = failed.flatMap((m) => m.jobs)
  for (const job of back) {
    const sent = h.ring.sent.get(job.key.jobId)
    if (!sent) continue
    sentBack(h.ring, job.key.jobId, sent.head, true)
    unprobed(h, sent)
  }
  return back.length
}

function messagesOf(h: Holder, permits: readonly Permit[], sentAt: number): JobMessage[] {
  const maxOutput = (head: Head) => {
    const output = h.costing.outputOf(head)
    return output === undefined ? {} : { maxOutput: output }
  }
  const jobs = permits.map((p) => ({
    key: recordKey(p.lane.id, p.head),
    fence: p.head.fence,
    slot: p.slot,
    notAfter: p.slot + h.settings.guard.refusalMs,
    ...maxOutput(p.head),
    ...(h.stopped ? { probe: true } : {}),
    ...(isDoubtful(h, p.head.jobId) ? { doubted: true } : {}),
    ...(p.head.guest ? { fallback: { pool: h.pool, why: p.head.guest.why } } : {}),
  }))
  const { adopted } = h.changes
  const message = { pool: h.pool, sentAt, ...(adopted > 0 ? { settings: adopted } : {}) }
  const alone = jobs.filter((_, i) => (permits[i] as Permit).head.crashes > 0)
  const together = jobs.filter((_, i) => (permits[i] as Permit).head.crashes === 0)
  const messages = alone.map((job) => ({ ...message, jobs: [job] }))
  // Guests apart: on the wire their message is one that older workers do not take (adapters/sqs/job-queue.ts).
  for (const some of [together.filter((job) => !job.fallback), together.filter((job) => job.fallback)])
    for (let i = 0; i < some.length; i += JOBS_PER_MESSAGE)
      messages.push({ ...message, jobs: some.slice(i, i + JOBS_PER_MESSAGE) })
  return messages
}
