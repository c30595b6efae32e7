/** What a new holder writes, given what stands: undefined while somebody holds the lease. */
import type { LedgerRecord } from './ledger-record.ts'

const UNBORN: Omit<LedgerRecord, 'holder' | 'state' | 'until' | 'epoch' | 'version'> = {
  v: 1,
  next: 0,
  lastSlot: 0,
  clock: 0,
  tiers: {},
}

export function nextLease(
  old: LedgerRecord | undefined,
  p: { holder: string; now: number; leaseMs: number },
): LedgerRecord | undefined {
  if (old && old.state !== 'free' && old.until > p.now) return undefined
  const { epoch, version } = old ?? { epoch: 0, version: 0 }
  return {
    ...(old ?? UNBORN),
    epoch: epoch + 1,
    version: version + 1,
    holder: p.holder,
    state: 'held',
    until: p.now + p.leaseMs,
  }
}
