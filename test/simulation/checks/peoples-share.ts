/**
 * G6: while agents wait people take no more than their share of a window, where nothing fails. Pictures tell that agents
 * wait: all through the window, some in each of them, as none is painted of the moments between.
 */
import type { Overview } from '../../../core/overview.ts'
import type { PoolSettings } from '../../../core/settings.ts'
import type { MakeCheck } from './check.ts'

/** Pictures are painted once a second; what stands farther apart was painted by holders between whom nobody was. */
const PAINTED_WITHIN_MS = 2_500

/** More than may be sent between two pictures. */
function waitingLeast({ windowMs, requests = Number.POSITIVE_INFINITY, pacing }: PoolSettings): number {
  return pacing === 'burst' ? requests : 2 + (requests * PAINTED_WITHIN_MS) / windowMs
}
const agentsWait = ({ tiers }: Overview, pool: PoolSettings): boolean =>
  Object.values(tiers).some(({ waits }) => waits !== undefined) &&
  Object.values(tiers).reduce((sum, { queued }) => sum + queued, 0) >= waitingLeast(pool)

export const peoplesShare: MakeCheck = (w) => {
  // Owners at their caps wait for nothing that people have.
  if (!w.scenario.faultless || w.scenario.capped) return {}
  /** By pool: since when agents wait, as of the last picture. */
  const waiting = new Map<string, { readonly since: number; readonly at: number }>()
  const calls = new Map<string, readonly number[]>()
  const painted = (pool: string, picture: Overview) => {
    const { since, at } = waiting.get(pool) ?? { since: w.now(), at: w.now() }
    if (!agentsWait(picture, w.scenario.settings.pools[pool] as PoolSettings)) waiting.delete(pool)
    else waiting.set(pool, { since: w.now() - at > PAINTED_WITHIN_MS ? w.now() : since, at: w.now() })
  }
  const haveWaited = (pool: string, ms: number): boolean => {
    const { since, at } = waiting.get(pool) ?? { since: Number.POSITIVE_INFINITY, at: 0 }
    return since < w.now() - ms && at > w.now() - PAINTED_WITHIN_MS
  }
  return {
    commit(commit) {
      for (const { pk, sk, after } of commit) if (sk === 'overview' && after) painted(pk, after as unknown as Overview)
    },
    personCalled({ pool }) {
      const { windowMs, requests = Number.POSITIVE_INFINITY, people } = w.scenario.settings.pools[pool] ?? {}
      if (!people || windowMs === undefined) return
      const inWindow = [...(calls.get(pool) ?? []).filter((at) => at > w.now() - windowMs), w.now()]
      calls.set(pool, inWindow)
      // What was in stock before agents came may be taken of for a tick.
      if (inWindow.length > requests * people.max && haveWaited(pool, windowMs + PAINTED_WITHIN_MS))
        w.fail(
          'peoples-share',
          `people make ${inWindow.length} calls in a window of ${requests} beside agents who wait`,
        )
    },
  }
}
