import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  asJobError,
  classify,
  type ErrorClass,
  type Failure,
  fullJitterMs,
  judge,
  THROTTLES_AT_MOST,
  type Tries,
} from '../../core/retry.ts'
import { PROBE_FIRST_MS } from '../../services/dispatch/holder.ts'
import { NOW } from '../support/builders.ts'

const FIVE_MINUTES = 300_000
const units = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

/** What providers really answer, by class. `code` and `message` as adapters/models/error-body.ts reads them. */
const ANSWERS: readonly [ErrorClass, string, { status?: number; code?: string; message: string }][] = [
  [
    'provider-config',
    'a rejected key',
    { status: 401, code: 'invalid_api_key', message: 'Incorrect API key provided' },
  ],
  ['provider-config', 'no payment', { status: 402, code: 'billing_error', message: 'Payment required' }],
  [
    'provider-config',
    'a model without access',
    {
      status: 403,
      code: 'AccessDeniedException',
      message: "You don't have access to the model with the specified model ID.",
    },
  ],
  ['provider-config', 'an unknown model', { status: 404, code: 'not_found_error', message: 'model: claude-9' }],
  [
    'provider-config',
    'an unknown model under another status',
    { status: 400, code: 'model_not_found', message: 'The model does not exist' },
  ],
  [
    'provider-config',
    "Bedrock's unknown model",
    { status: 400, code: 'ValidationException', message: 'The provided model identifier is invalid.' },
  ],
  [
    'provider-config',
    "OpenAI's used up quota",
    {
      status: 429,
      code: 'insufficient_quota',
      message: 'You exceeded your current quota, please check your plan and billing details.',
    },
  ],
  [
    'provider-config',
    'a used up quota without a code',
    { status: 429, message: 'You exceeded your current quota, please check your plan and billing details.' },
  ],
  [
    'provider-config',
    "Anthropic's used up credit",
    {
      status: 400,
      code: 'invalid_request_error',
      message:
        'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
    },
  ],
  [
    'rate-limited',
    "Anthropic's limit",
    {
      status: 429,
      code: 'rate_limit_error',
      message: "This request would exceed your organization's rate limit of 50 requests per minute",
    },
  ],
  [
    'rate-limited',
    "Bedrock's limit",
    { status: 429, code: 'ThrottlingException', message: 'Too many requests, please wait before trying again.' },
  ],
  ['rate-limited', 'a plain 429', { status: 429, message: 'Too Many Requests' }],
  [
    'rate-limited',
    "OpenAI's limit for accounts without a card, which mentions billing",
    {
      status: 429,
      code: 'rate_limit_exceeded',
      message:
        'Rate limit reached for gpt-4o-mini on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s. You can increase your rate limit by adding a payment method to your account at https://platform.openai.com/account/billing.',
    },
  ],
  ['overloaded', 'an unavailable service', { status: 503, message: 'Service Unavailable' }],
  ['overloaded', "Anthropic's overload", { status: 529, code: 'overloaded_error', message: 'Overloaded' }],
  ['overloaded', 'overload under another status', { status: 500, code: 'overloaded_error', message: 'Overloaded' }],
  ['server', 'an error of the server', { status: 500, code: 'api_error', message: 'Internal server error' }],
  ['server', 'a bad gateway', { status: 502, message: 'Bad Gateway' }],
  ['server', 'a gateway that lost patience', { status: 504, message: 'The upstream took too long to respond.' }],
  ['timeout', 'a request timeout', { status: 408, message: 'Request Timeout' }],
  ['timeout', 'a request timeout in other words', { status: 408, message: 'The request took too long' }],
  [
    'too-large',
    'a body too large',
    { status: 413, code: 'request_too_large', message: 'Request exceeds the maximum size' },
  ],
  [
    'too-large',
    "OpenAI's full context",
    { status: 400, code: 'context_length_exceeded', message: "This model's maximum context length is 8192 tokens." },
  ],
  [
    'too-large',
    "Anthropic's full context",
    { status: 400, code: 'invalid_request_error', message: 'prompt is too long: 204855 tokens > 200000 maximum' },
  ],
  [
    'too-large',
    "Bedrock's full context",
    { status: 400, code: 'ValidationException', message: 'Input is too long for requested model.' },
  ],
  [
    'bad-request',
    'a malformed request',
    { status: 400, code: 'invalid_request_error', message: 'messages: at least one message is required' },
  ],
  ['bad-request', 'a request not understood', { status: 422, message: 'Unprocessable Entity' }],
  ['network', 'no answer at all', { message: 'the provider at example.com could not be reached: ECONNRESET' }],
]

