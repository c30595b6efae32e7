import * as z from 'zod'
import { JobIdParam } from '../../lambdas/shared/schemas.ts'
import { OpenAiError, Problem } from './shown.ts'

type Headers = z.ZodObject

export const json = (schema: z.ZodType, description: string, headers?: Headers) => ({
  description,
  ...(headers ? { headers } : {}),
  content: { 'application/json': { schema } },
})
const described = (description: string) => z.string().meta({ description })
const retryAfter = { 'Retry-After': described('Of some 429s: come back after so many seconds').optional() }
const askAgain = described('While it waits: ask again within so many seconds')
export const located = z.object({ Location: described('Where it is') })
export const inLine = located.extend({ 'Retry-After': askAgain })
export const standing = z.object({ 'Retry-After': askAgain.optional() })
export const tagged = z.object({ ETag: described('Of what is shown') })
const policy = described('How many jobs of one owner may wait (draft-ietf-httpapi-ratelimit-headers)')
const limit = described('How many more may wait, where that is known')
export const limits = { 'RateLimit-Policy': policy, RateLimit: limit.optional() }

/** `headers`: beside Retry-After. */
export const problem = (headers: z.ZodRawShape = {}) => ({
  description: 'What is wrong, where, and how to mend it',
  headers: z.object({ ...headers, ...retryAfter }),
  content: { 'application/problem+json': { schema: Problem } },
})
export const id = z.object({ id: JobIdParam })
export const poolId = z.object({ id: z.string() })
export const permitPath = poolId.extend({ permit: JobIdParam })
export const answers = (status: 200 | 201 | 202, schema: z.ZodType, description: string, headers?: Headers) => ({
  [status]: json(schema, description, headers),
  default: problem(),
})
const unmendable = { 'x-should-retry': described('false where no repetition mends it').optional() }
export const openAiAnswers = (schema: z.ZodType, description: string, headers?: Headers) => ({
  200: json(schema, description, headers),
  default: json(OpenAiError, 'What is wrong, and how to mend it', z.object({ ...retryAfter, ...unmendable })),
})
export const permitted = z.object({
  'x-fairlead-permit': described('The permit under which it was called'),
  'x-fairlead-pool': described('The pool'),
  'x-fairlead-waited-ms': described('How long it waited for the permit'),
})
/** No body is taken for an empty one, where that is allowed. */
export const takes = (schema: z.ZodType) => ({
  required: !schema.safeParse({}).success,
  content: { 'application/json': { schema } },
})
