/**
 * Leases: who holds one, and what a new holder writes. Moments in a lease come from other machines' clocks: what lies
 * farther ahead than any sound clock writes is taken for over, or a clock that was an hour ahead would block for an hour.
 */
import { AHEAD_AT_MOST_MS } from './ledger-history.ts'
import type { LeaseState, LedgerRecord } from './ledger-record.ts'

/** Of a pool, by its dispatcher. */
export const LEASE_MS = 30_000
/** Of a job, by its worker: the longest timeout and settle margin that core/settings.ts lets be set. */
const CLAIM_MS_AT_MOST = 600_000 + 120_000
/** The most by which a machine's clock may be known to differ from the database's before it leases anything. */
export const CLOCK_OFF_AT_MOST_MS = 1_500

const within = (until: number, now: number, atMostMs: number): boolean =>
  until > now && until <= now + atMostMs + AHEAD_AT_MOST_MS

/** Whether somebody holds the pool. */
export const isHeld = (lease: { state: LeaseState; until: number }, now: number): boolean =>
  lease.state !== 'free' && within(lease.until, now, LEASE_MS)

/** The last moment at which a claim's lease can still be good, as far as this clock can tell. */
export const claimGoodUntil = (now: number): number => now + CLAIM_MS_AT_MOST + AHEAD_AT_MOST_MS
/** Whether the worker of a claim must be dead. */
export const isRunOut = (leaseUntil: number, now: number): boolean =>
  leaseUntil < now || leaseUntil > claimGoodUntil(now)

const UNBORN: Omit<LedgerRecord, 'holder' | 'state' | 'until' | 'epoch' | 'version'> = {
  v: 1,
  next: 0,
  lastSlot: 0,
  clock: 0,
  tiers: {},
}

/**
 * Undefined while somebody holds the lease. A ledger that begins anew begins at the epoch of its moment: what else stands
 * in the tables may be of a higher one than the first (a backup's, with its ledger deleted), and none ever is of this.
 */
export function nextLease(
  old: LedgerRecord | undefined,
  p: { holder: string; now: number; leaseMs: number },
): LedgerRecord | undefined {
  if (old && isHeld(old, p.now)) return undefined
  const next = old ? { epoch: old.epoch + 1, version: old.version + 1 } : { epoch: Math.floor(p.now), version: 1 }
  return {
    ...(old ?? UNBORN),
    ...next,
    holder: p.holder,
    state: 'held',
    until: p.now + p.leaseMs,
  }
}
