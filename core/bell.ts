/**
 * Bells: durable notes to the dispatcher, each under a key of its own so that none contends.
 * A bell carries what the dispatcher needs to act without reading the lane.
 */
import * as z from 'zod'
import { Told } from './feedback.ts'
import { type LiveRecord, Served, TIERS, Usage } from './job.ts'

/** Of a job that another pool offers: the lane in which its record stands, until when it is offered here, and why. */
export const Guest = z.object({ lane: z.string(), until: z.number(), why: Served.shape.why })
export type Guest = z.infer<typeof Guest>

/** What the dispatcher keeps of a queued record. */
export const Head = z.object({
  jobId: z.string(),
  /** Epoch ms at which the job may start: its place in its lane. */
  at: z.number(),
  fence: z.number(),
  tokens: z.number(),
  /** Of the tokens the input's, and whose model and true usage it shares. Absent in bells of older code. */
  inputTokens: z.number().optional(),
  kind: z.string().optional(),
  /** Failures so far: whoever has some waits in backoff. */
  attempt: z.number(),
  /** A job that crashed travels alone. */
  crashes: z.number(),
  /** Its answer was cut short at what was learned to be enough: now all that its kind allows is reserved. */
  whole: z.literal(true).optional(),
  /** Its claim came to no call: an identical job is being called, whose answer it waits for. */
  awaits: z.literal(true).optional(),
  /** Its record stands in another pool's lane. */
  guest: Guest.optional(),
})
export type Head = z.infer<typeof Head>

export const Settled = z.object({
  jobId: z.string(),
  /** The fence that the message carried. */
  fence: z.number(),
  /** Its slot: where a copy of its message came late a job is sent twice under one fence. Absent in bells of older code. */
  slot: z.number().optional(),
  /**
   * `gone`: its record left the lane. `back`: queued again where it stood, under `nextFence`.
   * `late`: refused with the record untouched. `lost`: somebody else has it, or it is no more.
   */
  what: z.enum(['gone', 'back', 'late', 'lost']),
  /** The state it went to, when gone. */
  state: z.string().optional(),
  nextFence: z.number().optional(),
  /** It is gone without a call, as one that ended from the cache or waits for an identical one: whoever waits to hear of the provider has heard nothing. */
  uncalled: z.literal(true).optional(),
  /** What the call used, as the provider told: the difference to what was reserved is given back or taken. */
  usage: Usage.optional(),
  /** Tokens of output that the call was allowed. Absent in bells of older code. */
  most: z.number().optional(),
  /** Of a call that failed, the class of its error (core/retry.ts). */
  failed: z.string().optional(),
  /** Given back before its slot, since the provider had asked for quiet: its worker was not late. */
  hushed: z.literal(true).optional(),
})
export type Settled = z.infer<typeof Settled>

/** It has ended, or waits for a person, without a call: by the cache alone. */
export const isSaved = ({ uncalled, state }: Settled): boolean =>
  uncalled === true && (state === 'succeeded' || state === 'in-review')

const place = { tier: z.enum(TIERS), owner: z.string() }
const common = { v: z.literal(1), id: z.string() }

export const Bell = z.discriminatedUnion('t', [
  z.object({ ...common, t: z.literal('entered'), ...place, head: Head }),
  /** Many that entered together, as a batch submits them. */
  z.object({ ...common, t: z.literal('came'), jobs: z.array(z.object({ ...place, head: Head })) }),
  z.object({ ...common, t: z.literal('left'), ...place, jobId: z.string(), at: z.number(), state: z.string() }),
  z.object({
    ...common,
    t: z.literal('settled'),
    jobs: z.array(Settled),
    /** The pool by whose permits these were called: nothing of it tells of this pool's provider. */
    by: z.string().optional(),
    /** The least time in ms between a job being ready to call and its slot; below zero it came late. */
    slackMs: z.number().optional(),
    /** Provider refusals by limit in this message, and until when it asked for quiet. */
    refused: z.number().optional(),
    quietUntil: z.number().optional(),
    /** What the provider said of its limits to the last of these jobs, by slot, to which it said something. */
    heard: z.object({ jobId: z.string(), told: Told }).optional(),
  }),
  /** Jobs of another pool, offered to this one for a while. */
  z.object({ ...common, t: z.literal('guests'), jobs: z.array(z.object({ ...place, head: Head })) }),
  z.object({
    ...common,
    t: z.literal('stopped'),
    /** Of the call that was refused. */
    slot: z.number().optional(),
    /** Its job was refused before, and the pool went on. */
    again: z.boolean().optional(),
  }),
  z.object({ ...common, t: z.literal('resumed') }),
  /** The pool's settings were changed: from this version on (core/overrides.ts). */
  z.object({ ...common, t: z.literal('changed'), version: z.number() }),
])
export type Bell = z.infer<typeof Bell>
export type EnteredBell = Extract<Bell, { t: 'entered' }>

export const headOf = (r: LiveRecord): Head => ({
  jobId: r.key.jobId,
  at: r.key.at,
  fence: r.fence,
  tokens: r.tokens,
  ...(r.inputTokens === undefined ? {} : { inputTokens: r.inputTokens }),
  kind: r.kind,
  attempt: Math.max(r.attempt + r.throttles, r.errors.length),
  crashes: r.crashes,
  ...(r.whole ? { whole: true } : {}),
  ...(r.state === 'queued' && r.awaits ? { awaits: true } : {}),
})

export const enteredBell = (id: string, r: LiveRecord): EnteredBell => ({
  v: 1,
  id,
  t: 'entered',
  tier: r.tier,
  owner: r.owner,
  head: headOf(r),
})

/** One bell for many records of one pool. */
export const cameBell = (id: string, records: readonly LiveRecord[]): Extract<Bell, { t: 'came' }> => ({
  v: 1,
  id,
  t: 'came',
  jobs: records.map((r) => ({ tier: r.tier, owner: r.owner, head: headOf(r) })),
})
