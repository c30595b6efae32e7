/**
 * Owners without work leave the ring, so that idle owners cost neither memory nor a takeover's reads: after a while in a
 * pool that works, all of them when its dispatcher is about to let go, for every later one would read their lanes.
 */
import { TIERS } from '../../core/job.ts'
import { laneOf } from '../../core/lane.ts'
import { backlog, type Lane } from '../../core/ring.ts'
import { tellBroken } from '../broken.ts'
import type { DispatcherDeps } from '../deps.ts'
import { inBatches, LANES_AT_ONCE } from '../in-batches.ts'
import { type Holder, LEAVE_AFTER_IDLE_MS, LEAVE_EVERY_MS } from './holder.ts'
import { forgetUse, isNoted } from './uses.ts'

/**
 * Ten times a second at most: 800 write units of the 1,000 that the ring's one partition takes in a second, and well
 * below the transaction's limit (LEAVE_AT_ONCE).
 */
const LEAVING_AT_ONCE = 40
const LEAVE_PAUSE_MS = 100

/**
 * `unheard`: whether they left is not known, and they still may. Memory can be right about their notes no more, so its
 * holder lets go: what lands later finds another epoch, or nobody yet whose bells it could outlive.
 */
export type Left = 'some' | 'none' | 'lost' | 'unheard'

/** At most one batch, when it is due. What a takeover found idle has been so for a time that nobody knows. */
export async function leaveWhenDue(deps: DispatcherDeps, h: Holder, now: number): Promise<Left> {
  if (h.due.leave === 0) h.due.leave = now + LEAVE_AFTER_IDLE_MS
  if (now < h.due.leave) return 'none'
  const left = await leaveIdle(deps, h, now - LEAVE_AFTER_IDLE_MS)
  h.due.leave = now + (left === 'some' ? LEAVE_PAUSE_MS : LEAVE_EVERY_MS)
  return left
}

/** At most one batch of those who have been idle since before then. */
export async function leaveIdle(deps: DispatcherDeps, h: Holder, idleBefore: number): Promise<Left> {
  const idle = idleOwners(h, idleBefore)
  for (let i = 0; i < idle.length; i += LEAVING_AT_ONCE) {
    const leaving = await withoutWork(deps, h, idle.slice(i, i + LEAVING_AT_ONCE))
    if (leaving.length === 0) continue
    const asked = { pool: h.pool, owners: leaving, epoch: h.record.epoch }
    const left = await deps.rings.leave(asked).catch((error: unknown) => {
      tellBroken(deps, 'TicksFailed', error, { pool: h.pool, step: 'leave' })
      return 'unheard' as const
    })
    if (left !== 'left') return left
    for (const owner of leaving) forget(h, owner)
    return 'some'
  }
  return 'none'
}

function idleOwners(h: Holder, idleBefore: number): string[] {
  const sentLanes = new Set([...h.ring.sent.values()].map((s) => s.lane))
  const idle = (lane: Lane) =>
    backlog(lane) === 0 && !h.ring.busy.has(lane.id) && !sentLanes.has(lane.id) && lane.idleSince < idleBefore
  const owners = new Set<string>()
  const busy = new Set<string>()
  for (const lane of h.ring.lanes.values()) (idle(lane) ? owners : busy).add(lane.owner)
  // What it has used is written first, as it always is after so long.
  return [...owners].filter((owner) => !busy.has(owner) && isNoted(h, owner))
}

/**
 * Memory says that their lanes are empty; the table has the last word, for it may hold what does not parse or was never
 * rung about. Only lanes that this holder has heard of are looked at: into any other nothing came since it took over,
 * when it read all of theirs, but what a bell still tells of.
 */
async function withoutWork(deps: DispatcherDeps, h: Holder, owners: readonly string[]): Promise<string[]> {
  const lanes = owners.flatMap((owner) =>
    TIERS.flatMap((tier) => h.ring.lanes.get(laneOf({ pool: h.pool, tier, owner })) ?? []),
  )
  const working = new Set<string>()
  await inBatches(lanes, LANES_AT_ONCE, async ({ id, owner }) => {
    if ((await deps.jobs.lane({ lane: id, limit: 1 })).last) working.add(owner)
  })
  return owners.filter((owner) => !working.has(owner))
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
  forgetUse(h, owner)
}
