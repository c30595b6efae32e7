/** Owners without work leave the ring after a while, so that idle owners cost neither memory nor a takeover's reads. */
import { TIERS } from '../../core/job.ts'
import { laneOf } from '../../core/lane.ts'
import { backlog, type Lane } from '../../core/ring.ts'
import type { DispatcherDeps } from '../deps.ts'
import { LEAVE_AT_ONCE } from '../ports.ts'
import { type Holder, LEAVE_AFTER_IDLE_MS, LEAVE_EVERY_MS } from './holder.ts'

export async function leaveIdle(deps: DispatcherDeps, h: Holder, now: number): Promise<'done' | 'lost'> {
  if (now < h.due.leave) return 'done'
  h.due.leave = now + LEAVE_EVERY_MS
  const leaving: string[] = []
  for (const owner of idleOwners(h, now)) {
    if (leaving.length === LEAVE_AT_ONCE) break
    if (await nothingLeft(deps, h, owner)) leaving.push(owner)
  }
  if (leaving.length === 0) return 'done'
  if ((await deps.rings.leave({ pool: h.pool, owners: leaving, epoch: h.record.epoch })) === 'lost') return 'lost'
  for (const owner of leaving) forget(h, owner)
  return 'done'
}

function idleOwners(h: Holder, now: number): Set<string> {
  const sentLanes = new Set([...h.ring.sent.values()].map((s) => s.lane))
  const idle = (lane: Lane) =>
    backlog(lane) === 0 && !sentLanes.has(lane.id) && now - lane.idleSince > LEAVE_AFTER_IDLE_MS
  const owners = new Set<string>()
  const busy = new Set<string>()
  for (const lane of h.ring.lanes.values()) (idle(lane) ? owners : busy).add(lane.owner)
  for (const owner of busy) owners.delete(owner)
  return owners
}

async function nothingLeft(deps: DispatcherDeps, h: Holder, owner: string): Promise<boolean> {
  for (const tier of TIERS) {
    const page = await deps.jobs.lane({ lane: laneOf({ pool: h.pool, tier, owner }), limit: 1 })
    if (page.last) return false
  }
  return true
}

function forget(h: Holder, owner: string): void {
  for (const tier of TIERS) {
    const id = laneOf({ pool: h.pool, tier, owner })
    h.ring.lanes.delete(id)
    h.ring.busy.delete(id)
  }
  if (h.ring.order === 'owners') h.ring.groups.delete(owner)
  h.ring.stale.delete(owner)
  h.ring.unnoted.delete(owner)
}
