/**
 * Slots are moments, so a holder's clock must be sound. One that is off by the database's own leases nothing and lets go;
 * one that has jumped back hands over, and the next holder takes what was stamped into the future for used
 * (core/ledger-history.ts).
 */
import { CLOCK_OFF_AT_MOST_MS } from '../../core/lease.ts'
import { bucketOf, type LedgerShape } from '../../core/ledger.ts'
import { AHEAD_AT_MOST_MS, lastSoundBucket } from '../../core/ledger-history.ts'
import type { LedgerRecord } from '../../core/ledger-record.ts'
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

/** The record as far as this clock can believe it: pacing that a clock ahead has left is not waited for. */
export function believed(
  record: LedgerRecord,
  shape: LedgerShape,
  now: number,
): { record: LedgerRecord; ahead: boolean } {
  if (bucketOf(shape, record.lastSlot) <= lastSoundBucket(shape, now)) return { record, ahead: false }
  return { record: { ...record, lastSlot: now, next: Math.min(record.next, now + AHEAD_AT_MOST_MS) }, ahead: true }
}
