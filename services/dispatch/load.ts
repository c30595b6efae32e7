/**
 * Workers that miss many slots are given fewer: each missed one costs a message, perhaps a claim and a release, and the
 * slot. Slots are judged by the second that they stand in, once those that came late have been told of.
 */
import type { Bell } from '../../core/bell.ts'
import { intervalMs } from '../../core/pacing.ts'
import { type Holder, INITIAL_SLOWED_MS } from './holder.ts'

/** How workers keep up. Seconds are those of the epoch. */
export interface Load {
  /** Slots of each second that is not judged yet, and how many of them came late. */
  readonly seconds: Map<number, { sent: number; late: number }>
  /** Up to this second all are judged. */
  judged: number
  /** Bad seconds in a row. */
  bad: number
  /** How far workers were behind a slot, lately. */
  behindMs: number
  /** Slots that stood so far apart were last too much; 0 where none ever was. */
  tooFastMs: number
  /** Good seconds since then, and after how many of them it is tried again. */
  goodS: number
  plateauS: number
  /** From when on slots tell of the pace that was last lowered: what was sent before is done first. */
  tellsFrom: number
}
export const noLoad = (): Load => ({
  seconds: new Map(),
  judged: 0,
  bad: 0,
  behindMs: 0,
  tooFastMs: 0,
  goodS: 0,
  plateauS: 0,
  tellsFrom: 0,
})

/** Lateness is told at once by a worker that has the message: so long after it is due, and after what it is behind. */
const TOLD_WITHIN_MS = 500
const BEHIND_MS_AT_MOST = 10_000
/** So many late slots, and such a share of a second's, are a bad second: of them two in a row, or one very bad, are load. */
const LATE_AT_LEAST = 5
const LATE_SHARE = 0.15
const VERY_LATE_SHARE = 0.6
/** Below what the workers were seen to take, so that what queues before them drains; a change halves the rate at most. */
const SLOWER = 1.2
/**
 * With seconds in which nothing came late the rate grows as CUBIC's window does (RFC 9438, section 4.2, with seconds in
 * place of round trips): fast at first, hardly where it was last too much, and ever faster once that is passed. From half
 * of a rate it takes six seconds to come back to it.
 */
const CUBIC = 0.5 / 6 ** 3
const RISE_AT_MOST = 1.5
const SLOWED_MS = { least: 0.1, most: 1_000 } as const

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
  for (const { what, jobId, hushed } of jobs) {
    const slot = ring.sent.get(jobId)?.slot ?? 0
    if ((what === 'late' || (what === 'back' && !hushed)) && slot > load.tellsFrom)
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

function judge(h: Holder, slots: Slots, now: number): void {
  h.load.bad = isBad(slots) ? h.load.bad + 1 : 0
  if (isBad(slots) && (h.load.bad > 1 || slots.late > VERY_LATE_SHARE * slots.sent)) slowDown(h, slots, now)
  else if (slots.late === 0 && tellsOfPace(h, slots)) rise(h)
}

/**
 * That a few slots were met says nothing of a pace at which there would be many (RFC 7661 says it of TCP's window); only
 * that what is known of overload grows old, back to where a holder begins that knows nothing.
 */
const USED_SHARE = 1 / 3
const tellsOfPace = (h: Holder, { sent }: Slots): boolean =>
  sent * paceMs(h) >= USED_SHARE * 1_000 || h.slowedMs > INITIAL_SLOWED_MS

/** How far apart slots may stand at present. */
const paceMs = (h: Holder): number => Math.max(h.slowedMs, intervalMs(h.ledgers.window.shape, h.settings.pacing))

function slowDown(h: Holder, { sent, late }: Slots, now: number): void {
  const pace = paceMs(h)
  const met = Math.max(0, sent - late)
  slowTo(h, Math.min(2 * pace, (SLOWER * 1_000) / met))
  h.load.tellsFrom = now + h.load.behindMs
  h.load.behindMs = 0
  h.load.bad = 0
  // What they are behind is done first.
  h.next = { ...h.next, requests: Math.max(h.next.requests ?? 0, h.load.tellsFrom) }
}

/** From now on slots stand so far apart, and come back to today's pace as CUBIC's window does. */
function slowTo(h: Holder, ms: number): void {
  const { load } = h
  load.tooFastMs = paceMs(h)
  h.slowedMs = Math.min(SLOWED_MS.most, Math.max(load.tooFastMs, ms))
  load.goodS = 0
  load.plateauS = Math.cbrt((1 - load.tooFastMs / h.slowedMs) / CUBIC)
}

/** A provider that was down is met by an eighth of its limit first: seven seconds later by all of it. */
const SLOW_START = 8
export const startSlowly = (h: Holder): void => slowTo(h, SLOW_START * intervalMs(h.ledgers.window.shape, 'even'))

function rise(h: Holder): void {
  const { load } = h
  load.behindMs /= 2
  load.goodS++
  const ofTooFast = 1 + CUBIC * (load.goodS - load.plateauS) ** 3
  const wanted = load.tooFastMs / ofTooFast
  h.slowedMs = Math.min(h.slowedMs, Math.max(wanted, h.slowedMs / RISE_AT_MOST, SLOWED_MS.least))
}
