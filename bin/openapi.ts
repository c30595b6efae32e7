/** The OpenAPI 3.1 document from the schemas that validate requests. `npm run openapi` writes lambdas/shared/openapi.json. */
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import * as z from 'zod'
import { createDocument } from 'zod-openapi'
import { ChatBody } from '../core/chat.ts'
import { DIMENSIONS } from '../core/cost.ts'
import {
  BatchEntry,
  ChatHeaders,
  DecisionBody,
  IdempotencyHeader,
  IfMatchHeader,
  JobIdParam,
  ListQuery,
  PermitBody,
  PoolPatchBody,
  ReviewsQuery,
  SubmitBody,
  UsageBody,
  WaitQuery,
} from '../lambdas/shared/schemas.ts'
import { REFUSAL_CODES } from '../services/refusal.ts'

const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    code: z.enum([...REFUSAL_CODES, 'not-json', 'malformed-json', 'no-route', 'unauthenticated', 'internal']),
    detail: z.string(),
    remedy: z.string(),
    at: z.string().optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457. `remedy` says how to mend it, `at` where it is.' })
const JobError = z
  .object({ at: z.string(), class: z.string(), status: z.number().optional(), message: z.string() })
  .meta({ id: 'JobError' })
const Cached = z
  .object({ jobId: z.string(), at: z.string() })
  .meta({ id: 'Cached', description: 'No call was made: it is the answer of this other job, made then.' })
const Fallback = z
  .object({ pool: z.string(), why: z.enum(['down', 'busy']) })
  .meta({ id: 'Fallback', description: 'Another pool served it: its own was stopped, or had no room for long.' })
const Job = z
  .object({
    id: z.string(),
    owner: z.string(),
    kind: z.string(),
    pool: z.string(),
    tier: z.string(),
    state: z.string(),
    submittedAt: z.string(),
    startsAt: z.string().optional(),
    attempts: z.number(),
    waiting: z.object({ reason: z.string(), sentence: z.string(), until: z.string().optional() }).optional(),
    draft: z
      .object({
        version: z.number(),
        text: z.string(),
        hash: z.string(),
        model: z.string(),
        fallback: Fallback.optional(),
        createdAt: z.string(),
        cached: Cached.optional(),
      })
      .optional(),
    result: z.string().optional(),
    model: z.string().optional(),
    fallback: Fallback.optional(),
    usage: z.object({ inputTokens: z.number().optional(), outputTokens: z.number().optional() }).optional(),
    cached: Cached.optional(),
    approvedBy: z.string().optional(),
    reason: z.string().optional(),
    endedAt: z.string().optional(),
    errors: z.array(JobError),
  })
  .meta({ id: 'Job' })
const Accepted = z.object({ id: z.string(), repeated: z.boolean() }).meta({ id: 'Accepted' })
const StateOf = z.object({ id: z.string(), state: z.string() }).meta({ id: 'State' })
const Listed = z.object({
  id: z.string(),
  owner: z.string(),
  kind: z.string().optional(),
  tier: z.string(),
  state: z.string(),
  since: z.string(),
  attempts: z.number().optional(),
})
const ReviewRow = z.object({
  id: z.string(),
  owner: z.string(),
  kind: z.string(),
  version: z.number(),
  since: z.string(),
})

const Permit = z
  .object({
    id: z.string(),
    pool: z.string(),
    state: z.enum(['waiting', 'granted', 'closed']),
    reserved: z.record(z.string(), z.number()),
    useBy: z.string().optional(),
    useWithinMs: z.number().optional(),
    ahead: z.number().optional(),
  })
  .meta({
    id: 'Permit',
    description:
      'One call that a person may make itself. `useWithinMs` counts from this answer; `ahead` are served before it.',
  })
const amounts = z.partialRecord(z.enum(DIMENSIONS), z.number())
const Pool = z
  .object({
    id: z.string(),
    provider: z.string(),
    windowMs: z.number(),
    limits: z.object({ window: amounts, day: amounts.optional(), concurrency: z.number().optional() }),
    used: z.object({ window: amounts, day: amounts.optional() }),
    reserved: amounts.optional(),
    settled: amounts.optional(),
    people: z.object({ used: amounts, held: amounts }).optional(),
    order: z.string(),
    pacing: z.string(),
    tiers: z.record(z.string(), z.number()),
    stopped: z.object({ since: z.string(), line: z.string() }).optional(),
    feedback: z.object({ limits: z.boolean(), strangers: z.boolean(), overload: z.boolean(), breaker: z.boolean() }),
    allowed: z.partialRecord(
      z.enum(DIMENSIONS),
      z.object({
        limit: z.number(),
        why: z.enum(['configured', 'stated', 'others', 'learned']),
        since: z.string(),
      }),
    ),
    atOnce: z.number().optional(),
    quietUntil: z.string().optional(),
    breaker: z.object({
      state: z.enum(['closed', 'open']),
      since: z.string().optional(),
      line: z.string().optional(),
      probeAt: z.string().optional(),
    }),
    strangers: z.object({ perMinute: amounts, sentence: z.string() }).optional(),
  })
  .meta({ id: 'Pool' })

