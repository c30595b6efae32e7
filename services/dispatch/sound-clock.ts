/**
 * Slots are moments, so a holder's clock must be sound. One that is off by the database's own leases nothing; what one
 * that was ahead has stamped into the future is not waited for: a holder whose clock jumps back hands over, and the next
 * one takes such slots for used (core/ledger-history.ts).
 */
import { AHEAD_AT_MOST_MS } from '../../core/ledger-history.ts'
import type { LedgerRecord } from '../../core/ledger-record.ts'
import type { DispatcherDeps } from '../deps.ts'

export const CLOCK_OFF_AT_MOST_MS = 1_500

/** The record was written by a clock that was ahead of this one. */
export const isAhead = ({ lastSlot }: Pick<LedgerRecord, 'lastSlot'>, now: number): boolean =>
  lastSlot > now + AHEAD_AT_MOST_MS
export const soundSlot = (record: Pick<LedgerRecord, 'lastSlot'>, now: number): number =>
  isAhead(record, now) ? now : record.lastSlot

export const isClockOff = (deps: DispatcherDeps): boolean => deps.capacity.clockOffMs() > CLOCK_OFF_AT_MOST_MS
