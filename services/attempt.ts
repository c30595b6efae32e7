/**
 * One job of a message: claim, look once at the whole job, get the call ready, wait for the slot, call, settle.
 * Before the claim nothing is touched; after it, every path ends in a settle, and what even that cannot write is
 * found again when the lease runs out.
 */

import { capsOf } from '../core/caps.ts'
import { type JobParts, presentKey, type Running } from '../core/job.ts'
import { toldIn } from '../core/limit-headers.ts'
import { missingFields } from '../core/prompt.ts'
import type { Failure } from '../core/retry.ts'
import { classify } from '../core/retry.ts'
import { callIn, type KindSettings, type PoolSettings, SETTLE_MARGIN_MS } from '../core/settings.ts'
import { type Asked, askedOf } from './asked.ts'
import { tellBroken } from './broken.ts'
import { askOf, largerThanCaps, tooLarge, usesUsage } from './costs.ts'
import type { WorkerDeps } from './deps.ts'
import { sameKey } from './edges.ts'
import { inForceSince } from './in-force.ts'
import type { JobMessage, ModelAnswer } from './ports.ts'
import { type Report, report, type Sent } from './report.ts'
import { shareCall } from './same-call.ts'
import { askWhole, decline, endCancelled, expire, fail, giveBack, settleFailure, settleText } from './settle.ts'

/** Until when the provider asked one of a message's calls for quiet: the others hear of it here first. */
export interface Hush {
  until: number
}

export async function attempt(
  deps: WorkerDeps,
  message: JobMessage,
  sent: Sent,
  hush: Hush,
): Promise<Report | undefined> {
  try {
    return await claimAndCall(deps, message, sent, hush)
  } catch (error) {
    // The dispatcher reads the record when its lease is over; saying nothing is right, hiding it would not be.
    tellBroken(deps, 'AttemptsBroken', error, { pool: message.pool, jobId: sent.key.jobId })
    return undefined
  }
}

/** The kind is not known before the claim: the lease covers the longest call there may be, if any kind is left. */
const leaseMs = ({ settings }: WorkerDeps, pool: PoolSettings | undefined): number =>
  Math.max(0, ...Object.values(settings.kinds).map((k) => k.timeoutMs)) + (pool?.settleMarginMs ?? SETTLE_MARGIN_MS)

async function claimAndCall(deps: WorkerDeps, message: JobMessage, sent: Sent, hush: Hush): Promise<Report> {
  const { key, fence } = sent
  const pool = await inForceSince(deps, message.pool, message.settings ?? 0)
  const now = deps.clock.now()
  const nonce = deps.random.id(now)
  const claim = await deps.jobs.claim({ key, fence, nonce, leaseUntil: sent.slot + leaseMs(deps, pool), now })
  if (claim.kind === 'refused') return report(sent, 'lost')
  const { record } = claim
  const loaded = await load(deps, record, now)
  if (loaded.kind === 'unreadable')
    return uncalled(fail(deps, record, sent, 'unreadable', 'a part of it does not parse: mend it in the Jobs table'))
  const { parts } = loaded
  if (parts && (parts.end || !sameKey(presentKey(parts), key))) {
    await deps.jobs.discard({ record })
    return report(sent, 'lost')
  }
  const kind = deps.settings.kinds[record.kind]
  const called = calledIn(deps, pool, message.pool, record, kind)
  if (!parts) return uncalled(expire(deps, record, sent))
  // Its worker died before it could heed that; what it paid for is lost with it.
  if (record.cancelRequested) return uncalled(endCancelled(deps, record, sent))
  // What cannot be called here any more may still be called at home.
  if (sent.fallback && (!called || called.large)) return uncalled(decline(deps, record, sent))
  if (!kind || !called)
    return uncalled(fail(deps, record, sent, 'kind-removed', `no kind ${record.kind} is configured`))
  const refusal = unfit(record, kind, called.large, parts.input.input)
  if (refusal) return uncalled(fail(deps, record, sent, refusal.class, refusal.message))
  const asked = askedOf(record, kind, called, parts.input.input)
  const same = await shareCall(deps, record, sent, kind, asked)
  if (same.kind === 'spared') return uncalled(same.done)
  const slot = inSlot(deps, sent, hush)
  const most = Math.min(asked.maxOutputTokens, sent.maxOutput ?? Infinity)
  const answer = await deps.model.call({ ...asked, maxOutputTokens: most, nears: slot.nears, begin: slot.begin })
  if (sent.fallback && answer.kind !== 'missed') deps.meter.count('FallbackCalls', 1, { pool: message.pool })
  const done = isCutAt(most, answer, asked)
    ? await askWhole(deps, record, sent)
    : await settle(deps, record, sent, kind, answer, same.cacheKey)
  const tells = usesUsage(deps.settings, message.pool, called.pool)
  return withAnswer({ ...done, ...slot.told() }, { ...sent, most, tells }, answer, slot.hushed())
}

/** Whether less than it was allowed kept an answer short: nobody asked for that. */
const isCutAt = (most: number, answer: ModelAnswer, { maxOutputTokens }: Asked): boolean =>
  most < maxOutputTokens && answer.kind === 'text' && !answer.whole && (answer.usage.outputTokens ?? most) >= most

