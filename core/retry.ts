/**
 * What follows a failed call. Classes of error as docs/architecture.md lists them; times by backoff with full jitter
 * (AWS Builders' Library, "Timeouts, retries, and backoff with jitter").
 */
import type { JobError } from './job.ts'

export type ErrorClass =
  | 'rate-limited'
  | 'overloaded'
  | 'provider-config'
  | 'server'
  | 'network'
  | 'timeout'
  | 'bad-request'
  | 'refusal'
  | 'too-large'

export interface Failure {
  readonly class: ErrorClass
  readonly status?: number
  readonly message: string
  readonly retryAfterMs?: number
}

export type Verdict =
  | { kind: 'retry'; at: number; attempt: number; throttles: number; quietUntil?: number }
  | { kind: 'fail'; reason: string }
  | { kind: 'stop-pool'; line: string; at: number; throttles: number }

const CONFIG_CODES =
  /insufficient_quota|billing|credit|invalid_api_key|authentication|permission|model_not_found|unknown_model/i
/** Under 400, where a code says no more: Anthropic without credit, Bedrock without such a model. */
const CONFIG_WORDS = /credit balance is too low|model identifier is invalid/i
const SIZE_CODES = /context_length|too_large|too long|request_too_large/i

/** The class of an error answer, by status first and the provider's own code where the status is shared. */
export function classify(p: { status?: number; code?: string; message: string }): ErrorClass {
  const says = `${p.code ?? ''} ${p.message}`
  if (p.status === undefined) return 'network'
  if (CONFIG_CODES.test(p.code ?? '')) return 'provider-config'
  if (p.status === 401 || p.status === 402 || p.status === 403) return 'provider-config'
  if (p.status === 404) return 'provider-config'
  // OpenAI and Gemini mention billing in plain rate limits too, as the way to a higher one.
  if (p.status === 429)
    return /insufficient|billing|credit/i.test(says) && !/rate.?limit/i.test(says) ? 'provider-config' : 'rate-limited'
  if (p.status === 400 && CONFIG_WORDS.test(p.message)) return 'provider-config'
  if (p.status === 408) return 'timeout'
  if (p.status === 529 || p.status === 503 || /overloaded/i.test(says)) return 'overloaded'
  if (p.status === 413 || (p.status < 500 && SIZE_CODES.test(says))) return 'too-large'
  return p.status >= 500 ? 'server' : 'bad-request'
}

const BACKOFF_BASE_MS = 1_000
/** Nobody waits longer for a try, and no provider is given quiet for longer. */
export const BACKOFF_CAP_MS = 300_000
/** A provider that refuses this often in a row is not limiting but broken; people should look. */
export const THROTTLES_AT_MOST = 30

/** Uniform in [0, min(cap, base * 2^n)), n failures before this one. */
export const fullJitterMs = (n: number, unit: number): number =>
  Math.floor(unit * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** n))

export interface Tries {
  readonly attempt: number
  readonly throttles: number
  readonly attemptsAtMost: number
  /** The call was a stopped pool's probe. */
  readonly probe: boolean
  /** When it was sent others had failed by the provider's doing, and none was answered since. */
  readonly doubted: boolean
}

/** `unit` is a random number in [0, 1). */
export function judge(failure: Failure, tries: Tries, now: number, unit: number): Verdict {
  switch (failure.class) {
    case 'provider-config':
      return afterStop(failure, tries, now, unit)
    case 'bad-request':
    case 'refusal':
    case 'too-large':
      return { kind: 'fail', reason: failure.class }
    case 'rate-limited':
      return afterThrottle(failure, tries, now, unit)
    case 'overloaded':
    case 'server':
    case 'network':
    case 'timeout':
      return afterAttempt(failure, tries, now, unit)
  }
}

/** The pool's first probes come sooner than this (PROBE_FIRST_MS): another job makes them, if there is one. */
const STEP_ASIDE_MS = 10_000

/**
 * Key, model and credit are the pool's, so the pool stops. It may be that only this job is refused, for what it holds: it
 * steps aside, and where the next probe is answered the pool goes on without it. Such a job comes to its end by the
 * throttles it uses. A probe uses none, so that all jobs are still queued when a key is mended after days.
 */
function afterStop(failure: Failure, tries: Tries, now: number, unit: number): Verdict {
  const throttles = tries.throttles + (tries.probe ? 0 : 1)
  if (throttles > THROTTLES_AT_MOST) return { kind: 'fail', reason: 'refused-too-often' }
  const aside = Math.min(BACKOFF_CAP_MS / 2, STEP_ASIDE_MS * 2 ** Math.max(0, throttles - 1)) * (1 + unit)
  return { kind: 'stop-pool', line: failure.message, at: now + aside, throttles }
}

function afterThrottle(failure: Failure, tries: Tries, now: number, unit: number): Verdict {
  const throttles = tries.throttles + 1
  if (throttles > THROTTLES_AT_MOST) return { kind: 'fail', reason: 'rate-limited-too-often' }
  const wait = failure.retryAfterMs ?? fullJitterMs(Math.min(throttles, 6), unit)
  const quietUntil = now + Math.min(wait, BACKOFF_CAP_MS)
  // Jitter on top of retry-after: all that were refused together must not come back together.
  return { kind: 'retry', at: quietUntil + fullJitterMs(0, unit), attempt: tries.attempt, throttles, quietUntil }
}

function afterAttempt(failure: Failure, tries: Tries, now: number, unit: number): Verdict {
  if (tries.doubted) return afterOutage(failure, tries, now, unit)
  const attempt = tries.attempt + 1
  if (attempt >= tries.attemptsAtMost) return { kind: 'fail', reason: 'attempts-used-up' }
  const wait = Math.max(Math.min(failure.retryAfterMs ?? 0, BACKOFF_CAP_MS), fullJitterMs(attempt, unit))
  return { kind: 'retry', at: now + wait, attempt, throttles: tries.throttles }
}

/** No attempt of a job is spent on a provider that is down. A probe uses nothing at all, as in a pool that is stopped. */
function afterOutage(failure: Failure, { attempt, probe, ...tries }: Tries, now: number, unit: number): Verdict {
  const throttles = tries.throttles + (probe ? 0 : 1)
  if (throttles > THROTTLES_AT_MOST) return { kind: 'fail', reason: 'attempts-used-up' }
  const wait = Math.max(Math.min(failure.retryAfterMs ?? 0, BACKOFF_CAP_MS), fullJitterMs(Math.min(throttles, 6), unit))
  return { kind: 'retry', at: now + wait, attempt, throttles }
}

export const asJobError = (failure: Failure, at: number): JobError => ({
  at,
  class: failure.class,
  message: failure.message,
  ...(failure.status === undefined ? {} : { status: failure.status }),
})
