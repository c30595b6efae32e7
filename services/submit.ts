/**
 * Submit: content if absent, then the live record into its lane, then the bell; only then is it accepted.
 * A repeat under the same idempotency key does again what may be missing, and never what was done.
 */
import { createHash } from 'node:crypto'
import { enteredBell } from '../core/bell.ts'
import { capsOf } from '../core/caps.ts'
import type { JobInput, Queued } from '../core/job.ts'
import { laneOf } from '../core/lane.ts'
import { estimateTokens, missingFields, renderPrompt } from '../core/prompt.ts'
import { DAY_MS, type KindSettings } from '../core/settings.ts'
import { backlogFull } from './backlog.ts'
import { actsFor, type Caller, lacksScope } from './caller.ts'
import { configured } from './configured.ts'
import { largerThanCaps, tooLarge } from './costs.ts'
import type { Deps } from './deps.ts'
import { recentInForce } from './in-force.ts'
import { type Answer, type Refusal, refuse } from './refusal.ts'

export interface SubmitRequest {
  readonly kind: string
  readonly input: unknown
  /** The caller's own owner if absent. */
  readonly owner?: string | undefined
  /** Epoch ms; now if absent. */
  readonly startAt?: number | undefined
  readonly idempotencyKey?: string | undefined
}
export type Accepted = Answer<{ jobId: string; repeated: boolean }>

export const INPUT_BYTES_AT_MOST = 256 * 1024
export const START_DAYS_AHEAD = 30

export async function submit(deps: Deps, caller: Caller, request: SubmitRequest): Promise<Accepted> {
  const admitted = await admit(deps, caller, request)
  return admitted.ok ? write(deps, admitted.input) : admitted
}

/** What would be written, or why not. */
export async function admit(deps: Deps, caller: Caller, request: SubmitRequest): Promise<Answer<{ input: JobInput }>> {
  const owner = request.owner ?? caller.owner
  const refusal = await refused(deps, caller, owner, request)
  if (refusal && refusal.code !== 'larger-than-pool') return refusal
  const input = asInput(deps, caller, owner, request)
  const full = refusal ?? (await backlogFull(deps, request.kind, owner))
  if (full && !(request.idempotencyKey !== undefined && (await isThere(deps, input)))) return full
  return { ok: true, input }
}

async function write(deps: Deps, input: JobInput): Promise<Accepted> {
  const created = await deps.jobs.create({ input })
  if (created.kind === 'exists') return repeat(deps, input, created.input)
  await enter(deps, input)
  return { ok: true, jobId: input.jobId, repeated: false }
}

/** Of a job that was created before: whatever it still lacked is done now. */
export async function repeat(deps: Deps, { hash, jobId }: JobInput, first: JobInput): Promise<Accepted> {
  if (first.hash !== hash)
    return refuse(
      'key-reused',
      'This Idempotency-Key was used for another request.',
      'Use a new key for a new request.',
    )
  await reenter(deps, first)
  return { ok: true, jobId, repeated: true }
}

/** What was accepted is in the backlog already: its repeat is answered, however long that is, or low the limits since. */
const isThere = async (deps: Deps, { jobId, submittedAt: now }: JobInput): Promise<boolean> =>
  (await deps.jobs.load({ jobId, now })) !== undefined

async function refused(
  deps: Deps,
  caller: Caller,
  owner: string,
  request: SubmitRequest,
): Promise<Refusal | undefined> {
  const scope = lacksScope(caller, 'jobs:submit')
  if (scope) return scope
  if (!actsFor(caller, owner))
    return refuse(
      'owner-not-yours',
      `${caller.id} may not submit for ${owner}.`,
      'Leave owner out, or have mayActFor extended.',
      { at: 'owner' },
    )
  const kind = configured(deps.settings.kinds, request.kind)
  if (!kind)
    return refuse(
      'unknown-kind',
      `No kind is named ${request.kind}.`,
      `Use one of: ${Object.keys(deps.settings.kinds).join(', ')}.`,
      { at: 'kind' },
    )
  return refusedContent(deps, kind, owner, request)
}

