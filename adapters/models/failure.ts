/** What a thrown call means, as a ModelAnswer. It says what happened; core/retry.ts decides what follows. */
import { APICallError, LoadSettingError } from '@ai-sdk/provider'
import type { ProviderSettings } from '../../core/settings.ts'
import type { ModelAnswer, ModelRequest } from '../../services/ports.ts'
import { providerError } from './error-body.ts'
import { passedHeaders, retryAfterMs } from './headers.ts'
import { cut, LINE_LENGTH, type Never, oneLine } from './redact.ts'
import { ANSWER_BYTES_AT_MOST, AnswerTooLarge } from './sending.ts'

/** What may be mentioned, what may not, and the time when it is asked. */
export interface Mentionable extends Never {
  readonly provider: ProviderSettings
  readonly now: () => number
}
interface Failed {
  readonly error: unknown
  readonly timedOut: boolean
  readonly request: Pick<ModelRequest, 'model' | 'timeoutMs'>
  readonly never: Mentionable
}

export type Failure = Exclude<ModelAnswer, { kind: 'text' | 'missed' }>
export function failureAnswer({ error, timedOut, request, never }: Failed): Failure {
  if (APICallError.isInstance(error) && (error.statusCode ?? 0) >= 400) return answered(error, request, never)
  if (timedOut) return { kind: 'timeout', message: `no whole answer within ${request.timeoutMs} ms` }
  if (causes(error).some((cause) => cause instanceof AnswerTooLarge)) return { ...TOO_LARGE, headers: {} }
  const mend = missingSetup(error)
  if (mend) return { kind: 'unconfigured', message: mend }
  return { kind: 'error', message: unanswered(error, never), headers: {} }
}

/** Another try would meet the same: core/retry.ts knows the code. */
const TOO_LARGE = {
  kind: 'error' as const,
  status: 200,
  code: 'answer_too_large',
  message: `the provider's answer has more than ${ANSWER_BYTES_AT_MOST} bytes: check baseUrl, or lower maxOutputTokens`,
}

/** Azure and OpenAI refuse a prompt with a status instead of a finish reason. */
const REFUSAL_CODES = ['content_filter', 'content_policy_violation']

function answered(error: APICallError, request: Failed['request'], never: Mentionable): Failure {
  const status = error.statusCode as number
  const headers = passedHeaders(error.responseHeaders, never)
  const { code, text } = providerError(error, never)
  if (code && REFUSAL_CODES.includes(code)) return { kind: 'refusal', text, usage: {}, model: request.model, headers }
  const wait = retryAfterMs(error.responseHeaders, never.now())
  return {
    kind: 'error',
    status,
    message: withMend(`the provider answered ${[status, code].filter(Boolean).join(' ')}: ${text}`, status, never),
    headers,
    ...(code === undefined ? {} : { code }),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  }
}

/** The pool may stop on this line alone, so it ends with what a person can do, whatever the provider's text left. */
function withMend(line: string, status: number, { provider }: Mentionable): string {
  const mend = mendFor(status, provider)
  return mend ? `${cut(line, LINE_LENGTH - mend.length - 2)}; ${mend}` : cut(line, LINE_LENGTH)
}

function mendFor(status: number, provider: ProviderSettings): string | undefined {
  if (status === 404) return 'check the model and the base URL'
  if (status !== 401 && status !== 403) return undefined
  if (provider.kind === 'bedrock') return 'check the AWS credentials and access to the model'
  return provider.keyVariable ? `check ${provider.keyVariable}` : 'set keyVariable in the pool'
}

function missingSetup(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : ''
  if (LoadSettingError.isInstance(error) && /region/i.test(message))
    return 'set the AWS region: `region` of the pool, or the environment variable AWS_REGION'
  if (/^AWS credential provider failed/.test(message))
    return 'set AWS credentials: the standard chain (environment, profile, SSO, role) found none'
  return undefined
}

/** No status: the call may or may not have reached the provider. */
function unanswered(error: unknown, never: Mentionable): string {
  if (APICallError.isInstance(error) && error.statusCode !== undefined)
    return `the provider answered ${error.statusCode} with a body that is no completion`
  const at = APICallError.isInstance(error) ? ` at ${new URL(error.url).host}` : ''
  if (/unexpected redirect/.test(causes(error).map(messageOf).join(' ')))
    return `the provider${at} answered with a redirect, which is never followed: set baseUrl to its final address`
  const code = networkCode(error)
  if (code) return `the provider${at} could not be reached: ${code}`
  return oneLine(`the call failed: ${causes(error).map(messageOf)[0] ?? 'unknown'}`, never)
}

const messageOf = (error: Error): string => error.message

/** Like ECONNREFUSED, ECONNRESET, ENOTFOUND; fetch hides it in a cause of a cause. */
const networkCode = (error: unknown): string | undefined =>
  causes(error)
    .map((cause) => (cause as NodeJS.ErrnoException).code)
    .find((code) => typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code))

const DEEPEST_CAUSE = 5
function causes(error: unknown): Error[] {
  const found: Error[] = []
  for (let at = error; at instanceof Error && found.length < DEEPEST_CAUSE; at = at.cause) found.push(at)
  return found
}
