/** What the holder makes of what the provider says: limits that follow it, fewer calls in flight, and the breaker. */
import { answeredOne, overloaded, stillKnown } from '../../core/at-once.ts'
import type { Bell, Head, Settled } from '../../core/bell.ts'
import { acquit, isDoubted, isProviders, isTooMuch, testify } from '../../core/breaker.ts'
import { DIMENSIONS, type Dimension, type Limits } from '../../core/cost.ts'
import { type Allowances, type Around, allowances, hear, type Kept, keptOf } from '../../core/feedback.ts'
import { guardMsOf, limitedTo, limitsOf } from '../../core/ledgers.ts'
import { repaced } from '../../core/pacing.ts'
import { underWay } from '../../core/people-plan.ts'
import { inFlight, type Sent } from '../../core/ring.ts'
import type { WaitReason } from '../../core/wait-reason.ts'
import { type Holder, PROBE_FIRST_MS } from './holder.ts'
import { startSlowly } from './load.ts'
import { grantedWithin } from './people-heard.ts'

/** A call arrives so long after its slot at most. */
const guardOf = ({ settings }: Holder): number => guardMsOf(settings)

const around = (h: Holder, now: number): Around => {
  const { settings } = h
  const { windowMs, feedback, pacing } = settings
  const guardMs = guardOf(h)
  const { strangers } = feedback
  return { configured: limitsOf(settings), windowMs, guardMs, strangers, inOrder: pacing === 'even', now }
}

/** More than may be on their way to be told of. */
const QUEUED_AGAIN_AT_MOST = 1_000

/** A failed job stands in its lane again, and is told of there, before its message's bell tells how it failed. */
export function keepCall({ ring, queuedAgain }: Holder, { jobId, fence }: Head): void {
  const sent = ring.sent.get(jobId)
  if (!sent || sent.elsewhere || sent.head.fence >= fence) return
  queuedAgain.set(jobId, sent)
  for (const oldest of queuedAgain.keys()) if (queuedAgain.size > QUEUED_AGAIN_AT_MOST) queuedAgain.delete(oldest)
}

const sentFor = ({ ring, queuedAgain }: Holder, { jobId, fence }: Settled): Sent | undefined =>
  [ring.sent.get(jobId), queuedAgain.get(jobId)].find((sent) => sent?.head.fence === fence)

/** What was sent of the call that was settled, once: as it was sent last. */
export function takeCall(h: Holder, job: Settled): Sent | undefined {
  const sent = sentFor(h, job)
  if (h.queuedAgain.get(job.jobId) === sent) h.queuedAgain.delete(job.jobId)
  return sent
}

/** As it was called: where it was sent again meanwhile, what its provider had counted by then is no longer known. */
export function inItsSlot({ held, ...sent }: Sent, { slot = sent.slot }: Settled): Sent {
  return { ...sent, slot, ...(held && slot === sent.slot ? { held } : {}) }
}

/** To be asked while what was sent is still known. */
export function hearLimits(h: Holder, bell: Extract<Bell, { t: 'settled' }>, now: number): void {
  if (!h.settings.feedback.limits) return
  const { heard, jobs } = bell
  const job = jobs.find(({ jobId, failed }) => (heard ? jobId === heard.jobId : failed === 'rate-limited'))
  const sent = job && sentFor(h, job)
  if (!sent) return
  const call = inItsSlot(sent, job)
  const { slot, cost } = call
  const refused = job.failed === 'rate-limited'
  // Our own and people's calls fit the limit together: a refusal tells of others, and is judged by what is known of ours.
  const held = refused ? call.held : heldOnArrival(h, call)
  const ours = { ...(held ? { held } : {}), ...(cost ? { cost } : {}) }
  h.feedback = hear(h.feedback, { told: heard?.told ?? {}, slot, refused, ...ours }, around(h, now))
}

/** People who were granted theirs since the plan may have called before it: no ledger counts them at that slot. */
function heldOnArrival(h: Holder, { held, countedAt, slot }: Sent): Limits | undefined {
  if (!held || countedAt === undefined) return held
  const theirs = grantedWithin(h, countedAt, slot + guardOf(h))
  return Object.fromEntries(Object.entries(held).map(([d, n]) => [d, n + theirs[d as Dimension]]))
}

