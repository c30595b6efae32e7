import * as z from 'zod'
import { JobIdParam } from '../../lambdas/shared/schemas.ts'
import { OpenAiError, Problem } from './shown.ts'

export const json = (schema: z.ZodType, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
export const problem = {
  description: 'What is wrong, where, and how to mend it',
  content: { 'application/problem+json': { schema: Problem } },
}
export const id = z.object({ id: JobIdParam })
export const poolId = z.object({ id: z.string() })
export const permitPath = poolId.extend({ permit: JobIdParam })
export const answers = (status: 200 | 201 | 202, schema: z.ZodType, description: string) => ({
  [status]: json(schema, description),
  default: problem,
})
export const openAiAnswers = (schema: z.ZodType, description: string) => ({
  200: json(schema, description),
  default: json(OpenAiError, 'What is wrong, and how to mend it'),
})
/** No body is taken for an empty one, where that is allowed. */
export const takes = (schema: z.ZodType) => ({
  required: !schema.safeParse({}).success,
  content: { 'application/json': { schema } },
})
