/**
 * Ringing: a durable bell first, then, if nobody is known to hold the pool's lease, the dispatcher is started.
 * The lease is cached for LEASE_CACHE_MS; a dispatcher that ends waits that long before its last look at the bells,
 * so that whoever rang on the strength of the cache is heard (docs/architecture.md, "Ending").
 */
import type { Bell } from '../core/bell.ts'
import { isHeld } from '../core/lease.ts'
import type { CapacityStore, Clock, RingStore, Waker } from './ports.ts'

export const LEASE_CACHE_MS = 2_000

export class Doorbell {
  private readonly seen = new Map<string, { at: number; until: number }>()

  constructor(private readonly p: { rings: RingStore; capacity: CapacityStore; waker: Waker; clock: Clock }) {}

  async ring(pool: string, bell: Bell): Promise<void> {
    await this.p.rings.ring({ pool, bell })
    await this.rung(pool)
  }

  /** To be called after a transaction that held the bell. */
  async rung(pool: string): Promise<void> {
    if (!(await this.someoneListens(pool))) await this.p.waker.wake({ pool })
  }

  private async someoneListens(pool: string): Promise<boolean> {
    const cached = this.seen.get(pool)
    const now = this.p.clock.now()
    if (cached && now - cached.at < LEASE_CACHE_MS && now < cached.until) return true
    const lease = await this.p.capacity.lease({ pool })
    if (lease?.state !== 'held' || !isHeld(lease, now)) {
      this.seen.delete(pool)
      return false
    }
    // Counted from before the read: the cache may never outlive what the dispatcher waits for.
    this.seen.set(pool, { at: now, until: lease.until })
    return true
  }
}
