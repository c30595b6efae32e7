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
  private readonly asking = new Map<string, Promise<boolean>>()

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
    if (this.known(pool)) return true
    // Of many that ring at once one asks. Only a yes is shared: it is as old as its asking, like one from the cache.
    const asking = this.asking.get(pool)
    if (asking && (await asking.catch(() => false)) && this.known(pool)) return true
    const answer = this.ask(pool).finally(() => this.asking.delete(pool))
    this.asking.set(pool, answer)
    return answer
  }

  private known(pool: string): boolean {
    const cached = this.seen.get(pool)
    const now = this.p.clock.now()
    return cached !== undefined && now - cached.at < LEASE_CACHE_MS && now < cached.until
  }

  private async ask(pool: string): Promise<boolean> {
    // Counted from before the read: the cache may never outlive what the dispatcher waits for.
    const now = this.p.clock.now()
    const lease = await this.p.capacity.lease({ pool })
    if (lease?.state !== 'held' || !isHeld(lease, now)) {
      this.seen.delete(pool)
      return false
    }
    this.seen.set(pool, { at: now, until: lease.until })
    return true
  }
}
