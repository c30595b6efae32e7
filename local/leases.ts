/**
 * The data folder is ours alone, so whoever holds a dispatcher's lease in it is dead: a start takes the lease away
 * instead of waiting until it runs out. What the dead one sent still has its slots; the next holder waits for those.
 */
import type { CapacityStore } from '../services/ports.ts'

export async function freeLeases(capacity: CapacityStore, pools: readonly string[]): Promise<void> {
  await Promise.all(pools.map((pool) => freeLease(capacity, pool)))
}

async function freeLease(capacity: CapacityStore, pool: string): Promise<void> {
  const lease = await capacity.lease({ pool })
  if (!lease || lease.state === 'free') return
  const over = lease.until + 1
  const taken = await capacity.acquire({ pool, holder: 'start', now: over, leaseMs: 0 })
  if (taken.kind !== 'held') return
  const { record } = taken
  await capacity.write({ pool, record: { ...record, version: record.version + 1, state: 'free' } })
}
