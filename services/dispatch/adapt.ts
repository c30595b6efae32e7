/** What the holder learns from workers: how long sending takes, and when they cannot keep up. */
import type { Bell } from '../../core/bell.ts'
import type { Holder } from './holder.ts'

type Told = Extract<Bell, { t: 'settled' }>

export function adapt(h: Holder, told: Told): void {
  if (told.slackMs !== undefined) followTravel(h, told.slackMs)
  countTold(h, told)
}

const TRAVEL_MS = { least: 20, most: 500 } as const
const SPARE_MS = 15

/**
 * What sending takes, followed: at once when a job had less than SPARE_MS to spare, back slowly when there was plenty.
 * Bounds as in docs/architecture.md; the lead is at least four times this.
 */
function followTravel(h: Holder, slackMs: number): void {
  const wanted = slackMs < SPARE_MS ? h.travelMs + (SPARE_MS - slackMs) * 1.5 : h.travelMs - Math.min(5, slackMs / 50)
  h.travelMs = Math.min(TRAVEL_MS.most, Math.max(TRAVEL_MS.least, wanted))
}

/** Seconds are judged so long after their end: by then what came late has been told, if workers are not far behind. */
const TOLD_WITHIN_MS = 500
/** A few late slots are a hiccup; so many, and such a share of a second's, are load. */
const LATE_AT_LEAST = 5
const LATE_SHARE = 0.25
/** Below what the workers were seen to take, so that what queues before them drains; a second halves the rate at most. */
const SLOWER = 1.2
/**
 * By so much the rate grows with a second in which slots were told of, and all of them had been met: fast as far as well
 * below the rate that was last too much, slowly from there on, for what was too much is heard of late.
 */
const RISE = { fast: 1.5, slow: 1.1 } as const
const WELL_BELOW = 1.5
const SLOWED_MS_AT_MOST = 1_000
const BEHIND_MS_AT_MOST = 30_000

const secondOf = (at: number): number => Math.floor(at / 1_000)

function counted(h: Pick<Holder, 'load'>, second: number): { sent: number; late: number } {
  const known = h.load.seconds.get(second) ?? { sent: 0, late: 0 }
  h.load.seconds.set(second, known)
  return known
}

export function countSent(h: Holder, slots: readonly number[]): void {
  for (const slot of slots) counted(h, secondOf(slot)).sent++
}

/**
 * What is told after its second was judged counts for the next. What was sent before the last change, or while workers
 * still did what was before that, tells nothing.
 */
function countTold({ ring, load }: Holder, { jobs, slackMs = 0 }: Told): void {
  load.behindMs = Math.min(BEHIND_MS_AT_MOST, Math.max(load.behindMs, -slackMs))
  for (const { what, jobId } of jobs) {
    const slot = ring.sent.get(jobId)?.slot ?? 0
    if (slot <= load.changedAt) continue
    const isLate = what === 'late' || what === 'back'
    load.told[isLate ? 'late' : 'met']++
    if (isLate) counted({ load }, Math.max(secondOf(slot), load.judged + 1)).late++
  }
}

/**
 * Workers that miss many slots are given fewer: each missed one costs a message, perhaps a claim and a release, and the
 * slot. The slots of a second that they did meet are the rate that they can hold.
 */
export function followLoad(h: Holder, now: number): void {
  const last = secondOf(now - TOLD_WITHIN_MS) - 1
  for (const [second, { sent, late }] of [...h.load.seconds].sort(([a], [b]) => a - b)) {
    if (second > last) break
    h.load.seconds.delete(second)
    if (late >= LATE_AT_LEAST && late > LATE_SHARE * sent) slowDown(h, sent, late, now)
    else if (h.load.told.met > 0 && h.load.told.late === 0) rise(h)
    h.load.told = { met: 0, late: 0 }
  }
  h.load.judged = last
}

function slowDown(h: Holder, sent: number, late: number, now: number): void {
  const halved = 2_000 / Math.max(1, sent)
  const met = Math.max(0, sent - late)
  h.load.tooFastMs = halved / 2
  h.slowedMs = Math.min(SLOWED_MS_AT_MOST, Math.max(h.slowedMs, Math.min(halved, (SLOWER * 1_000) / met)))
  h.load.changedAt = now + h.load.behindMs
  h.load.behindMs = 0
}

function rise(h: Holder): void {
  const fast = h.slowedMs / RISE.fast > WELL_BELOW * h.load.tooFastMs
  const faster = h.slowedMs / (fast ? RISE.fast : RISE.slow)
  h.slowedMs = faster < 0.1 ? 0 : faster
}
