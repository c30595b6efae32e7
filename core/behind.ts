/**
 * Who waits for room while others pass stands below virtual time (core/contest.ts). Whoever takes over takes all for idle,
 * and would lift it to that: so its turns stand beside the clock, written with it.
 */
import * as z from 'zod'
import type { Turns } from './contest.ts'
import { groupId, groupOf, type Lane, type Ring } from './ring.ts'

/** A lane, its turn and its group's. */
export const Behind = z.array(z.tuple([z.string(), z.number(), z.number()]).readonly()).readonly()
export type Behind = z.infer<typeof Behind>

/** Few: at most so many are passed in a tick (core/plan.ts). Tiers' own turns are kept whole. */
export const behindOf = (ring: Ring, { v, groups, lanes }: Turns): Behind =>
  [...lanes].flatMap(([id, { turn, active }]) => {
    const group = groups.get(groupId(ring, ring.lanes.get(id) as Lane))
    const isBehind = active && group && (turn < group.v || (ring.order === 'owners' && group.turn < v))
    return isBehind ? [[id, turn, group.turn] as const] : []
  })

/** Once the notes of all owners are in the ring: theirs may be older than the turn to which it was lifted since. */
export function recallBehind(ring: Ring, behind: Behind): void {
  for (const [id, turn, groupTurn] of behind) {
    const lane = ring.lanes.get(id)
    if (!lane) continue
    Object.assign(lane, { turn, active: true })
    if (ring.order === 'owners') Object.assign(groupOf(ring, lane), { turn: groupTurn, active: true })
  }
}
