/** What a user configures: one schema, parsed once at the edge. Pools, tiers, kinds, callers, retention. */
import * as z from 'zod'
import { TIERS } from './job.ts'
import { namesFields } from './prompt.ts'

const name = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes, at most 40')
/** Lane names reserve `#`; control characters never reach a terminal by way of an owner's name. */
export const OwnerName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/, 'letters, digits and . _ @ + -, 1 to 128 characters')

const keyVariable = z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'the name of an environment variable, never the key itself')

const baseUrl = z.url({ protocol: /^https?$/, error: 'an address that begins with https:// or http://' })

export const ProviderSettings = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('openai-compatible'), baseUrl, keyVariable: keyVariable.optional() }),
  z.strictObject({ kind: z.literal('anthropic'), baseUrl: baseUrl.optional(), keyVariable }),
  z.strictObject({ kind: z.literal('bedrock'), region: z.string().optional() }),
])
export type ProviderSettings = z.infer<typeof ProviderSettings>

/**
 * What may pass between a slot and the provider's count of the call, in ms: the ledger's window is the provider's
 * plus this sum (docs/guarantees.md, G2).
 */
const Guard = z.strictObject({
  refusalMs: z.number().int().min(10).default(250),
  skewMs: z.number().int().min(0).default(250),
  networkMs: z.number().int().min(0).default(200),
})
/** Turns grow by cost / weight for as long as a pool lives: weights a million apart would round each other's away (IEEE 754). */
const weight = z.number().min(0.01).max(1000)
const everyTier = z.strictObject({
  high: weight,
  medium: weight,
  low: weight,
})

/** Ways of counting tokens (core/accounting.ts). */
const ACCOUNTINGS = ['total', 'openai', 'anthropic', 'bedrock'] as const
export type Accounting = (typeof ACCOUNTINGS)[number]

const amount = z.number().int().min(1).optional()

/** What of a provider's answers is followed (core/feedback.ts, at-once.ts, breaker.ts). */
const FeedbackParts = z.strictObject({
  /** Limits: as its headers state them, or lowered where it refuses without a word. */
  limits: z.boolean().default(true),
  /** What others use is taken off. */
  strangers: z.boolean().default(true),
  /** Fewer calls in flight where it is overloaded. */
  overload: z.boolean().default(true),
  /** Nothing but probes while it is down. */
  breaker: z.boolean().default(true),
})
const NO_FEEDBACK = { limits: false, strangers: false, overload: false, breaker: false } as const
const Feedback = z
  .union(
    [z.boolean(), FeedbackParts],
    'true, false, or an object of limits, strangers, overload and breaker, each true or false',
  )
  .transform((parts) => (parts === true ? FeedbackParts.parse({}) : parts === false ? NO_FEEDBACK : parts))
export const DAY_MS = 86_400_000

/** What one person may have: permits that stand at once, and calls granted in a window. */
const Person = z.strictObject({
  open: z.number().int().min(1).max(100).default(20),
  calls: z.number().int().min(1).max(1_000_000).default(60),
})
export type Person = z.infer<typeof Person>

/** Capacity that people may take directly (core/people.ts). */
export const People = z.strictObject({
  /** While agents wait, people together get at most this share of the limits. */
  max: z.number().min(0.01).max(1).default(0.5),
  /** What is kept in stock for them: a share of the limits, or what their recent demand shows to be needed. */
  reserve: z.union([z.literal('learned'), z.number().min(0).max(1)]).default('learned'),
  perPerson: Person.prefault({}),
  /** The most that one call may be asked to write, in tokens. */
  maxOutputTokens: z.number().int().min(1).max(200_000).default(4_000),
  /** What they may call through POST /v1/chat/completions; absent: nothing, there are permits only. */
  models: z.array(z.string().min(1).max(200)).min(1).optional(),
})
export type People = z.infer<typeof People>