/** The same as in the list, and each setting with its source. */
const PoolAndSettings = Pool.extend({
  settings: z.record(
    z.string(),
    z.object({
      value: z.unknown(),
      source: z.enum(['file', 'override']),
      by: z.string().optional(),
      at: z.string().optional(),
    }),
  ),
  ignored: z.array(z.string()).optional(),
}).meta({
  id: 'PoolAndSettings',
  description: '`override`: changed while it runs, by whom and when; `ignored`: changes that hold no longer, and why.',
})

const OpenAiError = z
  .object({
    error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
  })
  .meta({ id: 'OpenAiError', description: "As OpenAI's clients read it. `code` is one of those of a Problem." })
const Completion = z
  .looseObject({ id: z.string().optional(), object: z.string().optional(), choices: z.array(z.unknown()) })
  .meta({ id: 'ChatCompletion', description: 'As OpenAI has it; its events instead, with `stream`.' })
const Models = z
  .object({
    object: z.literal('list'),
    data: z.array(z.object({ id: z.string(), object: z.literal('model'), created: z.number(), owned_by: z.string() })),
  })
  .meta({ id: 'Models', description: '`owned_by` is the pool.' })

const json = (schema: z.ZodType, description: string) => ({ description, content: { 'application/json': { schema } } })
const problem = {
  description: 'What is wrong, where, and how to mend it',
  content: { 'application/problem+json': { schema: Problem } },
}
const id = z.object({ id: JobIdParam })
const poolId = z.object({ id: z.string() })
const permitPath = poolId.extend({ permit: JobIdParam })
const answers = (status: 200 | 201 | 202, schema: z.ZodType, description: string) => ({
  [status]: json(schema, description),
  default: problem,
})
const openAiAnswers = (schema: z.ZodType, description: string) => ({
  200: json(schema, description),
  default: json(OpenAiError, 'What is wrong, and how to mend it'),
})
const takes = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } })

