/** How the limits are told: the rate-limit headers of every answer, and the 429. Names and shapes are OpenAI's. */
import type { Reply } from './http.ts'
import type { Left, Limits, SlidingWindow, Verdict } from './window.ts'

export function limitHeaders(limits: Limits, window: SlidingWindow, now: number): Record<string, string> {
  const requests = three('requests', limits.requests, window.requestsLeft(now))
  if (limits.tokens === undefined) return requests
  return { ...requests, ...three('tokens', limits.tokens, window.tokensLeft(now)) }
}

const three = (what: string, limit: number, left: Left): Record<string, string> => ({
  [`x-ratelimit-limit-${what}`]: String(limit),
  [`x-ratelimit-remaining-${what}`]: String(left.remaining),
  [`x-ratelimit-reset-${what}`]: `${left.resetMs}ms`,
})

export function overLimit(limits: Limits, { limit, retryAfterMs }: Verdict & { kind: 'refused' }): Reply {
  const most = limit === 'requests' ? limits.requests : limits.tokens
  const message = `[simulated] Rate limit reached: ${most} ${limit} in ${limits.windowMs} ms. Try again in ${retryAfterMs} ms.`
  return {
    status: 429,
    body: { error: { message, type: limit, code: 'rate_limit_exceeded' } },
    headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)), 'retry-after-ms': String(retryAfterMs) },
  }
}
