/**
 * Workers that miss many slots are given fewer: each missed one costs a message, perhaps a claim and a release, and the
 * slot. Slots are judged by the second that they stand in, once those that came late have been told of.
 */
import type { Bell } from '../../core/bell.ts'
import type { Holder } from './holder.ts'

/** How workers keep up. Seconds are those of the epoch. */
export interface Load {
  /** Slots of each second that is not judged yet, and how many of them came late. */
  readonly seconds: Map<number, { sent: number; late: number }>
  /** Up to this second all are judged. */
  judged: number
  /** The most slots that stood in a second, lately. */
  most: number
  /** Bad seconds in a row. */
  bad: number
  /** How far workers were behind a slot, lately. */
  behindMs: number
  /** Slots that stood so far apart were last too much. */
  tooFastMs: number
  /** From when on slots tell of the pace that was last lowered: what was sent before is done first. */
  tellsFrom: number
}
export const noLoad = (): Load => ({
  seconds: new Map(),
  judged: 0,
  most: 0,
  bad: 0,
  behindMs: 0,
  tooFastMs: 0,
  tellsFrom: 0,
})

/** Lateness is told at once by a worker that has the message: so long after it is due, and after what it is behind. */
const TOLD_WITHIN_MS = 500
const BEHIND_MS_AT_MOST = 10_000
/** So many late slots, and such a share of a second's, are a bad second: of them two in a row, or one very bad, are load. */
const LATE_AT_LEAST = 5
const LATE_SHARE = 0.25
const VERY_LATE_SHARE = 0.6
/** Below what the workers were seen to take, so that what queues before them drains; a change halves the rate at most. */
const SLOWER = 1.2
/**
 * By so much the rate grows with a second in which nothing came late: fast as far as well below the rate that was last
 * too much, slowly from there on.
 */
const RISE = { fast: 1.5, slow: 1.1 } as const
const WELL_BELOW = 1.5
const SLOWED_MS_AT_MOST = 1_000

const secondOf = (at: number): number => Math.floor(at / 1_000)

function ofSecond({ seconds }: Load, second: number): { sent: number; late: number } {
  const known = seconds.get(second) ?? { sent: 0, late: 0 }
  seconds.set(second, known)
  return known
}

export function countSent({ load }: Holder, slots: readonly number[]): void {
  for (const slot of slots) ofSecond(load, secondOf(slot)).sent++
}

/** To be asked while what was sent is still known. What is told after its second was judged counts for the next. */
export function countLate({ ring, load }: Holder, told: Extract<Bell, { t: 'settled' }>): void {
  const { jobs, slackMs = 0 } = told
  load.behindMs = Math.min(BEHIND_MS_AT_MOST, Math.max(load.behindMs, -slackMs))
  for (const { what, jobId } of jobs) {
    const slot = ring.sent.get(jobId)?.slot ?? 0
    if ((what === 'late' || what === 'back') && slot > load.tellsFrom)
      ofSecond(load, Math.max(secondOf(slot), load.judged + 1)).late++
  }
}

/** A second is bad as soon as enough of it has come late; that it was good shows only when nothing can be told of it any more. */
export function followLoad(h: Holder, now: number): void {
  const { load } = h
  const over = secondOf(now) - 1
  const told = secondOf(now - TOLD_WITHIN_MS - load.behindMs) - 1
  for (const [second, slots] of [...load.seconds].sort(([a], [b]) => a - b)) {
    if (second > over || (second > told && !isBad(slots))) continue
    load.seconds.delete(second)
    load.judged = Math.max(load.judged, second)
    if (second * 1_000 >= load.tellsFrom) judge(h, slots, now)
  }
}

interface Slots {
  readonly sent: number
  readonly late: number
}
const isBad = ({ sent, late }: Slots): boolean => late >= LATE_AT_LEAST && late > LATE_SHARE * sent

/** A burst is long over before its pace is judged: seconds with few slots do not make it forgotten at once. */
const MOST_KEPT = 0.9

function judge(h: Holder, slots: Slots, now: number): void {
  h.load.most = Math.max(slots.sent, MOST_KEPT * h.load.most)
  h.load.bad = isBad(slots) ? h.load.bad + 1 : 0
  if (isBad(slots) && (h.load.bad > 1 || slots.late > VERY_LATE_SHARE * slots.sent)) slowDown(h, slots, now)
  else if (slots.late === 0) rise(h)
}

function slowDown(h: Holder, { sent, late }: Slots, now: number): void {
  const halved = 2 * Math.max(h.slowedMs, 1_000 / h.load.most)
  const met = Math.max(0, sent - late)
  h.slowedMs = Math.min(SLOWED_MS_AT_MOST, Math.max(h.slowedMs, Math.min(halved, (SLOWER * 1_000) / met)))
  h.load.tooFastMs = halved / 2
  h.load.tellsFrom = now + h.load.behindMs
  h.load.behindMs = 0
  h.load.bad = 0
  // What they are behind is done first.
  h.next = Math.max(h.next, h.load.tellsFrom)
}

function rise(h: Holder): void {
  h.load.behindMs /= 2
  const fast = h.slowedMs / RISE.fast > WELL_BELOW * h.load.tooFastMs
  const faster = h.slowedMs / (fast ? RISE.fast : RISE.slow)
  h.slowedMs = faster < 0.1 ? 0 : faster
}