export const openApiDocument = () =>
  createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Fairlead',
      version: '1',
      description: 'A fair, durable queue for LLM work under a shared rate limit.',
    },
    paths: {
      '/health': {
        get: {
          summary: 'Work can be submitted',
          responses: answers(200, z.object({ status: z.literal('ok') }), 'It can'),
        },
      },
      '/v1/jobs': {
        post: {
          summary: 'Submit a job',
          requestParams: { header: IdempotencyHeader },
          requestBody: takes(SubmitBody),
          responses: answers(202, Accepted, 'Accepted: it is never lost'),
        },
        get: {
          summary: "List an owner's live jobs, what needs attention, or what is in flight",
          requestParams: { query: ListQuery },
          responses: answers(200, z.object({ jobs: z.array(Listed), cursor: z.string().optional() }), 'A page'),
        },
      },
      '/v1/jobs/batch': {
        post: {
          summary: 'Submit up to 100 jobs; each entry is answered for itself',
          requestParams: { header: IdempotencyHeader },
          requestBody: takes(z.object({ jobs: z.array(BatchEntry).min(1).max(100) })),
          responses: answers(
            200,
            z.object({ results: z.array(z.union([Accepted.extend({ status: z.literal(202) }), Problem])) }),
            'One answer per entry, in order',
          ),
        },
      },
      '/v1/jobs/{id}': {
        get: {
          summary: 'A job, its state, why it waits, its result',
          requestParams: { path: id, query: WaitQuery },
          responses: answers(200, Job, 'The job'),
        },
      },
      '/v1/jobs/{id}/cancel': {
        post: {
          summary: 'Cancel a job',
          requestParams: { path: id },
          responses: {
            ...answers(200, StateOf, 'Cancelled'),
            202: json(StateOf, 'It runs, and will end as cancelled'),
          },
        },
      },
      '/v1/jobs/{id}/redrive': {
        post: {
          summary: 'Put a failed job back into its lane',
          requestParams: { path: id },
          responses: answers(202, StateOf, 'Queued again'),
        },
      },
      '/v1/pools': {
        get: {
          summary: 'Pools and their limits',
          responses: answers(200, z.object({ pools: z.array(Pool) }), 'Pools'),
        },
      },
      '/v1/pools/{id}': {
        get: {
          summary: 'A pool, its settings and where each comes from; its ETag is of the settings alone',
          requestParams: { path: poolId },
          responses: answers(200, PoolAndSettings, 'The pool'),
        },
        patch: {
          summary: 'Change settings while the pool runs, or take changes away',
          requestParams: { path: poolId, header: IfMatchHeader },
          requestBody: {
            content: {
              'application/merge-patch+json': { schema: PoolPatchBody },
              'application/json': { schema: PoolPatchBody },
            },
          },
          responses: answers(200, PoolAndSettings, 'In force for the next permits'),
        },
      },
      '/v1/pools/{id}/resume': {
        post: {
          summary: 'Let a stopped pool run again',
          requestParams: { path: poolId },
          responses: answers(200, z.object({ pool: z.string(), state: z.string() }), 'Running'),
        },
      },
      '/v1/pools/{id}/permits': {
        post: {
          summary: 'Ask for a permit to call the provider yourself',
          requestParams: { path: poolId, header: IdempotencyHeader, query: WaitQuery },
          requestBody: takes(PermitBody),
          responses: {
            ...answers(201, Permit, 'Granted: call now'),
            202: json(Permit, 'In line: ask again at its Location, with ?wait=25'),
          },
        },
      },
      '/v1/pools/{id}/permits/{permit}': {
        get: {
          summary: 'A permit, at once or as soon as it is granted',
          requestParams: { path: permitPath, query: WaitQuery },
          responses: answers(200, Permit, 'The permit'),
        },
      },
      '/v1/pools/{id}/permits/{permit}/settle': {
        post: {
          summary: 'The call is over: what it has used',
          requestParams: { path: permitPath },
          requestBody: takes(UsageBody),
          responses: answers(200, StateOf, 'Settled'),
        },
      },
      '/v1/pools/{id}/permits/{permit}/release': {
        post: {
          summary: 'Nothing was called: give the permit back, or leave the line',
          requestParams: { path: permitPath },
          responses: answers(200, StateOf, 'Given back'),
        },
      },
      '/v1/chat/completions': {
        post: {
          summary: 'Pass a call of a person through to its pool under a permit, as an OpenAI client sends it',
          requestParams: { header: ChatHeaders },
          requestBody: takes(ChatBody.meta({ id: 'ChatRequest' })),
          responses: openAiAnswers(Completion, 'What the provider answered'),
        },
      },
      '/v1/models': {
        get: { summary: 'What may be called so', responses: openAiAnswers(Models, 'Models') },
      },
      '/v1/overview': {
        get: {
          summary: 'The live picture, a second old at most',
          responses: answers(200, z.object({ pools: z.record(z.string(), z.unknown()) }), 'By pool'),
        },
      },
      '/v1/openapi.json': {
        get: { summary: 'This document', responses: answers(200, z.record(z.string(), z.unknown()), 'OpenAPI 3.1') },
      },
      '/v1/reviews': {
        get: {
          summary: 'Drafts that wait for a person',
          requestParams: { query: ReviewsQuery },
          responses: answers(200, z.object({ reviews: z.array(ReviewRow), cursor: z.string().optional() }), 'A page'),
        },
      },
      '/v1/reviews/{id}': {
        get: {
          summary: 'A draft in review',
          requestParams: { path: id },
          responses: answers(200, Job, 'The job with its draft'),
        },
      },
      '/v1/reviews/{id}/approve': {
        post: {
          summary: 'Approve a draft version: it is released without a second model call',
          requestParams: { path: id },
          requestBody: takes(DecisionBody),
          responses: answers(200, StateOf, 'Released'),
        },
      },
      '/v1/reviews/{id}/reject': {
        post: {
          summary: 'Reject a draft version',
          requestParams: { path: id },
          requestBody: takes(DecisionBody),
          responses: answers(200, StateOf, 'Rejected'),
        },
      },
    },
  })

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(
    new URL('../lambdas/shared/openapi.json', import.meta.url),
    `${JSON.stringify(openApiDocument(), null, 2)}\n`,
  )