/** A lookup and a TLS handshake, as a cold start has them; whoever takes longer still has what a worker may refuse after. */
const CONNECT_MS = 150

/** The call's slot, and how long before it the call was ready, had it not rested. */
function inSlot({ clock }: WorkerDeps, { slot, notAfter }: Sent, hush: Hush) {
  let hushed = false
  let slackMs: number | undefined
  let restedMs = 0
  return {
    async nears(): Promise<boolean> {
      const ready = clock.now()
      slackMs = slot - ready
      await clock.until(slot - CONNECT_MS)
      restedMs = clock.now() - ready
      return clock.now() <= notAfter
    },
    async begin(): Promise<boolean> {
      slackMs = slot - clock.now() + restedMs
      await clock.until(slot)
      const now = clock.now()
      hushed = slot < hush.until
      // Before its slot only where the clock was set back meanwhile.
      return now >= slot && now <= notAfter && !hushed
    },
    hushed: () => hushed,
    told: () => (slackMs === undefined ? {} : { slackMs }),
  }
}

/** Whatever becomes of the job, the call has cost what it has cost. */
function withAnswer(
  done: Report,
  { slot, most, tells }: Sent & { most: number; tells: boolean },
  answer: ModelAnswer,
  hushed: boolean,
): Report {
  if (answer.kind === 'missed') return hushed ? { ...done, settled: { ...done.settled, hushed } } : done
  const failed = answer.kind === 'text' ? undefined : failureOf(answer).class
  const told = 'headers' in answer ? toldIn(answer.headers) : {}
  return {
    ...done,
    settled: {
      ...done.settled,
      ...(tells && 'usage' in answer ? { usage: answer.usage, most } : {}),
      ...(failed === undefined ? {} : { failed }),
    },
    ...(Object.keys(told).length > 0 ? { heard: { slot, told } } : {}),
  }
}

const uncalled = async (ended: Promise<Report>): Promise<Report> => {
  const done = await ended
  return { ...done, settled: { ...done.settled, uncalled: true } }
}

/** A job whose parts do not parse is tried as often as one may crash without a limit of its own, then set aside. */
async function load(
  deps: WorkerDeps,
  record: Running,
  now: number,
): Promise<{ kind: 'loaded'; parts: JobParts | undefined } | { kind: 'unreadable' }> {
  try {
    return { kind: 'loaded', parts: await deps.jobs.load({ jobId: record.key.jobId, now }) }
  } catch (error) {
    const limit = deps.settings.kinds[record.kind]?.crashes ?? 1
    if ((error as { code?: string }).code !== 'unreadable-record' || record.crashes < limit) throw error
    return { kind: 'unreadable' }
  }
}

/** The pool that permitted it, the kind's model there, and how the job is larger than all that it allows, if it is. */
function calledIn(
  deps: Pick<WorkerDeps, 'settings'>,
  pool: PoolSettings | undefined,
  id: string,
  record: Running,
  kind: KindSettings | undefined,
) {
  // A kind that has moved to another pool is told of as such (unfit).
  const model = id === record.pool ? kind?.model : kind && callIn(kind, id)?.model
  if (!pool || model === undefined) return undefined
  const caps = capsOf(deps.settings, id, record.owner) ?? {}
  const large = tooLarge(pool, model, askOf(record)) ?? largerThanCaps(pool, model, askOf(record), caps)
  return { pool, model, large }
}

function unfit(
  record: Running,
  kind: KindSettings,
  large: string | undefined,
  input: unknown,
): { class: string; message: string } | undefined {
  if (record.crashes >= kind.crashes)
    return {
      class: 'crashed',
      message: `its worker died ${record.crashes} times; look for what kills it before a redrive`,
    }
  if (kind.pool !== record.pool)
    return { class: 'kind-moved', message: `its kind is of pool ${kind.pool} now; submit it again` }
  if (large) return { class: 'larger-than-pool', message: large }
  // The prompt has changed since submit, which would not take such a job any more.
  const [missing] = missingFields(kind, input)
  return missing === undefined
    ? undefined
    : { class: 'missing-field', message: `the prompt of ${record.kind} names input.${missing}, which it lacks` }
}

function settle(
  deps: WorkerDeps,
  record: Running,
  sent: Sent,
  kind: KindSettings,
  answer: ModelAnswer,
  cacheKey: string | undefined,
): Promise<Report> {
  switch (answer.kind) {
    case 'text':
      return settleText(deps, record, sent, kind, answer, { cacheKey })
    case 'missed':
      return giveBack(deps, record, sent)
    default:
      return settleFailure(deps, record, sent, kind, failureOf(answer))
  }
}

function failureOf(answer: Exclude<ModelAnswer, { kind: 'text' | 'missed' }>): Failure {
  switch (answer.kind) {
    case 'refusal':
      return { class: 'refusal', message: 'the model or its filter refused to answer' }
    case 'timeout':
      return { class: 'timeout', message: answer.message }
    case 'unconfigured':
      return { class: 'provider-config', message: answer.message }
    case 'error': {
      const { status, retryAfterMs, message } = answer
      return {
        class: classify(answer),
        message,
        ...(status === undefined ? {} : { status }),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      }
    }
  }
}
