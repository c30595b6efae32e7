/**
 * A job's states, the legal edges between them, and the records that carry them.
 * Every adapter writes a change of state through `assertEdge`; nothing else decides what is legal.
 */
import * as z from 'zod'

export const TIERS = ['high', 'medium', 'low'] as const
export type Tier = (typeof TIERS)[number]

/** From each state, the states a job may go to next. States that map to nothing are ends. */
export const EDGES = {
  queued: ['running', 'cancelled'],
  running: ['running', 'queued', 'in-review', 'succeeded', 'failed', 'cancelled', 'expired'],
  'in-review': ['queued-approved', 'rejected', 'cancelled'],
  'queued-approved': ['succeeded'],
  failed: ['queued'],
  succeeded: [],
  rejected: [],
  cancelled: [],
  expired: [],
} as const satisfies Record<string, readonly string[]>

export type JobState = keyof typeof EDGES
export const OUTCOMES = ['succeeded', 'failed', 'rejected', 'cancelled', 'expired'] as const
export type Outcome = (typeof OUTCOMES)[number]

export const isLegal = (from: JobState, to: JobState): boolean => (EDGES[from] as readonly JobState[]).includes(to)

/** Refuses a change of state that section "A job's life" of docs/architecture.md does not draw. */
export function assertEdge(from: JobState, to: JobState): void {
  if (!isLegal(from, to)) throw new IllegalEdge(from, to)
}

export class IllegalEdge extends Error {
  readonly code = 'illegal-edge'
  constructor(
    readonly from: JobState,
    readonly to: JobState,
  ) {
    super(`a job may not go from ${from} to ${to}`)
  }
}

/** One failed try, kept with the job until it ends. `message` is cut so that the live record stays under 1 KB. */
export const JobError = z.object({
  at: z.number(),
  class: z.string(),
  status: z.number().optional(),
  message: z.string(),
})
export type JobError = z.infer<typeof JobError>
export const ERRORS_KEPT = 4
export const ERROR_MESSAGE_LENGTH = 120

/** The newest errors, oldest dropped: DynamoDB bills a live record by the started KB at every write. */
export const withError = (errors: readonly JobError[], error: JobError): JobError[] =>
  [...errors, { ...error, message: error.message.slice(0, ERROR_MESSAGE_LENGTH) }].slice(-ERRORS_KEPT)

const count = z.number().optional()
/** As the provider counted it. `inputTokens` holds what was read from its cache, too. */
export const Usage = z.object({ inputTokens: count, outputTokens: count, cacheReadTokens: count })
export type Usage = z.infer<typeof Usage>

/** Where a live record stands: a lane (see core/lane.ts) and its place in the lane's order of time. */
export const LiveKey = z.object({ lane: z.string(), at: z.number(), jobId: z.string() })
export type LiveKey = z.infer<typeof LiveKey>

const live = {
  v: z.literal(1),
  key: LiveKey,
  pool: z.string(),
  tier: z.enum(TIERS),
  owner: z.string(),
  kind: z.string(),
  /** Raised by every claim; every write is conditioned on it. */
  fence: z.number(),
  /** Calls that failed and count against the kind's `attempts`. */
  attempt: z.number(),
  /** Refusals by the provider's limit: they cost no attempt. */
  throttles: z.number(),
  /** Leases that ran out: counted apart from attempts. */
  crashes: z.number(),
  /** Drafts asked for. */
  generation: z.number(),
  /** Estimated tokens, input and maximal output together. */
  tokens: z.number(),
  /** Of them the input's. Absent in records of older code. */
  inputTokens: z.number().optional(),
  submittedAt: z.number(),
  /** When its input expires; without that, no reader finds the job. Absent in records of older code. */
  expiresAt: z.number().optional(),
  cancelRequested: z.boolean().optional(),
  /** An answer was cut short at what was learned to be enough (core/learned.ts): it may have all that its kind allows. */
  whole: z.literal(true).optional(),
  errors: z.array(JobError),
}

export const LiveRecord = z.discriminatedUnion('state', [
  /** `awaits`: it has moved to a later time because an identical job was being called. */
  z.object({ ...live, state: z.literal('queued'), awaits: z.literal(true).optional() }),
  z.object({ ...live, state: z.literal('running'), nonce: z.string(), leaseUntil: z.number() }),
  z.object({ ...live, state: z.literal('in-review'), draftVersion: z.number(), draftHash: z.string() }),
  /** A dead letter: it stands in the attention lane until it is redriven. */
  z.object({ ...live, state: z.literal('failed') }),
])
export type LiveRecord = z.infer<typeof LiveRecord>
export type Queued = Extract<LiveRecord, { state: 'queued' }>
export type Running = Extract<LiveRecord, { state: 'running' }>
export type InReview = Extract<LiveRecord, { state: 'in-review' }>
export type DeadLetter = Extract<LiveRecord, { state: 'failed' }>

