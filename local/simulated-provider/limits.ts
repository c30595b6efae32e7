/** How the limits are told: the rate-limit headers of every answer, and the 429. Names and shapes are OpenAI's. */
import type { Reply } from './http.ts'
import type { Limits, SlidingWindow, Verdict } from './window.ts'

export function limitHeaders(window: SlidingWindow, now: number): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [what, { limit, remaining, resetMs }] of window.left(now)) {
    headers[`x-ratelimit-limit-${what}`] = String(limit)
    headers[`x-ratelimit-remaining-${what}`] = String(Math.floor(remaining))
    headers[`x-ratelimit-reset-${what}`] = `${resetMs}ms`
  }
  return headers
}

export function overLimit(limits: Limits, { limit, retryAfterMs }: Verdict & { kind: 'refused' }): Reply {
  const which = limit === 'concurrency' ? `${limits.concurrency} calls in flight` : limit
  const message = `[simulated] Rate limit reached: ${which}. Try again in ${retryAfterMs} ms.`
  return {
    status: 429,
    body: { error: { message, type: limit, code: 'rate_limit_exceeded' } },
    headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)), 'retry-after-ms': String(retryAfterMs) },
  }
}
