/**
 * No owner has more than its caps, in any window, counted where the provider counts; nor, where nothing fails, more calls in
 * flight. As with a pool's own limits, what is outside the guard is not counted in.
 */
import { capsOf } from '../../../core/caps.ts'
import type { PoolSettings } from '../../../core/settings.ts'
import type { Arrival, MakeCheck } from './check.ts'
import { type Counted, countedAs, learnsInput, type Meter, metersOf } from './counting.ts'
import { Outside } from './outside.ts'

const DAY_MS = 86_400_000

export const ownerCaps: MakeCheck = (w) => {
  if (!w.scenario.capped) return {}
  const outside = new Outside(w)
  const counted = new Map<string, Counted[]>()
  const ends = new Map<string, number[]>()
  const metersFor = (pool: PoolSettings, caps: NonNullable<ReturnType<typeof capsOf>>): Meter[] => {
    const { requests, tokens, day } = caps
    const windowMs = pool.day?.windowMs ?? DAY_MS
    return metersOf({ windowMs: pool.windowMs, requests, tokens, day: { windowMs, ...day } } as PoolSettings)
  }
  const atOnce = (name: string, { at, said }: Arrival, most = Infinity) => {
    const running = [...(ends.get(name) ?? []).filter((end) => end > at), at + said.afterMs]
    ends.set(name, running)
    if (w.scenario.faultless && running.length > most)
      w.fail('owner-caps', `${running.length} calls of ${name} at once, of ${most}`)
  }
  return {
    sent: (message) => outside.sent(message),
    arrival(arrival) {
      const { pool, job, at, request } = arrival
      const caps = job && capsOf(w.scenario.settings, pool, job.owner)
      if (!caps) return
      const name = `${pool} ${job.owner}`
      atOnce(name, arrival, caps.concurrency)
      if (outside.is(arrival)) return
      const calls = [...(counted.get(name) ?? []), { ...countedAs(arrival, learnsInput(w.scenario)), outside: false }]
      counted.set(name, calls)
      for (const { what, limit, windowMs, of } of metersFor(request.pool, caps)) {
        const sum = calls.reduce((total, call) => total + (call.at > at - windowMs ? of(call, at) : 0), 0)
        if (sum > limit) w.fail('owner-caps', `${sum} ${what} of ${name} in a window, of ${limit}`)
      }
    },
  }
}
