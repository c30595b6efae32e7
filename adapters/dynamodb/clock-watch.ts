/** Compares this machine's clock with the Date that DynamoDB puts on every answer (RFC 9110, section 6.6.1: whole seconds). */
import type { Tables } from './tables.ts'

const DATE_STEP_MS = 1_000

/**
 * By how many ms the clocks differ at least. The answer was dated between `sentAt` and `heardAt`, and a Date is cut to its
 * second: only what lies outside of that is known to be wrong.
 */
export function knownOffMs(p: { sentAt: number; heardAt: number; date: number }): number {
  return Math.max(0, p.sentAt - (p.date + DATE_STEP_MS), p.date - p.heardAt)
}

/** What the last answer showed. */
export function watchClock(tables: Tables, now: () => number = Date.now): { readonly offMs: number } {
  const seen = { offMs: 0 }
  tables.db.middlewareStack.add(
    (next) => async (args) => {
      const sentAt = now()
      const answer = await next(args)
      const { headers } = answer.response as { headers?: Record<string, string> }
      const date = Date.parse(headers?.['date'] ?? '')
      if (!Number.isNaN(date)) seen.offMs = knownOffMs({ sentAt, heardAt: now(), date })
      return answer
    },
    // Nearest to the wire, inside the SDK's retries.
    { step: 'deserialize', priority: 'low', name: 'fairleadClockWatch', override: true },
  )
  return seen
}
