/** How long a caller without a queue waits after a refusal. */

export const POLICIES = ['backoff', 'retry-after'] as const
export type RetryPolicy = (typeof POLICIES)[number]

/**
 * What OpenAI's guide to rate limits recommends (developers.openai.com/api/docs/guides/rate-limits): a random moment
 * between a second and an exponentially growing bound. The guide gives up after six tries; a job may not be lost here.
 */
const SHORTEST_MS = 1_000
const LONGEST_MS = 60_000
/** 2 ** 6 s is beyond the longest. */
const DOUBLINGS = 6

const backoffMs = (refusals: number, random01: number): number => {
  const bound = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(DOUBLINGS, refusals - 1))
  return SHORTEST_MS + random01 * (bound - SHORTEST_MS)
}

/** `refusals` counts from 1; `retryAfterMs` is what the provider said. */
export function waitMs(
  policy: RetryPolicy,
  p: { refusals: number; random01: number; retryAfterMs: number | undefined },
): number {
  if (policy === 'retry-after' && p.retryAfterMs !== undefined) return p.retryAfterMs
  return backoffMs(p.refusals, p.random01)
}

/** The exact header first: whole seconds of the other one round up. */
export function retryAfterMs(header: (name: string) => string | null): number | undefined {
  const ms = Number(header('retry-after-ms') ?? Number.NaN)
  const seconds = Number(header('retry-after') ?? Number.NaN)
  if (Number.isFinite(ms)) return ms
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined
}
