/**
 * Settings that are changed while a holder runs. A bell tells of the change, in one transaction with it: so whoever has
 * read the bells since then plans by nothing older. The ledger's counts stay, under the new limits: what is above them
 * waits until it is not.
 */
import { limitedAs, shapesOf } from '../../core/ledgers.ts'
import { repaced } from '../../core/pacing.ts'
import type { Ring } from '../../core/ring.ts'
import type { PoolSettings } from '../../core/settings.ts'
import { costing } from '../costs.ts'
import type { DispatcherDeps } from '../deps.ts'
import { readInForce } from '../in-force.ts'
import type { Holder } from './holder.ts'

export async function adoptChanges(deps: DispatcherDeps, h: Holder): Promise<void> {
  if (h.changes.heard <= h.changes.adopted) return
  const { settings, overrides } = await readInForce(deps, h.pool)
  adopt(h, settings, deps.clock.now())
  h.costing = costing(deps.settings, { id: h.pool, pool: settings, learned: h.learned })
  h.changes = { adopted: overrides.version, heard: overrides.version }
}

function adopt(h: Holder, settings: PoolSettings, now: number): void {
  const from = h.ledgers.window.shape.limits
  h.ledgers = limitedAs(h.ledgers, shapesOf(settings))
  h.next = repaced(h.next, { from, to: h.ledgers.window.shape.limits, pacing: settings.pacing }, now)
  h.ring = sharedAs(h.ring, settings)
  h.settings = settings
  // A note of an older order is written over before the record says that the order is another.
  h.due.note = 0
}

function sharedAs(ring: Ring, { order, tiers: tierWeight }: PoolSettings): Ring {
  if (order === ring.order) return { ...ring, tierWeight }
  for (const lane of ring.lanes.values()) {
    // Turns of another order are of another clock: they begin anew, all at zero.
    lane.turn = 0
    lane.active = false
    ring.stale.add(lane.owner)
  }
  const sent = new Map([...ring.sent].map(([id, { weights: _, ...one }]) => [id, one]))
  return { ...ring, order, tierWeight, groups: new Map(), v: 0, sent }
}
