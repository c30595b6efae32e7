/** What the holder learns from workers: how long sending takes, and when they cannot keep up. */
import type { Bell, Settled } from '../../core/bell.ts'
import type { Holder } from './holder.ts'

type Told = Extract<Bell, { t: 'settled' }>

export function adapt(h: Holder, told: Told, now: number): void {
  if (told.slackMs !== undefined) followTravel(h, told.slackMs)
  followLoad(h, told, now)
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

/** One late slot is a hiccup; this share of them, over the last few messages, is load. */
const LATE_SHARE = 0.15
const MEMORY = 0.9
/** Below what the workers were seen to take, so that what queues before them drains. */
const SLOWER = 1.25
/** By so much the rate grows in a second in which nothing is late. */
const RISE = 1.5
const SLOWED_MS_AT_MOST = 1_000

/**
 * Workers that miss many slots are given fewer: each missed one costs a message, perhaps a claim and a release, and the
 * slot. The rate at which they do jobs in time is the rate that they can hold. What was sent before the last change says
 * nothing about it.
 */
function followLoad(h: Holder, { jobs }: Told, now: number): void {
  const isLate = (job: Settled) => job.what === 'late' || job.what === 'back'
  countDone(h, jobs.filter((job) => !isLate(job)).length, now)
  const sent = jobs.filter((job) => (h.ring.sent.get(job.jobId)?.slot ?? 0) > h.load.changedAt)
  if (sent.length === 0) return
  const late = sent.filter(isLate).length
  h.load.lateShare = MEMORY * h.load.lateShare + (1 - MEMORY) * (late / sent.length)
  if (h.load.lateShare > LATE_SHARE) slowDown(h, now)
  else if (late === 0) rise(h, now)
}

function slowDown(h: Holder, now: number): void {
  const done = h.load.done.reduce((n, t) => n + t.count, 0)
  const wanted = done > 0 ? (SLOWER * 1_000) / done : Math.max(1, 2 * h.slowedMs)
  h.slowedMs = Math.min(SLOWED_MS_AT_MOST, wanted)
  h.load.changedAt = now
  h.load.lateShare = 0
}

function rise(h: Holder, now: number): void {
  const before = h.load.done.at(-2)?.at ?? now - 1_000
  const faster = h.slowedMs / RISE ** ((now - before) / 1_000)
  h.slowedMs = faster < 0.1 ? 0 : faster
}

function countDone({ load }: Holder, count: number, now: number): void {
  load.done = load.done.filter((t) => t.at > now - 1_000)
  load.done.push({ at: now, count })
}
