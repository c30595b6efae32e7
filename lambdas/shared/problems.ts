/** One map from what went wrong to HTTP (RFC 9457 problem+json). Every `type` is a heading of docs/errors.md. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { z } from 'zod'
import type { Refusal, RefusalCode } from '../../services/refusal.ts'
import { refuse } from '../../services/refusal.ts'

export type ProblemCode = RefusalCode | 'not-json' | 'malformed-json' | 'no-route' | 'unauthenticated' | 'internal'
export const STATUS: Readonly<Record<ProblemCode, ContentfulStatusCode>> = {
  'invalid-request': 400,
  'unknown-kind': 400,
  'missing-field': 400,
  'owner-needed': 400,
  'bad-cursor': 400,
  'malformed-json': 400,
  unauthenticated: 401,
  'scope-missing': 403,
  'owner-not-yours': 403,
  'absurd-usage': 400,
  'not-shared': 404,
  'not-found': 404,
  'no-route': 404,
  'not-cancellable': 409,
  'not-redrivable': 409,
  'not-in-review': 409,
  'draft-changed': 409,
  'decided-already': 409,
  'not-granted': 409,
  'settings-changed': 412,
  'too-large': 413,
  'not-json': 415,
  'key-reused': 422,
  'larger-than-pool': 422,
  'if-match-needed': 428,
  'backlog-full': 429,
  'permits-open': 429,
  'rate-reached': 429,
  'line-full': 429,
  'unsupported-field': 400,
  'provider-refused': 400,
  'model-unknown': 404,
  'no-permit-free': 429,
  'provider-limited': 429,
  internal: 500,
  'provider-config': 502,
  'provider-failed': 502,
  'provider-timeout': 504,
}

export interface Problem {
  type: string
  title: string
  status: number
  code: ProblemCode
  detail: string
  remedy: string
  at?: string
}
export type Wrong = Omit<Refusal, 'ok' | 'code'> & { code: ProblemCode }

export const problemOf = (r: Wrong): Problem => ({
  type: `docs/errors.md#${r.code}`,
  title: r.code.replaceAll('-', ' '),
  status: STATUS[r.code],
  code: r.code,
  detail: r.detail,
  remedy: r.remedy,
  ...(r.at ? { at: r.at } : {}),
})

export function problem(c: Context, r: Wrong): Response {
  if (r.retryAfterS !== undefined) c.header('Retry-After', String(r.retryAfterS))
  return c.body(JSON.stringify(problemOf(r)), STATUS[r.code], { 'Content-Type': 'application/problem+json' })
}

/** The first fault of a request that does not fit its schema: where it is, and what is allowed there. */
export function schemaRefusal(error: z.ZodError, part: string): Refusal {
  const [issue] = error.issues
  const path = (issue?.path ?? []).map(String).join('.')
  const extra = issue?.code === 'unrecognized_keys' ? ` (${issue.keys.join(', ')})` : ''
  const where = path || part
  return refuse(
    'invalid-request',
    `${where}: ${issue?.message ?? 'is not valid'}${extra}`.slice(0, 400),
    'GET /v1/openapi.json shows what is allowed.',
    { at: where },
  )
}