/** What one owner may have of a pool: calls and tokens in its window and in a day, and calls in flight. */
const Caps = z.strictObject({
  requests: amount,
  tokens: amount,
  /** A day, or the pool's longer window where it has one. */
  day: z.strictObject({ requests: amount, tokens: amount }).optional(),
  concurrency: amount,
})
export type Caps = z.infer<typeof Caps>

/** Enough for a throttled table's retries; a lease that ends under a live worker costs a second call. */
export const SETTLE_MARGIN_MS = 20_000

/** Slots are stamped on a 600th of it, and a job that comes to an idle pool waits for the next stamp: a second at most. */
export const WINDOW_AT_MOST_MS = 600_000
export const WINDOW_AT_LEAST_MS = 200

export const PoolSettings = z.strictObject({
  provider: ProviderSettings,
  /** On one machine: the simulated provider stands in, until this says `provider`. */
  local: z.enum(['simulated', 'provider']).default('simulated'),
  windowMs: z
    .number()
    .int()
    .min(WINDOW_AT_LEAST_MS)
    .max(
      WINDOW_AT_MOST_MS,
      'at most 600000 (ten minutes): what is limited for longer is `day`, with a `windowMs` of its own',
    )
    .default(60_000),
  /** Limits of a window; at least one, here or for a day. */
  requests: z.number().int().min(1).max(1_000_000).optional(),
  /** Input and output together, as `accounting` counts them. */
  tokens: amount,
  inputTokens: amount,
  outputTokens: amount,
  /** A longer window beside the first. */
  day: z
    .strictObject({
      windowMs: z
        .number()
        .int()
        .min(200)
        .max(31 * DAY_MS)
        .default(DAY_MS),
      requests: amount,
      tokens: amount,
      /** `full` would wait a whole day before the first call. */
      history: z.enum(['full', 'empty']).default('empty'),
    })
    .optional(),
  /** Calls in flight. */
  concurrency: amount,
  /** How the provider counts tokens (core/accounting.ts); by its kind if absent. */
  accounting: z.enum(ACCOUNTINGS).optional(),
  /** What a token of output weighs; by the model if absent. */
  burndown: z.number().min(1).max(100).optional(),
  /** What is shared fairly between owners: calls, or tokens. */
  share: z.enum(['requests', 'tokens']).default('requests'),
  guard: Guard.prefault({}),
  feedback: Feedback.prefault(true),
  pacing: z.enum(['even', 'burst']).default('even'),
  order: z.enum(['weighted', 'strict', 'owners']).default('weighted'),
  tiers: everyTier.default({ high: 60, medium: 30, low: 10 }),
  /** What a claim's lease holds beyond the longest call: time to write what came of it. A dead worker's job waits it out. */
  settleMarginMs: z.number().int().min(100).max(120_000).default(SETTLE_MARGIN_MS),
  /** What each owner may have; one that has caps of its own here (`owners`) has those instead. */
  ownerCaps: Caps.optional(),
  /** Absent: people take no permits here. */
  people: People.optional(),
  /** For estimates only: US dollars for a million tokens. */
  pricePerMillionTokens: z.number().positive().optional(),
  /** What a ledger without history assumes was used before it: `full` waits one window first. */
  history: z.enum(['full', 'empty']).default('full'),
})
export type PoolSettings = z.infer<typeof PoolSettings>

const Review = z.discriminatedUnion('policy', [
  z.strictObject({ policy: z.literal('none') }),
  z.strictObject({ policy: z.literal('required'), team: name.default('main') }),
  z.strictObject({ policy: z.literal('sample'), rate: z.number().min(0).max(1), team: name.default('main') }),
])
export type ReviewSettings = z.infer<typeof Review>

/** How long a whole answer stands for identical jobs of its owner. */
const Cache = z.strictObject({
  ttlMs: z
    .number()
    .int()
    .min(1_000)
    .max(31 * DAY_MS),
})
export type CacheSettings = z.infer<typeof Cache>

/** Where a kind's jobs may be called while their own pool is stopped: its provider down, or refusing key, model or credit. */
const Fallback = z.strictObject({
  pool: name,
  model: z.string().min(1),
  /** Also while it has no room, for a job that has been ready for so long. */
  afterMs: z.number().int().min(1_000).max(DAY_MS).optional(),
})