describe('the class of a failed call', () => {
  it.each(ANSWERS)('is %s for %s', (expected, _, answer) => {
    expect(classify(answer)).toBe(expected)
  })
})

describe('backoff', () => {
  it('is drawn from [0, min(5 min, 1 s * 2^n)) for every n', () => {
    fc.assert(
      fc.property(fc.nat(10_000), units, (n, unit) => {
        const wait = fullJitterMs(n, unit)
        expect(wait).toBeGreaterThanOrEqual(0)
        expect(wait).toBeLessThan(Math.min(FIVE_MINUTES, 1000 * 2 ** n))
        expect(Number.isInteger(wait)).toBe(true)
      }),
    )
  })

  it('uses the whole range, and doubles until its cap', () => {
    expect([0, 1, 2, 8, 9, 2000].map((n) => fullJitterMs(n, 0.5))).toEqual([500, 1000, 2000, 128_000, 150_000, 150_000])
    expect(fullJitterMs(3, 0)).toBe(0)
  })
})

const tries = (over: Partial<Tries> = {}): Tries => ({
  attempt: 0,
  throttles: 0,
  attemptsAtMost: 5,
  probe: false,
  doubted: false,
  ...over,
})
const failure = (over: Partial<Failure> = {}): Failure => ({ class: 'server', message: 'it broke', ...over })

describe('a call that fails while others do, and none is answered', () => {
  const down: Failure = { class: 'overloaded', status: 503, message: 'overloaded' }

  it('costs no attempt, though it were the last', () => {
    const verdict = judge(down, tries({ attempt: 4, doubted: true }), NOW, 0.5)
    expect(verdict).toMatchObject({ kind: 'retry', attempt: 4, throttles: 1 })
  })

  it('costs nothing at all as a probe', () => {
    const probe = tries({ attempt: 4, throttles: THROTTLES_AT_MOST, doubted: true, probe: true })
    expect(judge(down, probe, NOW, 0.5)).toMatchObject({ kind: 'retry', attempt: 4, throttles: THROTTLES_AT_MOST })
  })

  it('comes to an end all the same, where it goes on and on', () => {
    const last = tries({ throttles: THROTTLES_AT_MOST, doubted: true })
    expect(judge(down, last, NOW, 0.5)).toEqual({ kind: 'fail', reason: 'attempts-used-up' })
  })

  it('fails at once where the request is at fault', () => {
    const bad = judge({ class: 'bad-request', message: 'no' }, tries({ doubted: true }), NOW, 0.5)
    expect(bad).toMatchObject({ kind: 'fail' })
  })
})

