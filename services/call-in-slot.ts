/** The call of a job that was claimed, in its slot, and what its answer comes to. */
import type { Running } from '../core/job.ts'
import { toldIn } from '../core/limit-headers.ts'
import { classify, type Failure } from '../core/retry.ts'
import type { KindSettings } from '../core/settings.ts'
import type { Asked } from './asked.ts'
import type { WorkerDeps } from './deps.ts'
import type { ModelAnswer } from './ports.ts'
import type { Report, Sent } from './report.ts'
import { askWhole, giveBack, settleFailure, settleText } from './settle.ts'

/** Until when the provider asked one of a message's calls for quiet: the others hear of it here first. */
export interface Hush {
  until: number
}

export interface ToCall {
  readonly record: Running
  readonly sent: Sent
  readonly kind: KindSettings
  readonly asked: Asked
  /** The pool by whose permit it is called; whether what calls use counts there. */
  readonly poolId: string
  readonly tells: boolean
  readonly hush: Hush
  /** Under which its answer is kept for identical jobs. */
  readonly cacheKey: string | undefined
}

export async function callInSlot(deps: WorkerDeps, call: ToCall): Promise<Report> {
  const { record, sent, asked, tells, poolId } = call
  const slot = inSlot(deps, sent, call.hush)
  const most = Math.min(asked.maxOutputTokens, sent.maxOutput ?? Infinity)
  const answer = await deps.model.call({ ...asked, maxOutputTokens: most, nears: slot.nears, begin: slot.begin })
  if (sent.fallback && answer.kind !== 'missed') deps.meter.count('FallbackCalls', 1, { pool: poolId })
  const done = isCutAt(most, answer, asked) ? await askWhole(deps, record, sent) : await settle(deps, call, answer)
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

function settle(deps: WorkerDeps, { record, sent, kind, cacheKey }: ToCall, answer: ModelAnswer): Promise<Report> {
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
