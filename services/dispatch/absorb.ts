/** Bells into the ring: each changes memory once, however often it is read. */

import { settled as settledCost } from '../../core/accounting.ts'
import { type Bell, type Head, isSaved, type Settled } from '../../core/bell.ts'
import { type Cost, minus, negative } from '../../core/cost.ts'
import type { Tier, Usage } from '../../core/job.ts'
import { amendAll } from '../../core/ledgers.ts'
import { amendNext, intervalMs } from '../../core/pacing.ts'
import { BACKOFF_CAP_MS } from '../../core/retry.ts'
import { heard, laneIn, left, type Sent } from '../../core/ring.ts'
import { correct, sentBack } from '../../core/turns.ts'
import { adapt } from './adapt.ts'
import { goesOn, hearLimits, hearOfCall, inItsSlot, isWell, keepCall, takeCall } from './feedback.ts'
import type { Holder } from './holder.ts'
import { hearSizes } from './learned.ts'
import { amendUse } from './uses.ts'

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
      waits(h, bell.head)
      keepCall(h, bell.head)
      return heard(h.ring, laneIn(h.ring, bell), bell.head)
    case 'came':
      for (const job of bell.jobs) heard(h.ring, laneIn(h.ring, job), job.head)
      return
    case 'left':
      return leftUnsent(h, bell, now)
    case 'guests':
      for (const job of bell.jobs) if ((job.head.guest?.until ?? 0) > now) heard(h.ring, laneIn(h.ring, job), job.head)
      return
    case 'settled':
      if (bell.by !== undefined) return servedElsewhere(h, bell)
      // First, while what was sent is still known.
      adapt(h, bell)
      hearLimits(h, bell, now)
      for (const job of bell.jobs) settled(h, job, now)
      h.refused += bell.refused ?? 0
      // Of another machine's clock: no provider is given quiet for longer.
      h.quietUntil = Math.max(h.quietUntil, Math.min(bell.quietUntil ?? 0, now + BACKOFF_CAP_MS))
      return
    case 'stopped':
      return stopped(h, bell, now)
    case 'resumed':
      return resumed(h)
    case 'changed':
      h.changes = { ...h.changes, heard: Math.max(h.changes.heard, bell.version) }
      return
  }
}

/**
 * Cancelled in its lane. Where it was sent from there its worker finds nothing to claim: nobody can call in its slot.
 * Sent from elsewhere, it may have been called before it moved.
 */
function leftUnsent(h: Holder, bell: Extract<Bell, { t: 'left' }>, now: number): void {
  const sent = h.ring.sent.get(bell.jobId)
  if (sent?.head.at === bell.at) uncalled(h, sent)
  else if (sent) unprobed(h, sent)
  left(h.ring, laneIn(h.ring, bell), bell, now)
}

/** So long after an answer, a job that is refused once more is taken to be the one at fault. */
const WELL_MS = 60_000

/** A stop, unless the pool is known to be well: a later call was answered, or others are and this job was refused before. */
function stopped(h: Holder, { slot, again }: Extract<Bell, { t: 'stopped' }>, now: number): void {
  const well = (slot !== undefined && h.answered.slot > slot) || (again === true && now - h.answered.at < WELL_MS)
  if (well && !h.stopped) h.mended = true
  // The line is read with the stop record at the next look; one tick without it is harmless.
  else if (!h.stopped || h.stopped.down) h.stopped = { line: '', probeAt: Infinity, since: slot ?? now, probes: 0 }
}

/** It may have been stopped again since, by a worker whose own bell has not come: the record tells, at the next look. */
function resumed(h: Holder): void {
  if (h.stopped?.unwritten) goesOn(h)
  else if (h.stopped) h.stopped = { ...h.stopped, line: '' }
}

function settled(h: Holder, job: Settled, now: number): void {
  const call = takeCall(h, job)
  if (call) hearOfCall(h, job, inItsSlot(call, job), now)
  const sent = h.ring.sent.get(job.jobId)
  if (!sent || sent.head.fence !== job.fence) {
    // It stands in its lane again by an earlier sending's call: the later one finds nothing to claim.
    if (call && isEarlier(call, job)) unprobed(h, call)
    return countGone(h, job)
  }
  if (job.usage) used(h, inItsSlot(sent, job), job.usage)
  hearSizes(h, sent, job)
  switch (job.what) {
    case 'gone':
      return gone(h, sent, job, now)
    case 'late':
      h.late++
      if (isEarlier(sent, job)) return
      unprobed(h, sent)
      return sentBack(h.ring, job.jobId, sent.head, true)
    case 'back':
      uncalled(h, sent)
      return sentBack(h.ring, job.jobId, { ...sent.head, fence: job.nextFence ?? sent.head.fence }, true)
    case 'lost':
      // Somebody else has it, or it is no more: the record tells, at the next look.
      sent.lookAt = 0
      unprobed(h, sent)
      return
  }
}