/** What every state carries, without what one state owns. */
export function carry(record: LiveRecord): Omit<Queued, 'state'> {
  const {
    v,
    key,
    pool,
    tier,
    owner,
    kind,
    fence,
    attempt,
    throttles,
    crashes,
    generation,
    tokens,
    inputTokens,
    submittedAt,
    expiresAt,
    whole,
    errors,
  } = record
  return {
    v,
    key,
    pool,
    tier,
    owner,
    kind,
    fence,
    attempt,
    throttles,
    crashes,
    generation,
    tokens,
    ...(inputTokens === undefined ? {} : { inputTokens }),
    submittedAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(whole ? { whole } : {}),
    errors,
  }
}

/**
 * A part is of the job that was submitted then: the id of an idempotency key comes again when the key is used anew after
 * retention, and what the earlier job left is not the later one's. Absent in records of older code.
 */
const submittedAt = z.number().optional()

/** Of a whole answer of a kind with a cache: under which key, and since when, identical jobs may end from it. */
const answers = z.object({ cacheKey: z.string(), at: z.number() }).optional()
/** No call was made for it: it is the answer of this other job's call. */
const cached = z.object({ jobId: z.string(), at: z.number() }).optional()
export type Cached = NonNullable<z.infer<typeof cached>>

/** Served by another pool than its own, and why. */
export const Served = z.object({ pool: z.string(), why: z.enum(['down', 'busy']) })
export type Served = z.infer<typeof Served>

/**
 * Who calls for all that ask the same (services/same-call.ts): the job that claimed this last, under which fence and where.
 * It holds no content: the answer is the job's own, in its end or its draft.
 */
export const Leader = z.object({
  v: z.literal(1),
  cacheKey: z.string(),
  jobId: z.string(),
  fence: z.number(),
  key: LiveKey,
  /** Epoch ms of its claim. */
  at: z.number(),
  expiresAt: z.number(),
})
export type Leader = z.infer<typeof Leader>

/** The immutable part: what was asked for, by whom, and where it first stood. */
export const JobInput = z.object({
  v: z.literal(1),
  jobId: z.string(),
  owner: z.string(),
  submittedBy: z.string(),
  kind: z.string(),
  pool: z.string(),
  tier: z.enum(TIERS),
  input: z.unknown(),
  /** sha256 of the request, to tell a repeat from another request under the same idempotency key. */
  hash: z.string(),
  key: LiveKey,
  tokens: z.number(),
  inputTokens: z.number().optional(),
  submittedAt: z.number(),
  /** Epoch ms from which the record counts as absent. */
  expiresAt: z.number(),
})
export type JobInput = z.infer<typeof JobInput>

export const Draft = z.object({
  v: z.literal(1),
  jobId: z.string(),
  version: z.number(),
  text: z.string(),
  /** sha256 of the text: what an approval is bound to. */
  hash: z.string(),
  model: z.string(),
  fallback: Served.optional(),
  usage: Usage,
  answers,
  cached,
  submittedAt,
  createdAt: z.number(),
  expiresAt: z.number(),
})
export type Draft = z.infer<typeof Draft>

export const Approval = z.object({
  v: z.literal(1),
  jobId: z.string(),
  version: z.number(),
  decision: z.enum(['approved', 'rejected']),
  hash: z.string(),
  by: z.string(),
  submittedAt,
  at: z.number(),
  reason: z.string().optional(),
})
export type Approval = z.infer<typeof Approval>

/** How a job ended: one per job, written once (a redrive takes it away again). */
export const End = z.object({
  v: z.literal(1),
  jobId: z.string(),
  outcome: z.enum(OUTCOMES),
  fence: z.number(),
  submittedAt,
  endedAt: z.number(),
  result: z.string().optional(),
  model: z.string().optional(),
  fallback: Served.optional(),
  usage: Usage.optional(),
  answers,
  cached,
  approvedBy: z.string().optional(),
  reason: z.string().optional(),
  attempts: z.number(),
  errors: z.array(JobError),
  expiresAt: z.number(),
})
export type End = z.infer<typeof End>

/** Everything about a job that is not its live record: one Query of the Jobs table. */
export interface JobParts {
  readonly input: JobInput
  /** The present key, once the job has moved from its first. */
  readonly at?: LiveKey
  readonly end?: End
  /** The newest draft. */
  readonly draft?: Draft
}

/** Where the job's live record stands, if it has one. */
export const presentKey = (parts: JobParts): LiveKey => parts.at ?? parts.input.key
