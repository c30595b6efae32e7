/** An answer that was kept shorter than its kind allows is asked for again whole, and no job ends with it. */
import type { MakeCheck } from './check.ts'

export const wholeAnswers: MakeCheck = (w) => {
  if (w.scenario.short === 0) return {}
  const cut = new Set<string>()
  /** By job, the fence that it was queued again with: older calls may still be on their way. */
  const askAgain = new Map<string, number>()
  return {
    arrival({ request, job, said: { answer } }) {
      const { jobId, maxOutputTokens: most } = request
      if (most >= (w.scenario.settings.kinds[job?.kind ?? '']?.maxOutputTokens ?? 0)) return
      if (request.fence >= (askAgain.get(jobId) ?? Infinity))
        w.fail('whole-answers', `${jobId} is not asked again whole`)
      if (answer.kind !== 'text' || answer.whole || (answer.usage.outputTokens ?? 0) < most) return
      cut.add(answer.text)
    },
    // Only where its worker lived to say so.
    move({ put, jobId }) {
      for (const { item } of put) if (item['whole'] === true) askAgain.set(jobId, Number(item['fence']))
    },
    commit(commit) {
      for (const { pk, after } of commit) {
        const text = after?.['result'] ?? after?.['text']
        if (typeof text === 'string' && cut.has(text)) w.fail('whole-answers', `${pk} got an answer cut short`)
      }
    },
  }
}
