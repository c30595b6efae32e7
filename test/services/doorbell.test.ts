import { describe, expect, it } from 'vitest'
import { LEASE_MS } from '../../core/lease.ts'
import { Doorbell, LEASE_CACHE_MS } from '../../services/doorbell.ts'
import type { CapacityStore } from '../../services/ports.ts'
import { World } from '../support/world.ts'

/** A doorbell, and what it asked and started. */
function doorbell(world: World, lease: CapacityStore['lease'] = (p) => world.api.capacity.lease(p)) {
  const seen = { leases: 0, wakes: 0 }
  const capacity = {
    ...world.api.capacity,
    lease: (p: { pool: string }) => {
      seen.leases++
      return lease(p)
    },
  }
  const waker = { wake: async () => void seen.wakes++ }
  const bell = new Doorbell({ rings: world.api.rings, capacity, waker, clock: world.clock })
  return { seen, rung: () => bell.rung('main') }
}
const take = (world: World) =>
  world.api.capacity.acquire({ pool: 'main', holder: 'me', now: world.now(), leaseMs: LEASE_MS })

describe('the doorbell', () => {
  it('starts a dispatcher where none ever was', async () => {
    const { seen, rung } = doorbell(new World())
    await rung()
    expect(seen).toEqual({ leases: 1, wakes: 1 })
  })

  it('asks for the lease once in two seconds, while somebody holds it', async () => {
    const world = new World()
    await take(world)
    const { seen, rung } = doorbell(world)
    for (let i = 0; i < 5; i++) {
      await rung()
      await world.pass(LEASE_CACHE_MS / 5)
    }
    expect(seen).toEqual({ leases: 1, wakes: 0 })
    await rung()
    expect(seen).toEqual({ leases: 2, wakes: 0 })
  })

  it('trusts no lease beyond its end, however lately it was read', async () => {
    const world = new World()
    await take(world)
    const { seen, rung } = doorbell(world)
    await world.pass(LEASE_MS - 100)
    await rung()
    expect(seen.wakes).toBe(0)
    await world.pass(100)
    await rung()
    expect(seen).toEqual({ leases: 2, wakes: 1 })
  })

  it.each(['ending', 'free'] as const)('starts one where the lease is %s, and asks again each time', async (state) => {
    const { seen, rung } = doorbell(new World(), async () => ({ state, until: Infinity }))
    await rung()
    await rung()
    expect(seen).toEqual({ leases: 2, wakes: 2 })
  })

  it('counts the two seconds from before it asked, however long the answer took', async () => {
    const world = new World()
    await take(world)
    const { seen, rung } = doorbell(world, async (p) => {
      await world.clock.until(world.now() + 1_500)
      return world.api.capacity.lease(p)
    })
    await world.clock.during(rung())
    await world.pass(600)
    await world.clock.during(rung())
    expect(seen.leases).toBe(2)
  })

  it('asks once for all that ring at the same moment', async () => {
    const world = new World()
    await take(world)
    const { seen, rung } = doorbell(world)
    await Promise.all([rung(), rung(), rung()])
    expect(seen).toEqual({ leases: 1, wakes: 0 })
  })

  it('takes nobody at his word that there is no lease, and asks again where an asking failed', async () => {
    const world = new World()
    await take(world)
    let asked = 0
    const { seen, rung } = doorbell(world, async (p) => {
      asked++
      if (asked === 1) throw new Error('no answer')
      if (asked === 2) return { state: 'free', until: 0 }
      return world.api.capacity.lease(p)
    })
    const rings = await Promise.allSettled([rung(), rung(), rung()])
    expect(rings.map((r) => r.status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(seen.wakes).toBe(1)
  })

  it('shares no answer that took longer than it may be trusted', async () => {
    const world = new World()
    await take(world)
    const { seen, rung } = doorbell(world, async (p) => {
      const lease = await world.api.capacity.lease(p)
      await world.clock.until(world.now() + LEASE_CACHE_MS)
      return lease
    })
    await world.clock.during(Promise.all([rung(), rung()]))
    expect(seen.leases).toBe(2)
  })
})
