/**
 * What follows a claim: the running record's way out, in one transaction bound to its fence. A cancellation that was
 * asked for meanwhile wins over every other outcome, and keeps the usage that was paid for.
 */
import { createHash } from 'node:crypto'
import { enteredBell } from '../core/bell.ts'
import { type Cached, carry, type Draft, type End, type LiveRecord, type Running, withError } from '../core/job.ts'
import { attentionLane, reviewLane } from '../core/lane.ts'
import { asJobError, type Failure, judge } from '../core/retry.ts'
import { reviewTeam } from '../core/review.ts'
import type { KindSettings } from '../core/settings.ts'
import type { WorkerDeps } from './deps.ts'
import { endOf } from './end-of.ts'
import type { ModelAnswer, Transition } from './ports.ts'
import { type Report, report, type Sent } from './report.ts'

type Text = Extract<ModelAnswer, { kind: 'text' }>

/** A DynamoDB item holds 400 KB; the end keeps the result beside its errors. */
export const RESULT_BYTES_AT_MOST = 256 * 1024

/** Writes the transition, or, where a cancel was asked for meanwhile, the end as cancelled. */
async function leave(deps: WorkerDeps, sent: Sent, t: Transition, usage: Partial<End> = {}): Promise<Report> {
  const state = t.end?.outcome ?? (t.to?.state as string)
  const done = await deps.jobs.transition(t)
  if (done === 'done') {
    if (t.end) deps.meter.count('JobsEnded', 1, { outcome: t.end.outcome })
    return report(sent, 'gone', state)
  }
  if (done === 'stale') return report(sent, 'lost')
  const end = endOf(deps, t.from, 'cancelled', usage)
  const cancelled = await deps.jobs.transition({ from: t.from, end, evenIfCancelled: true })
  if (cancelled === 'done') deps.meter.count('JobsEnded', 1, { outcome: 'cancelled' })
  return cancelled === 'done' ? report(sent, 'gone', 'cancelled') : report(sent, 'lost')
}

/** Of what an answer is kept with: a whole one under its key, for identical jobs; one of the cache with where it is from. */
export interface Shared {
  readonly cacheKey?: string | undefined
  readonly cached?: Cached
}

export async function settleText(
  deps: WorkerDeps,
  record: Running,
  sent: Sent,
  kind: KindSettings,
  answer: Text,
  { cacheKey, cached }: Shared,
): Promise<Report> {
  const { text, usage, model } = answer
  const attempt = record.attempt + (cached ? 0 : 1)
  const bytes = Buffer.byteLength(text)
  if (bytes > RESULT_BYTES_AT_MOST) {
    const message = `the model wrote ${bytes} bytes; ${RESULT_BYTES_AT_MOST} can be kept: lower maxOutputTokens`
    return fail(deps, { ...record, attempt }, sent, 'result-too-large', message)
  }
  const answers = answer.whole && cacheKey !== undefined && text !== '' ? { cacheKey, at: deps.clock.now() } : undefined
  const { fallback } = sent
  const served = fallback ? { fallback } : {}
  const written = { usage, model, ...served, ...(answers ? { answers } : {}), ...(cached ? { cached } : {}) }
  const team = reviewTeam(kind.review, deps.random.unit())
  if (team)
    return leave(deps, sent, intoReview(deps, { ...record, attempt }, team, text, written), { usage, model, ...served })
  const end = endOf(deps, { ...record, attempt }, 'succeeded', { result: text, ...written })
  return leave(deps, sent, { from: record, end }, { usage, model, ...served })
}

function intoReview(
  deps: WorkerDeps,
  record: Running,
  team: string,
  text: string,
  written: Pick<Draft, 'usage' | 'model' | 'fallback' | 'answers' | 'cached'>,
): Transition {
  const now = deps.clock.now()
  const { jobId } = record.key
  const hash = createHash('sha256').update(text).digest('hex')
  const version = record.generation
  const expiresAt = endOf(deps, record, 'succeeded').expiresAt
  const { submittedAt } = record
  const draft: Draft = { v: 1, jobId, version, text, hash, ...written, submittedAt, createdAt: now, expiresAt }
  const to: LiveRecord = {
    ...carry(record),
    key: { lane: reviewLane(team), at: now, jobId },
    state: 'in-review',
    draftVersion: version,
    draftHash: hash,
  }
  return { from: record, to, draft }
}

export async function settleFailure(
  deps: WorkerDeps,
  record: Running,
  sent: Sent,
  kind: KindSettings,
  failure: Failure,
): Promise<Report> {
  const now = deps.clock.now()
  const { attempt, throttles } = record
  const asked = { probe: sent.probe === true, doubted: sent.doubted === true }
  const tries = { attempt, throttles, attemptsAtMost: kind.attempts, ...asked }
  const verdict = judge(failure, tries, now, deps.random.unit())
  const errors = withError(record.errors, asJobError(failure, now))
  switch (verdict.kind) {
    case 'stop-pool':
      await stopPool(deps, record, sent, verdict.line)
      return later(deps, { ...record, errors }, sent, verdict)
    case 'fail':
      return deadLetter(deps, { ...record, errors, attempt: record.attempt + 1 }, sent, verdict.reason)
    case 'retry': {
      const done = await later(deps, { ...record, errors }, sent, verdict)
      return verdict.quietUntil === undefined ? done : { ...done, refusedUntil: verdict.quietUntil }
    }
  }
}

