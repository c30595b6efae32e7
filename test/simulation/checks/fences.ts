/** G7: every claim raises the fence by one, and only who claimed a record last changes it: a stale worker changes nothing. */
import type { Item } from '../../../adapters/records.ts'
import type { Actor, MakeCheck } from './check.ts'

const fenceOf = (item: Item): number => item['fence'] as number

export const fences: MakeCheck = (w) => {
  /** Who claimed what stands in a place. */
  const claimant = new Map<string, Actor>()
  const stale = (place: string, from: Item, actor: Actor | undefined): boolean =>
    from['state'] === 'running' && claimant.get(place)?.process !== actor?.process
  const claimed = (place: string, before: Item, after: Item, actor: Actor) => {
    if (fenceOf(after) !== fenceOf(before) + 1) w.fail('fences', `a claim of ${place} raised its fence otherwise`)
    const leaseUntil = before['leaseUntil'] as number
    if (before['state'] === 'running' && leaseUntil >= (actor.args as { now: number }).now)
      w.fail('fences', `${place} was claimed before its lease was out`)
    const crashed = before['state'] === 'running' ? 1 : 0
    if (after['crashes'] !== (before['crashes'] as number) + crashed)
      w.fail('fences', `a lease of ${place} ran out and is not counted`)
    claimant.set(place, actor)
  }
  return {
    restored: () => claimant.clear(),
    move(move, _, actor) {
      const [gone] = move.gone
      for (const { place, item, before } of move.put) {
        if (!before) continue
        if (actor?.kind === 'jobs.claim') claimed(place, before, item, actor)
        else if (actor?.kind === 'jobs.requestCancel') continue
        else if (stale(place, before, actor)) w.fail('fences', `a stale worker changed ${place}`)
        else if (fenceOf(item) !== fenceOf(before) + 1) w.fail('fences', `${place} was released at its old fence`)
      }
      if (!gone) return
      if (stale(gone.place, gone.item, actor)) w.fail('fences', `a stale worker took ${gone.place} away`)
      const came = move.put.find((p) => !p.before)?.item
      const raised = came?.['state'] === 'queued' ? 1 : 0
      if (came && fenceOf(came) !== fenceOf(gone.item) + raised)
        w.fail('fences', `${move.jobId} moved from fence ${gone.item['fence']} to ${came['fence']}`)
      if (move.end && move.end['fence'] !== gone.item['fence'])
        w.fail('fences', `${move.jobId} ended under a fence that is not its own`)
    },
  }
}