/** It left its lane: ended, in review, or queued elsewhere. */
function gone(h: Holder, sent: Sent, job: Settled, now: number): void {
  h.ring.sent.delete(job.jobId)
  if (isEarlier(sent, job)) unprobed(h, sent)
  if (job.uncalled) uncalled(h, sent)
  // A guest is counted where it is at home.
  if (job.state !== 'queued' && !sent.head.guest) h.done[tierOf(h, sent)]++
  if (isSaved(job)) saved(h, sent)
  else if (job.uncalled && sent.head.guest) spared(h, sent)
  else if (job.state === 'succeeded' || job.state === 'in-review') answered(h, inItsSlot(sent, job).slot, now)
}

const tierOf = (h: Holder, { lane }: Sent): Tier => h.ring.lanes.get(lane)?.tier as Tier

/** It tells of an earlier sending: the later one may still be called where nothing else has come of the job. */
const isEarlier = (sent: Sent, job: Settled): boolean => inItsSlot(sent, job).slot !== sent.slot

/** A claim of what was sent raised its fence, and so did the move after it. That is heard before its worker's report. */
function waits(h: Holder, head: Head): void {
  const sent = h.ring.sent.get(head.jobId)
  if (!head.awaits || sent?.head.fence !== head.fence - 2) return
  uncalled(h, sent)
  spared(h, sent)
}

function saved(h: Holder, sent: Sent): void {
  h.saved++
  spared(h, sent)
}

/** It had another job's answer, or waits for it: its owner is charged nothing for a call that was not made. */
function spared(h: Holder, sent: Sent): void {
  if (sent.cost) correct(h.ring, sent, negative(sent.cost))
}

/** By another pool's permit: nothing is learned of this one's provider. */
function servedElsewhere(h: Holder, { jobs }: Extract<Bell, { t: 'settled' }>): void {
  for (const job of jobs) {
    const sent = h.ring.sent.get(job.jobId)
    if (job.state !== 'queued') h.elsewhere++
    if (!sent || sent.head.fence > job.fence) {
      countGone(h, job)
      continue
    }
    h.ring.sent.delete(job.jobId)
    if (job.state !== 'queued') h.done[tierOf(h, sent)]++
    unprobed(h, sent)
  }
}

/** A look at the table was quicker than this bell. */
function countGone(h: Holder, job: Settled): void {
  const gone = h.gone.get(job.jobId)
  if (job.what !== 'gone' || gone?.fence !== job.fence) return
  h.gone.delete(job.jobId)
  if (job.state !== 'queued') h.done[gone.tier]++
}

/** A call of this slot was answered: whatever stopped the pool at an earlier one, the provider is well. */
function answered(h: Holder, slot: number, now: number): void {
  h.answered = { slot: Math.max(h.answered.slot, slot), at: now }
  if (!h.stopped || slot <= h.stopped.since) return
  isWell(h)
}

function uncalled(h: Holder, sent: Sent): void {
  unprobed(h, sent)
  giveBack(h, sent)
}

/**
 * Capacity that was not used: its worker had the fence and let go of it without a call, so nobody can call in that slot
 * any more. A message refused as late proves less: a copy of it may be with a worker whose clock is behind.
 */
function giveBack(h: Holder, sent: Sent): void {
  if (!sent.cost) return
  const by = negative(sent.cost)
  amend(h, sent, by)
  // Where workers set the pace of calls, and not the provider, they had the time of this slot.
  const keepUp = h.slowedMs <= intervalMs(h.ledgers.window.shape, h.settings.pacing)
  amendPace(h, keepUp ? by : { ...by, requests: 0 })
}

/** What was reserved becomes what was used: for the pool, and in its owner's turn. */
function used(h: Holder, sent: Sent, usage: Usage): void {
  if (!sent.cost) return
  const by = minus(settledCost(h.costing.rulesOf(sent.head), usage, sent.cost), sent.cost)
  amend(h, sent, by)
  amendPace(h, by)
  correct(h.ring, sent, by)
}

const amendPace = (h: Holder, by: Cost): void => {
  h.next = amendNext(h.next, by, { shape: h.ledgers.window.shape, pacing: h.settings.pacing })
}

function amend(h: Holder, { slot, lane }: Sent, by: Cost): void {
  h.ledgers = amendAll(h.ledgers, slot, by)
  const owner = h.ring.lanes.get(lane)?.owner
  if (owner !== undefined) amendUse(h, { owner, slot, by })
}

/** A stopped pool's probe came to no call, or to none that is known, so it told nothing: another may go at once. */
export function unprobed(h: Holder, sent: Sent): void {
  if (h.stopped && h.stopped.probeAt < Infinity && sent.slot >= h.stopped.since) h.stopped.probeAt = 0
}
