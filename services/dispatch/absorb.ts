/** Bells into the ring: each changes memory once, however often it is read. */
import type { Bell, Settled } from '../../core/bell.ts'
import type { Tier } from '../../core/job.ts'
import { heard, laneIn, left, type Sent, sentBack } from '../../core/ring.ts'
import type { Holder } from './holder.ts'

export function absorb(h: Holder, bells: readonly Bell[], now: number): void {
  for (const bell of bells) {
    if (h.absorbed.has(bell.id)) continue
    h.absorbed.add(bell.id)
    hear(h, bell, now)
  }
}

function hear(h: Holder, bell: Bell, now: number): void {
  switch (bell.t) {
    case 'entered':
      return heard(h.ring, laneIn(h.ring, bell), bell.head)
    case 'left':
      return left(h.ring, laneIn(h.ring, bell), bell, now)
    case 'settled':
      for (const job of bell.jobs) settled(h, job)
      if (bell.slackMs !== undefined) followTravel(h, bell.slackMs)
      h.refused += bell.refused ?? 0
      h.quietUntil = Math.max(h.quietUntil, bell.quietUntil ?? 0)
      return
    case 'stopped':
      // The line is read with the stop record at the next look; one tick without it is harmless.
      h.stopped ??= { line: '', probeAt: Infinity, since: now }
      return
    case 'resumed':
      delete h.stopped
      return
  }
}

function settled(h: Holder, job: Settled): void {
  const sent = h.ring.sent.get(job.jobId)
  if (!sent || sent.head.fence !== job.fence) return countGone(h, job)
  const tier = h.ring.lanes.get(sent.lane)?.tier as Tier
  switch (job.what) {
    case 'gone':
      h.ring.sent.delete(job.jobId)
      if (job.uncalled) unprobed(h, sent)
      if (job.state !== 'queued') h.done[tier]++
      if (job.state === 'succeeded' || job.state === 'in-review') answeredAt(h, sent.slot)
      return
    case 'late':
      h.late++
      unprobed(h, sent)
      return sentBack(h.ring, job.jobId, sent.head, true)
    case 'back':
      return sentBack(h.ring, job.jobId, { ...sent.head, fence: job.nextFence ?? sent.head.fence }, true)
    case 'lost':
      // Somebody else has it, or it is no more: the record tells, at the next look.
      sent.lookAt = 0
      unprobed(h, sent)
      return
  }
}

/** A look at the table was quicker than this bell. */
function countGone(h: Holder, job: Settled): void {
  const gone = h.gone.get(job.jobId)
  if (job.what !== 'gone' || gone?.fence !== job.fence) return
  h.gone.delete(job.jobId)
  if (job.state !== 'queued') h.done[gone.tier]++
}

/** A call of this slot was answered: after a stop, the provider is well again. */
function answeredAt(h: Holder, slot: number): void {
  if (!h.stopped || slot < h.stopped.since) return
  delete h.stopped
  h.mended = true
}

/** A stopped pool's probe came to no call, so it told nothing of the provider: another may go at once. */
function unprobed(h: Holder, sent: Sent): void {
  if (h.stopped && h.stopped.probeAt < Infinity && sent.slot >= h.stopped.since) h.stopped.probeAt = 0
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