/** The window's limits as they are now, for the plan: never above what is configured, and at least one. */
export function followLimits(h: Holder, now: number): void {
  if (!h.settings.feedback.limits) return
  const p = around(h, now)
  h.allows = since(h, allowances(h.feedback, p), now)
  const limits: Limits = Object.fromEntries(
    DIMENSIONS.flatMap((d) => {
      const allowed = h.allows[d]
      return allowed ? [[d, Math.max(1, Math.floor(allowed.limit))]] : []
    }),
  )
  h.next = repaced(h.next, { from: h.ledgers.window.shape.limits, to: limits }, now)
  h.ledgers = limitedTo(h.ledgers, limits)
}

const since = ({ allows }: Holder, fresh: Allowances, now: number): Holder['allows'] =>
  Object.fromEntries(
    DIMENSIONS.flatMap((d) => {
      const [allowed, before] = [fresh[d], allows[d]]
      return allowed ? [[d, { ...allowed, since: before?.why === allowed.why ? before.since : now }]] : []
    }),
  )

/** What the next holder goes on from: nothing, where nothing was said. */
export function keptFeedback(h: Holder, now: number): { feedback?: Kept } {
  const kept = keptOf(h.feedback, around(h, now))
  return Object.keys(kept).length > 0 ? { feedback: kept } : {}
}

/** What holds the line is the provider's limit as it is at present, not as it is configured. */
export function reasonOf({ allows }: Holder, holds: WaitReason): WaitReason {
  const isLowered = (of: readonly (typeof DIMENSIONS)[number][]) =>
    of.some((d) => allows[d] !== undefined && allows[d].why !== 'configured')
  if (holds === 'CAPACITY_RPM' && isLowered(['requests'])) return 'SLOWDOWN'
  if (holds === 'CAPACITY_TPM' && isLowered(['tokens', 'input', 'output'])) return 'SLOWDOWN'
  return holds
}

/** Calls that may be in flight at present. */
export const atOnce = ({ atOnce: lowered, settings }: Holder): number =>
  Math.min(settings.concurrency ?? Infinity, Math.floor(lowered?.calls ?? Infinity))

/** Agents' and people's. */
const inFlightOfAll = ({ ring, people }: Holder): number => inFlight(ring).length + (people ? underWay(people) : 0)

/** Overload that nobody has met for a while is over, whether anybody called or not. */
export function forgetOverload(h: Holder, now: number): void {
  h.atOnce = stillKnown(h.atOnce, now)
}

/** What a call came to, as far as it tells of the provider. */
export function hearOfCall(
  h: Holder,
  { jobId, fence, failed, state, uncalled }: Settled,
  { slot }: Sent,
  now: number,
): void {
  const { overload, breaker } = h.settings.feedback
  if (failed !== undefined && isProviders(failed)) {
    if (overload && isTooMuch(failed)) h.atOnce = overloaded(h.atOnce, { inFlight: inFlightOfAll(h), slot, now })
    // A later call was answered: it was down before that, if it was.
    if (!breaker || slot <= h.answered.slot) return
    if (testify(h.evidence, { jobId, fence, failed, slot }) && !h.stopped) open(h, failed, now)
    return
  }
  const answered = failed !== undefined || state === 'succeeded' || state === 'in-review'
  // What ended from the cache tells nothing of the provider.
  if (!answered || uncalled) return
  acquit(h.evidence, slot)
  if (h.atOnce) h.atOnce = answeredOne(h.atOnce)
  if (h.stopped?.down && slot > h.stopped.since) isWell(h)
}

const SAYS: Readonly<Record<string, string>> = {
  overloaded: 'it says that it is overloaded',
  server: 'it answers with server errors',
  network: 'it cannot be reached',
  timeout: 'it does not answer in time',
}

/** Which of two calls of slots so close together arrived first is not known: such a one's answer may be of before. */
function open(h: Holder, failed: string, now: number): void {
  const line = `${SAYS[failed]}, call after call`
  const since = Math.max(...h.evidence.values()) + guardOf(h)
  h.stopped = { line, probeAt: Math.max(now + PROBE_FIRST_MS, since), since, probes: 0, down: true, unwritten: true }
}

/** It answers again: the stop's record goes too. */
export function isWell(h: Holder): void {
  goesOn(h)
  h.mended = true
}

/** Where it was down those who wait come little by little, whoever says that it is well. */
export function goesOn(h: Holder): void {
  if (h.stopped?.down) {
    startSlowly(h)
    // More than one probe failed: it was down, and what it could not bear then says nothing of what it bears now.
    if (h.stopped.probes > 1) h.atOnce = undefined
  }
  delete h.stopped
  h.evidence.clear()
}

/** Whether a job's failure would be taken for the provider's. */
export const isDoubtful = (h: Holder, jobId: string): boolean =>
  h.stopped?.down === true || isDoubted(h.evidence, jobId)
