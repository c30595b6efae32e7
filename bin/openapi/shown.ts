/** What the API answers with. What it takes is in lambdas/shared/schemas.ts. */
import * as z from 'zod'
import { DIMENSIONS } from '../../core/cost.ts'
import { Usage } from '../../core/job.ts'
import { REFUSAL_CODES } from '../../services/refusal.ts'

export const Problem = z
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
export const JobError = z
  .object({ at: z.string(), class: z.string(), status: z.number().optional(), message: z.string() })
  .meta({ id: 'JobError' })
export const Cached = z
  .object({ jobId: z.string(), at: z.string() })
  .meta({ id: 'Cached', description: 'No call was made: it is the answer of this other job, made then.' })
export const Fallback = z
  .object({ pool: z.string(), why: z.enum(['down', 'busy']) })
  .meta({ id: 'Fallback', description: 'Another pool served it: its own was stopped, or had no room for long.' })
export const Job = z
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
    usage: Usage.optional(),
    cached: Cached.optional(),
    approvedBy: z.string().optional(),
    reason: z.string().optional(),
    endedAt: z.string().optional(),
    errors: z.array(JobError),
  })
  .meta({ id: 'Job' })
export const Accepted = z.object({ id: z.string(), repeated: z.boolean() }).meta({ id: 'Accepted' })
export const StateOf = z.object({ id: z.string(), state: z.string() }).meta({ id: 'State' })
export const Listed = z.object({
  id: z.string(),
  owner: z.string(),
  kind: z.string().optional(),
  tier: z.string(),
  state: z.string(),
  since: z.string().optional(),
  attempts: z.number().optional(),
})
export const ReviewRow = z.object({
  id: z.string(),
  owner: z.string(),
  kind: z.string(),
  version: z.number(),
  since: z.string(),
})

export const Permit = z
  .object({
    id: z.string(),
    pool: z.string(),
    state: z.enum(['waiting', 'granted', 'closed']),
    reserved: z.record(z.string(), z.number()),
    useBy: z.string().optional(),
    useWithinMs: z.number().optional(),
    ahead: z.number().optional(),
    expectedWithinMs: z.number().optional(),
  })
  .meta({
    id: 'Permit',
    description:
      'One call that a person may make itself. `useWithinMs` counts from this answer; `ahead` are served before it, in about `expectedWithinMs` at the latest.',
  })
export const amounts = z.partialRecord(z.enum(DIMENSIONS), z.number())
export const Pool = z
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
export const PoolAndSettings = Pool.extend({
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

export const capped = z.object({ requests: z.number().optional(), tokens: z.number().optional() })
export const OwnerShown = z
  .object({
    id: z.string(),
    weight: z.number(),
    pools: z.array(
      z.object({
        pool: z.string(),
        used: z.object({ window: amounts, day: amounts }),
        inFlight: z.number().optional(),
        at: z.string().optional(),
        caps: capped.extend({ day: capped.optional(), concurrency: z.number().optional() }).optional(),
        capped: z.boolean(),
        entitlement: z.number(),
      }),
    ),
  })
  .meta({
    id: 'Owner',
    description:
      'What it has used of each pool. `entitlement`: its part of the pool while all who are live have work; `at`: when its record was written, which for an owner without caps is as of when `used` is told.',
  })

export const OpenAiError = z
  .object({
    error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
  })
  .meta({ id: 'OpenAiError', description: "As OpenAI's clients read it. `code` is one of those of a Problem." })
export const Completion = z
  .looseObject({ id: z.string().optional(), object: z.string().optional(), choices: z.array(z.unknown()) })
  .meta({ id: 'ChatCompletion', description: 'As OpenAI has it; its events instead, with `stream`.' })
export const Models = z
  .object({
    object: z.literal('list'),
    data: z.array(z.object({ id: z.string(), object: z.literal('model'), created: z.number(), owned_by: z.string() })),
  })
  .meta({ id: 'Models', description: '`owned_by` is the pool.' })
