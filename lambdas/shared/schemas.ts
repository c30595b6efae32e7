/** What the API takes. The OpenAPI document is made from these same schemas (bin/openapi.ts). */
import * as z from 'zod'
import { TIERS } from '../../core/job.ts'
import { PoolPatch } from '../../core/overrides.ts'
import { OwnerName } from '../../core/settings.ts'

export const BATCH_AT_MOST = 100
const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, '1 to 200 printable ASCII characters without spaces')
  .describe('A repeat under the same key answers with the first job, or permit')

export const SubmitBody = z
  .strictObject({
    kind: z.string().min(1).max(40).describe('A kind that the configuration names'),
    input: z
      .record(z.string(), z.unknown())
      .describe("The fields that the kind's prompt names; at most 256 KB as JSON"),
    owner: OwnerName.optional().describe("Whose work it is; the caller's own owner if left out"),
    startAt: z.iso.datetime({ offset: true }).optional().describe('Not before this moment, at most 30 days ahead'),
  })
  .meta({ id: 'Submit' })

export const BatchEntry = SubmitBody.extend({ key: idempotencyKey.optional() }).meta({ id: 'BatchEntry' })
/** Entries are checked one by one: a bad one is answered for itself and spoils no other. */
export const BatchBody = z.strictObject({ jobs: z.array(z.unknown()).min(1).max(BATCH_AT_MOST) }).meta({ id: 'Batch' })

export const IdempotencyHeader = z.object({ 'idempotency-key': idempotencyKey.optional() })
/** In a query; what is empty or blank is no number, as the document says, though JavaScript takes it for 0. */
const whole = (from: number, to: number) =>
  z.preprocess(
    (text) => (typeof text === 'string' && text.trim() === '' ? Number.NaN : text),
    z.coerce.number().int().min(from).max(to),
  )

export const WaitQuery = z.strictObject({
  wait: whole(0, 25).optional().describe('Seconds to wait for the job to rest, or for the permit to be granted'),
})
export const ListQuery = z.strictObject({
  owner: OwnerName.optional(),
  tier: z.enum(TIERS).optional(),
  attention: z.enum(['failed', 'review']).optional(),
  state: z.enum(['in-flight']).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(1000).optional(),
})
/** Of a list without filters. */
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(1000).optional(),
})

export const DecisionBody = z
  .strictObject({
    version: z.number().int().min(1).describe('The draft version that was read'),
    reason: z.string().max(1000).optional(),
  })
  .meta({ id: 'Decision' })

const tokens = z.number().int().min(0).max(10_000_000)
export const PermitBody = z
  .strictObject({
    inputTokens: tokens.describe('What the call may send at most, in tokens'),
    maxOutputTokens: tokens.describe('What it may be answered at most: send the provider the same'),
    model: z.string().min(1).max(200).optional().describe('As the provider names it'),
    useWithinS: z.number().min(0.1).max(60).default(5).describe('The call begins within so many seconds of its grant'),
    lastsS: z.number().min(1).max(900).default(120).describe('It is over so many seconds after that'),
  })
  .meta({ id: 'PermitRequest' })
export const UsageBody = z
  .strictObject({
    inputTokens: tokens.optional(),
    outputTokens: tokens.optional(),
    cacheReadTokens: tokens.optional(),
  })
  .meta({ id: 'Used' })

export const PoolPatchBody = PoolPatch.meta({
  id: 'PoolPatch',
  description:
    "A JSON merge patch (RFC 7396). What it sets holds over the configuration's value; null takes that away again.",
})
export const IfMatchHeader = z.object({ 'if-match': z.string().describe('The ETag of the settings that were read') })

/** Longer than a stock's next filling takes, and short of what people sit out. */
const CHAT_WAITS_S = 20
export const ChatHeaders = z.object({
  'x-fairlead-wait-s': z.coerce
    .number()
    .int()
    .min(0)
    .max(25)
    .default(CHAT_WAITS_S)
    .describe('Seconds that the call may wait in line'),
})

export const JobIdParam = z.string().regex(/^[0-9A-Za-z]{26}$/, 'a job id has 26 letters and digits')