export const KindSettings = z.strictObject({
  pool: name,
  tier: z.enum(TIERS),
  model: z.string().min(1),
  system: z.string().optional(),
  /** `{{path.to.field}}` is replaced from the job's input; a missing field is refused at submit. */
  prompt: z.string().min(1),
  maxOutputTokens: z.number().int().min(1).max(200_000).default(500),
  /** What of `maxOutputTokens` a call reserves where tokens are limited: what its answers were seen to need, or all. */
  reserve: z.enum(['learned', 'all']).default('learned'),
  temperature: z.number().min(0).max(2).optional(),
  timeoutMs: z.number().int().min(1_000).max(600_000).default(60_000),
  attempts: z.number().int().min(1).max(20).default(5),
  crashes: z.number().int().min(1).max(10).default(3),
  review: Review.default({ policy: 'none' }),
  delivery: z.literal('none').default('none'),
  /** The provider is told to keep `system` in its own cache, where it has to be told (Anthropic, Bedrock). */
  promptCache: z.boolean().optional(),
  /** Identical jobs of one owner end from one call's answer. */
  cache: Cache.optional(),
  /** Other pools, in the order in which they are asked. */
  fallback: z.array(Fallback).max(5).default([]),
})
export type KindSettings = z.infer<typeof KindSettings>

/** What a kind's jobs call in which pool: its own first, then its fallback in order. */
export type CallIn = Pick<KindSettings, 'pool' | 'model'>
export const callsOf = ({ pool, model, fallback }: KindSettings): readonly CallIn[] => [{ pool, model }, ...fallback]
export const callIn = (kind: KindSettings, pool: string): CallIn | undefined =>
  callsOf(kind).find((call) => call.pool === pool)

export const SCOPES = ['jobs:read', 'jobs:submit', 'reviews:decide', 'capacity:use', 'admin'] as const
export const CallerSettings = z.strictObject({
  /** The IAM role whose sessions are this caller. */
  role: z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/, 'a role ARN: arn:aws:iam::123456789012:role/name'),
  id: name,
  owner: OwnerName,
  scopes: z.array(z.enum(SCOPES)).min(1),
  /** Owners it may act for besides its own; `*` is everybody. */
  mayActFor: z.array(z.union([z.literal('*'), OwnerName])).default([]),
})
export type CallerSettings = z.infer<typeof CallerSettings>

/** `caps` by pool, each in the place of the pool's `ownerCaps`; `{}` is none. */
const Owner = z.strictObject({
  weight: weight.default(1),
  caps: z.record(name, Caps).default({}),
})

const RESERVED_POOLS = ['review', 'attention', 'bell']

