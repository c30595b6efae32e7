/**
 * Leasing slows down when workers come late: what they miss burns slots and costs claims, so a place that can do less than
 * is sent would in the end do nothing. Half as many at a time when most of a message came late, then slowly more while
 * messages come in time: additive increase, multiplicative decrease (Chiu and Jain, 1989).
 */
import type { Settled } from '../../core/bell.ts'
import { PERMITS_PER_TICK, SLOWED_TICK_MS } from '../../core/plan.ts'
import type { Holder } from './holder.ts'

/** What a change does is felt after this long: a quicker second one would answer the same lateness again. */
const CHANGE_EVERY_MS = 1_000

export function heedLateness(h: Holder, jobs: readonly Settled[], now: number): void {
  if (now < (h.slowed?.changedAt ?? 0) + CHANGE_EVERY_MS) return
  const missed = jobs.filter((job) => job.what === 'late' || job.what === 'back').length
  if (missed > jobs.length / 2) lower(h, now)
  else if (h.slowed && missed === 0) raise(h, h.slowed, now)
}

function lower(h: Holder, now: number): void {
  const permits = Math.max(1, Math.floor((h.slowed?.permits ?? PERMITS_PER_TICK) / 2))
  h.slowed = { permits, next: h.slowed?.next ?? now, changedAt: now }
}

function raise(h: Holder, slowed: NonNullable<Holder['slowed']>, now: number): void {
  slowed.permits += Math.ceil(slowed.permits / 8)
  slowed.changedAt = now
  if (slowed.permits >= PERMITS_PER_TICK) delete h.slowed
}

export function sentSlowly(h: Holder, now: number): void {
  if (h.slowed) h.slowed.next = now + SLOWED_TICK_MS
}
