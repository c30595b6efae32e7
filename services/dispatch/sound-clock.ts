/**
 * Slots are moments, so a holder's clock must be sound. One that is off by the database's own leases nothing and lets go;
 * one that has jumped back hands over, and the next holder takes what was stamped into the future for used
 * (core/ledger-history.ts).
 */
import { CLOCK_OFF_AT_MOST_MS } from '../../core/lease.ts'
import { bucketOf, type LedgerShape, spanMs } from '../../core/ledger.ts'
import { AHEAD_AT_MOST_MS, lastSoundBucket } from '../../core/ledger-history.ts'
import type { LedgerRecord } from '../../core/ledger-record.ts'
import { intervalMs } from '../../core/pacing.ts'
import type { DispatcherDeps } from '../deps.ts'
import type { Holder } from './holder.ts'

/** A clock that is slewed moves by less. */
const BACK_AT_MOST_MS = 1_000

export function clockOf(deps: DispatcherDeps, h: Holder, now: number): 'sound' | 'clock-off' | 'clock-back' {
  if (deps.capacity.clockOffMs() > CLOCK_OFF_AT_MOST_MS) return 'clock-off'
  const back = now < h.latest - BACK_AT_MOST_MS
  h.latest = Math.max(h.latest, now)
  return back ? 'clock-back' : 'sound'
}

/**
 * The time that a tick goes by. Should its clock have leapt since it was looked at, and leap back before the next look:
 * what is set by this time stands in the future, and the next look finds that the clock went back.
 */
export function timeSeen(deps: DispatcherDeps, h: Holder): number {
  const now = deps.clock.now()
  h.latest = Math.max(h.latest, now)
  return now
}

/**
 * The record as far as this clock can believe it: what a clock ahead has left is not waited for. Pacing goes on an interval
 * after the last slot; it may stand farther off without any slot, where workers were given time to catch up.
 */
export function believed(
  record: LedgerRecord,
  p: { shape: LedgerShape; pacing: 'even' | 'burst' },
  now: number,
): { record: LedgerRecord; ahead: boolean } {
  const ahead = bucketOf(p.shape, record.lastSlot) > lastSoundBucket(p.shape, now)
  const lastSlot = ahead ? now : record.lastSlot
  const latest = ahead
    ? now + AHEAD_AT_MOST_MS
    : Math.max(lastSlot, now + AHEAD_AT_MOST_MS) + intervalMs(p.shape, p.pacing)
  const { nextOf = {} } = record
  // One call may take up a whole window's tokens.
  const ofOthers = Object.entries(nextOf).map(([d, next]) => [d, Math.min(next, latest + spanMs(p.shape))])
  const next = { next: Math.min(record.next, latest), nextOf: Object.fromEntries(ofOthers) }
  return { record: { ...record, lastSlot, ...next }, ahead }
}