describe('what follows a failed call', () => {
  it.each(['bad-request', 'refusal', 'too-large'] as const)('is the end after %s: no retry can mend it', (cls) => {
    expect(judge(failure({ class: cls }), tries(), NOW, 0.5)).toEqual({ kind: 'fail', reason: cls })
  })

  describe('when key, model or credit is refused', () => {
    const refused = (over: Partial<Tries> = {}, unit = 0.5) =>
      judge(failure({ class: 'provider-config', message: 'no credit' }), tries(over), NOW, unit)

    it('is that the pool stops, and the job steps aside at the cost of a throttle', () => {
      expect(refused({ attempt: 4, throttles: 3 })).toMatchObject({
        kind: 'stop-pool',
        line: 'no credit',
        throttles: 4,
      })
    })

    it('costs a probe nothing, however often it is refused', () => {
      expect(refused({ throttles: THROTTLES_AT_MOST, probe: true })).toMatchObject({ throttles: THROTTLES_AT_MOST })
    })

    it('is the end of a job that was refused again and again while others were answered', () => {
      expect(refused({ throttles: THROTTLES_AT_MOST })).toEqual({ kind: 'fail', reason: 'refused-too-often' })
    })

    it('keeps the job aside for longer than the first probe waits, and for five minutes at most', () => {
      fc.assert(
        fc.property(fc.nat(THROTTLES_AT_MOST), fc.boolean(), units, (throttles, probe, unit) => {
          const verdict = refused({ throttles, probe }, unit)
          if (verdict.kind !== 'stop-pool') return
          expect(verdict.at - NOW).toBeGreaterThan(3 * PROBE_FIRST_MS)
          expect(verdict.at - NOW).toBeLessThanOrEqual(FIVE_MINUTES)
        }),
      )
    })
  })

  it.each(['overloaded', 'server', 'network', 'timeout'] as const)(
    'is another attempt after %s, until all are used up',
    (cls) => {
      const verdicts = [0, 1, 2, 3, 4].map((attempt) => judge(failure({ class: cls }), tries({ attempt }), NOW, 0.5))
      expect(verdicts.map((v) => v.kind)).toEqual(['retry', 'retry', 'retry', 'retry', 'fail'])
      expect(verdicts[1]).toMatchObject({ attempt: 2, throttles: 0 })
      expect(verdicts[4]).toEqual({ kind: 'fail', reason: 'attempts-used-up' })
    },
  )

  it('is the end at once where only one attempt is allowed', () => {
    expect(judge(failure(), tries({ attemptsAtMost: 1 }), NOW, 0.5).kind).toBe('fail')
  })

  it('comes no sooner than the provider asked, as far as that is sane, and no later than backoff allows', () => {
    fc.assert(
      fc.property(fc.nat(18), fc.option(fc.nat(600_000), { nil: undefined }), units, (attempt, retryAfterMs, unit) => {
        const asked = retryAfterMs === undefined ? {} : { retryAfterMs }
        const verdict = judge(
          failure({ class: 'overloaded', ...asked }),
          tries({ attempt, attemptsAtMost: 20 }),
          NOW,
          unit,
        )
        if (verdict.kind !== 'retry') throw new Error('it has attempts left')
        expect(verdict.at).toBeGreaterThanOrEqual(NOW + Math.min(retryAfterMs ?? 0, FIVE_MINUTES))
        expect(verdict.at).toBeLessThanOrEqual(NOW + FIVE_MINUTES)
        expect(verdict.quietUntil).toBeUndefined()
      }),
    )
  })

  it('is quiet for the whole pool for as long as a limiting provider asked, and no attempt is lost', () => {
    const verdict = judge(failure({ class: 'rate-limited', retryAfterMs: 7000 }), tries({ attempt: 2 }), NOW, 0.5)
    expect(verdict).toEqual({ kind: 'retry', at: NOW + 7500, attempt: 2, throttles: 1, quietUntil: NOW + 7000 })
  })

  it('spreads those who were refused together over a second, and holds a pool quiet for five minutes at most', () => {
    fc.assert(
      fc.property(
        fc.nat(THROTTLES_AT_MOST - 1),
        fc.option(fc.nat(86_400_000), { nil: undefined }),
        units,
        (throttles, retryAfterMs, unit) => {
          const asked = retryAfterMs === undefined ? {} : { retryAfterMs }
          const verdict = judge(failure({ class: 'rate-limited', ...asked }), tries({ throttles }), NOW, unit)
          if (verdict.kind !== 'retry') throw new Error('it may be refused once more')
          const quietMs = (verdict.quietUntil as number) - NOW
          if (retryAfterMs !== undefined) expect(quietMs).toBe(Math.min(retryAfterMs, FIVE_MINUTES))
          expect(quietMs).toBeGreaterThanOrEqual(0)
          expect(quietMs).toBeLessThanOrEqual(FIVE_MINUTES)
          expect(verdict.at - (verdict.quietUntil as number)).toBe(Math.floor(unit * 1000))
          expect(verdict).toMatchObject({ attempt: 0, throttles: throttles + 1 })
        },
      ),
    )
  })

  it('is the end for a job that was refused by the limit too often in a row', () => {
    const refusedAfter = (throttles: number) =>
      judge(failure({ class: 'rate-limited' }), tries({ throttles }), NOW, 0.5)
    expect(refusedAfter(THROTTLES_AT_MOST - 1).kind).toBe('retry')
    expect(refusedAfter(THROTTLES_AT_MOST)).toEqual({ kind: 'fail', reason: 'rate-limited-too-often' })
  })

  it('is kept with the job, with a status only where there was one', () => {
    expect(asJobError(failure({ status: 500 }), NOW)).toEqual({
      at: NOW,
      class: 'server',
      message: 'it broke',
      status: 500,
    })
    expect(asJobError(failure({ class: 'network' }), NOW)).toEqual({ at: NOW, class: 'network', message: 'it broke' })
  })
})