async function refusedContent(
  deps: Deps,
  kind: KindSettings,
  owner: string,
  { input, startAt, kind: name }: SubmitRequest,
): Promise<Refusal | undefined> {
  const bytes = Buffer.byteLength(JSON.stringify(input))
  if (bytes > INPUT_BYTES_AT_MOST)
    return refuse('too-large', `The input has ${bytes} bytes; ${INPUT_BYTES_AT_MOST} are allowed.`, 'Shorten it.', {
      at: 'input',
    })
  const [missing] = missingFields(kind, input)
  if (missing)
    return refuse(
      'missing-field',
      `The kind ${name} needs input.${missing}.`,
      `Add it; the prompt of ${name} names it.`,
      { at: `input.${missing}` },
    )
  const pool = await recentInForce(deps, kind.pool)
  const ask = { input: estimateTokens(renderPrompt(kind, input)), output: kind.maxOutputTokens }
  const large = tooLarge(pool, kind.model, ask)
  if (large)
    return refuse(
      'larger-than-pool',
      `The pool ${kind.pool} can never run this: ${large}.`,
      "Shorten the input or lower the kind's maxOutputTokens.",
      { at: 'input' },
    )
  const above = largerThanCaps(pool, kind.model, ask, capsOf(deps.settings, kind.pool, owner) ?? {})
  if (above)
    return refuse(
      'larger-than-pool',
      `${owner} may never have this of the pool ${kind.pool}: ${above}.`,
      "Shorten the input, lower the kind's maxOutputTokens, or raise the owner's caps.",
      { at: 'input' },
    )
  // Its input would be gone by then.
  const daysAhead = Math.min(START_DAYS_AHEAD, Math.ceil(deps.settings.retentionDays.input))
  if (startAt !== undefined && startAt > deps.clock.now() + daysAhead * DAY_MS)
    return refuse('invalid-request', `startAt is more than ${daysAhead} days ahead.`, 'Submit it nearer to its time.', {
      at: 'startAt',
    })
  return undefined
}

/** Stable under a repeat: the same caller and key always name the same job. */
export const jobIdOf = (callerId: string, key: string): string =>
  createHash('sha256').update(`${callerId}\n${key}`).digest('hex').slice(0, 26)

function asInput(deps: Deps, caller: Caller, owner: string, request: SubmitRequest): JobInput {
  const now = deps.clock.now()
  const { pool, tier, ...kind } = deps.settings.kinds[request.kind] as KindSettings
  const jobId = request.idempotencyKey === undefined ? deps.random.id(now) : jobIdOf(caller.id, request.idempotencyKey)
  const inputTokens = estimateTokens(renderPrompt(kind, request.input))
  const asked = JSON.stringify([request.kind, owner, request.input, request.startAt ?? null])
  return {
    v: 1,
    jobId,
    owner,
    submittedBy: caller.id,
    kind: request.kind,
    pool,
    tier,
    input: request.input,
    hash: createHash('sha256').update(asked).digest('hex'),
    key: { lane: laneOf({ pool, tier, owner }), at: Math.max(now, request.startAt ?? now), jobId },
    tokens: inputTokens + kind.maxOutputTokens,
    inputTokens,
    submittedAt: now,
    expiresAt: now + deps.settings.retentionDays.input * DAY_MS,
  }
}

/** The record a job first stands in its lane with. */
export const firstRecord = (input: JobInput): Queued => ({
  v: 1,
  key: input.key,
  pool: input.pool,
  tier: input.tier,
  owner: input.owner,
  kind: input.kind,
  state: 'queued',
  fence: 0,
  attempt: 0,
  throttles: 0,
  crashes: 0,
  generation: 1,
  tokens: input.tokens,
  ...(input.inputTokens === undefined ? {} : { inputTokens: input.inputTokens }),
  submittedAt: input.submittedAt,
  expiresAt: input.expiresAt,
  errors: [],
})

async function enter(deps: Deps, input: JobInput): Promise<void> {
  const record = firstRecord(input)
  await deps.jobs.enter({ record })
  await deps.doorbell.ring(input.pool, enteredBell(deps.random.id(deps.clock.now()), record))
}

/** The first submit may have died between any two of its writes: the record and its bell are made good. */
async function reenter(deps: Deps, input: JobInput): Promise<void> {
  const record = firstRecord(input)
  if ((await deps.jobs.reenter({ record })) === 'gone') return
  await deps.doorbell.ring(input.pool, enteredBell(deps.random.id(deps.clock.now()), record))
}