/** Back into its lane at a later time, by a transaction that rings about it. */
function later(
  deps: WorkerDeps,
  record: Running,
  sent: Sent,
  p: { at: number; throttles?: number; attempt?: number; awaits?: true; whole?: true },
): Promise<Report> {
  const { attempt = record.attempt, throttles = record.throttles, awaits, whole } = p
  const at = Math.max(Math.ceil(p.at), record.key.at + 1)
  const key = { ...record.key, at }
  const tries = { attempt, throttles, ...(awaits ? { awaits } : {}), ...(whole ? { whole } : {}) }
  const to: LiveRecord = { ...carry(record), ...tries, state: 'queued', fence: record.fence + 1, key }
  return leave(deps, sent, { from: record, to, bell: enteredBell(deps.random.id(deps.clock.now()), to) })
}

/** The dispatcher weighs it against what else it hears: a job that alone is refused must not stop the others for long. */
async function stopPool(deps: WorkerDeps, record: Running, sent: Sent, line: string): Promise<void> {
  const { errors } = record
  const pool = sent.fallback?.pool ?? record.pool
  const at = deps.clock.now()
  const again = sent.probe !== true && errors.at(-1)?.class === 'provider-config'
  await deps.capacity.stop({ pool, stop: { at, line } })
  const bell = { v: 1, id: deps.random.id(at), t: 'stopped', slot: sent.slot } as const
  await deps.doorbell.ring(pool, again ? { ...bell, again } : bell)
}

/** Fails without a call: for what no retry can mend. */
export function fail(deps: WorkerDeps, record: Running, sent: Sent, cause: string, message: string): Promise<Report> {
  const errors = withError(record.errors, { at: deps.clock.now(), class: cause, message })
  return deadLetter(deps, { ...record, errors }, sent, cause)
}

/** A job that failed stands in the attention lane with every error it kept, until somebody redrives it. */
function deadLetter(deps: WorkerDeps, record: Running, sent: Sent, reason: string): Promise<Report> {
  const end = endOf(deps, record, 'failed', { reason })
  const key = { lane: attentionLane(record.pool), at: end.endedAt, jobId: record.key.jobId }
  return leave(deps, sent, { from: record, to: { ...carry(record), state: 'failed', key }, end })
}

/**
 * Its input has outlived retention: nothing is left to send. Where its end stands already, the record is a first put that
 * landed after it: nothing would ever take it away, and each claim of it would burn a slot.
 */
export async function expire(deps: WorkerDeps, record: Running, sent: Sent): Promise<Report> {
  const end = endOf(deps, record, 'expired', { reason: 'input-expired' })
  const done = await leave(deps, sent, { from: record, end })
  if (done.settled.what === 'lost') await deps.jobs.discard({ record })
  return done
}

/** It looks again once an identical job's call may be over: a wait that uses up no try. */
export const awaitSame = (deps: WorkerDeps, record: Running, sent: Sent, at: number): Promise<Report> =>
  later(deps, record, sent, { at, awaits: true })

/** What was learned to be enough was not: once more at once, with all that its kind allows. It costs no attempt. */
export function askWhole(deps: WorkerDeps, record: Running, sent: Sent): Promise<Report> {
  deps.meter.count('AnswersCut', 1, { kind: record.kind })
  return later(deps, record, sent, { at: deps.clock.now(), whole: true })
}

/** Back into its lane where it stood: the slot was missed. It costs no attempt. */
export async function giveBack(deps: WorkerDeps, record: Running, sent: Sent): Promise<Report> {
  const done = await deps.jobs.release({ record })
  if (done === 'cancelled') return endCancelled(deps, record, sent)
  if (done === 'stale') return report(sent, 'lost')
  const back = report(sent, 'back')
  return { ...back, settled: { ...back.settled, nextFence: record.fence + 1 } }
}

/** Not here: this pool is told that it is gone, or would send it on and on; its own has it back once the offer is over. */
export async function decline(deps: WorkerDeps, record: Running, sent: Sent): Promise<Report> {
  const done = await giveBack(deps, record, sent)
  return done.settled.what === 'back' ? { ...report(sent, 'gone', 'queued'), stays: true } : done
}

/** Ends it as was asked for, unpaid: no call was made under this claim. */
export const endCancelled = (deps: WorkerDeps, record: Running, sent: Sent): Promise<Report> =>
  leave(deps, sent, { from: record, end: endOf(deps, record, 'cancelled'), evenIfCancelled: true })
