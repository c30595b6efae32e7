/** What the holder makes of what the provider says: limits that follow it, fewer calls in flight, and the breaker. */
import { answeredOne, overloaded, stillKnown } from '../../core/at-once.ts'
import type { Bell, Settled } from '../../core/bell.ts'
import { acquit, isDoubted, isProviders, isTooMuch, testify } from '../../core/breaker.ts'
import { DIMENSIONS, type Limits } from '../../core/cost.ts'
import { type Allowances, type Around, allowances, hear, type Kept, keptOf } from '../../core/feedback.ts'
import { limitedTo, limitsOf } from '../../core/ledgers.ts'
import { hastened } from '../../core/pacing.ts'
import type { Sent } from '../../core/ring.ts'
import type { WaitReason } from '../../core/wait-reason.ts'
import { type Holder, PROBE_FIRST_MS } from './holder.ts'
import { startSlowly } from './load.ts'

const around = ({ settings }: Holder, now: number): Around => {
  const { refusalMs, skewMs, networkMs } = settings.guard
  const { windowMs, feedback } = settings
  const guardMs = refusalMs + skewMs + networkMs
  return { configured: limitsOf(settings), windowMs, guardMs, strangers: feedback.strangers, now }
}

/** To be asked while what was sent is still known. */
export function hearLimits(h: Holder, bell: Extract<Bell, { t: 'settled' }>, now: number): void {
  if (!h.settings.feedback.limits) return
  const { heard, jobs } = bell
  const job = jobs.find(({ jobId, failed }) => (heard ? jobId === heard.jobId : failed === 'rate-limited'))
  const sent = job && h.ring.sent.get(job.jobId)
  if (!sent || sent.head.fence !== job.fence) return
  const { slot, held, cost } = sent
  const ours = { ...(held ? { held } : {}), ...(cost ? { cost } : {}) }
  const refused = job.failed === 'rate-limited'
  h.feedback = hear(h.feedback, { told: heard?.told ?? {}, slot, refused, ...ours }, around(h, now))
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
  h.next = hastened(h.next, { from: h.ledgers.window.shape.limits, to: limits, now })
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

export const atOnce = (h: Holder): number => Math.floor(h.atOnce?.calls ?? Infinity)

/** What a call came to, as far as it tells of the provider. */
export function hearOfCall(h: Holder, { jobId, fence, failed, state }: Settled, { slot }: Sent, now: number): void {
  const { overload, breaker } = h.settings.feedback
  h.atOnce = stillKnown(h.atOnce, now)
  if (failed !== undefined && isProviders(failed)) {
    const inFlight = h.ring.sent.size
    if (overload && isTooMuch(failed)) h.atOnce = overloaded(h.atOnce, { inFlight, slot, now })
    // A later call was answered: it was down before that, if it was.
    if (!breaker || slot <= h.answered.slot) return
    if (testify(h.evidence, { jobId, fence, failed, slot }) && !h.stopped) open(h, failed, slot, now)
    return
  }
  const answered = failed !== undefined || state === 'succeeded' || state === 'in-review'
  if (!answered) return
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

function open(h: Holder, failed: string, slot: number, now: number): void {
  const line = `${SAYS[failed]}, call after call`
  h.stopped = { line, probeAt: now + PROBE_FIRST_MS, since: slot, probes: 0, down: true, unwritten: true }
}

/** It answers again: the record goes, and those who wait come little by little. */
export function isWell(h: Holder): void {
  if (h.stopped?.down) startSlowly(h)
  delete h.stopped
  h.evidence.clear()
  h.mended = true
}

/** Whether a job's failure would be taken for the provider's. */
export const isDoubtful = (h: Holder, jobId: string): boolean =>
  h.stopped?.down === true || isDoubted(h.evidence, jobId)