export const Settings = z
  .strictObject({
    pools: z.record(name, PoolSettings),
    kinds: z.record(name, KindSettings),
    owners: z.record(OwnerName, Owner).default({}),
    callers: z.array(CallerSettings).default([]),
    /** Teams whose inboxes are read though no kind names them any more: their drafts still wait. */
    reviewTeams: z.array(name).optional(),
    backlogPerOwner: z.number().int().min(1).default(100_000),
    /** Days that content and results are kept; a job that has not ended when its input expires ends as expired. */
    retentionDays: z
      .strictObject({ input: z.number().min(1), result: z.number().min(1) })
      .default({ input: 90, result: 90 }),
  })
  .superRefine((settings, ctx) => {
    for (const pool of Object.keys(settings.pools))
      if (RESERVED_POOLS.includes(pool))
        ctx.addIssue({ code: 'custom', path: ['pools', pool], message: 'is a reserved name' })
    for (const [id, pool] of Object.entries(settings.pools))
      if (!hasLimit(pool))
        ctx.addIssue({
          code: 'custom',
          path: ['pools', id],
          message: 'limit it: requests, tokens, inputTokens, outputTokens, day or concurrency',
        })
    if (Object.keys(settings.pools).length === 0)
      ctx.addIssue({ code: 'custom', path: ['pools'], message: 'name at least one pool' })
    for (const [kind, { pool }] of Object.entries(settings.kinds))
      if (!Object.hasOwn(settings.pools, pool))
        ctx.addIssue({ code: 'custom', path: ['kinds', kind, 'pool'], message: `no pool is named ${pool}` })
    for (const [owner, { caps }] of Object.entries(settings.owners))
      for (const pool of Object.keys(caps))
        if (!Object.hasOwn(settings.pools, pool))
          ctx.addIssue({ code: 'custom', path: ['owners', owner, 'caps', pool], message: `no pool is named ${pool}` })
    for (const [kind, { pool: own, fallback }] of Object.entries(settings.kinds))
      for (const [i, { pool }] of fallback.entries()) {
        const message = faultIn(settings.pools, [own, ...fallback.slice(0, i).map((f) => f.pool)], pool)
        if (message) ctx.addIssue({ code: 'custom', path: ['kinds', kind, 'fallback', i, 'pool'], message })
      }
    for (const [kind, { promptCache, system }] of Object.entries(settings.kinds))
      if (promptCache && (!system || namesFields(system)))
        ctx.addIssue({
          code: 'custom',
          path: ['kinds', kind, 'promptCache'],
          message: 'put what never changes into system, and no {{placeholder}}: nothing else can be kept',
        })
    for (const { pool, i, model, first } of modelsNamedTwice(settings.pools))
      ctx.addIssue({
        code: 'custom',
        path: ['pools', pool, 'people', 'models', i],
        message: `${model} is of pool ${first} already: the model of a call is what picks its pool`,
      })
    const kept = Math.min(settings.retentionDays.input, settings.retentionDays.result)
    for (const [kind, { cache }] of Object.entries(settings.kinds))
      if (cache && cache.ttlMs > kept * DAY_MS)
        ctx.addIssue({
          code: 'custom',
          path: ['kinds', kind, 'cache', 'ttlMs'],
          message: `at most ${kept * DAY_MS}: an answer stands no longer than retentionDays keeps the job that it is of`,
        })
  })
export type Settings = z.infer<typeof Settings>

/** Each model that people may call names one pool. */
function modelsNamedTwice(pools: Readonly<Record<string, PoolSettings>>) {
  const named = Object.entries(pools).flatMap(([pool, { people }]) =>
    (people?.models ?? []).map((model, i) => ({ pool, i, model })),
  )
  return named.flatMap((one, at) => {
    const first = named.findIndex(({ model }) => model === one.model)
    return first < at ? [{ ...one, first: (named[first] as typeof one).pool }] : []
  })
}

/** What is wrong with a fallback to this pool, behind those that come before it. */
function faultIn(pools: Readonly<Record<string, unknown>>, [own, ...before]: readonly string[], pool: string) {
  if (!Object.hasOwn(pools, pool)) return `no pool is named ${pool}`
  if (pool === own) return `${pool} is the kind's own pool: name another one`
  return before.includes(pool) ? `${pool} is named before: once is enough` : undefined
}

const hasLimit = (p: PoolSettings): boolean =>
  [p.requests, p.tokens, p.inputTokens, p.outputTokens, p.day?.requests, p.day?.tokens, p.concurrency].some(
    (limit) => limit !== undefined,
  )

/** Settings from unvalidated configuration, or one line per fault: where it is and what is allowed there. */
export function parseSettings(raw: unknown): { ok: true; settings: Settings } | { ok: false; faults: string[] } {
  const parsed = Settings.safeParse(raw)
  if (parsed.success) return { ok: true, settings: parsed.data }
  return { ok: false, faults: parsed.error.issues.map((i) => `${i.path.join('.') || 'configuration'}: ${allowed(i)}`) }
}

/** A name that may not be a key says only inside what is wrong with it. */
const allowed = (issue: z.core.$ZodIssue): string =>
  issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message

export type SettingsInput = z.input<typeof Settings>
