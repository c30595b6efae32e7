/**
 * G2, counted where the provider counts: no window holds more calls or tokens than the limits, whichever of them there
 * are. Where clocks and networks are farther off than the guard allows, it may hold as many more calls as there are
 * outside it.
 */

import type { PeopleRecord } from '../../../core/people.ts'
import type { PoolSettings } from '../../../core/settings.ts'
import { GOES_ON, type MakeCheck } from './check.ts'
import { type Counted, callOf, countedAs, learnsInput, type Meter, metersOf } from './counting.ts'
import { InForce } from './in-force.ts'
import { Outside } from './outside.ts'

/** The highest of each limit that may be in force. */
const mostOf = ([first = [], ...others]: readonly Meter[][]): Meter[] =>
  first.map((meter, i) => ({ ...meter, limit: Math.max(meter.limit, ...others.map((o) => o[i]?.limit ?? 0)) }))

export const windows: MakeCheck = (w) => {
  const counted = new Map<string, Counted[]>()
  const inForce = new InForce(w)
  const learns = learnsInput(w.scenario)
  const outsideGuard = new Outside(w)
  /** When each person's permit was granted, as the table tells; by a holder whose clock is off, its moment is another. */
  const granted = new Map<string, { readonly at: number; readonly outside: boolean }>()
  const judge = (calls: readonly Counted[], { what, limit, windowMs, of }: Meter) => {
    const inside = calls.filter((call) => call.at > w.now() - windowMs)
    const outside = inside.filter((call) => call.outside)
    const sum = inside.reduce((total, call) => total + (call.outside ? 0 : of(call, w.now())), 0)
    if (sum > limit)
      w.fail('windows', `${sum} ${what} in a window of ${limit}, besides ${outside.length} calls outside the guard`)
  }
  const count = (pool: string, call: Counted) => {
    const meters = mostOf(inForce.at(pool, w.now()).map(({ limits }) => metersOf(limits)))
    const longest = Math.max(...meters.map((m) => m.windowMs))
    const calls = (counted.get(pool) ?? []).filter(({ at }) => at > call.at - longest)
    counted.set(pool, [...calls, call])
    for (const meter of meters) judge(counted.get(pool) as Counted[], meter)
  }
  return {
    ...GOES_ON,
    sent: (message) => outsideGuard.sent(message),
    commit(commit, actor) {
      inForce.keep(commit)
      for (const { sk, after } of commit)
        if (sk === 'permits')
          for (const [id, { grantedAt }] of Object.entries((after as unknown as PeopleRecord).permits)) {
            if (grantedAt === undefined || granted.has(id)) continue
            const outside = actor?.kind === 'people.write' && outsideGuard.isOff(actor.process)
            granted.set(id, { at: w.now(), outside })
          }
    },
    personCalled(call) {
      const { pool, id, at, asked } = call
      const settings = w.scenario.settings.pools[pool] as PoolSettings
      const { refusalMs, networkMs } = settings.guard
      const by = granted.get(id) as NonNullable<ReturnType<typeof granted.get>>
      // Granted by a clock that is off it may be counted as far off as the guard allows.
      const outside = by.outside || at > by.at + asked.useWithinMs + refusalMs + networkMs
      count(pool, { ...countedAs(callOf(settings, call), learns), outside })
    },
    arrival(arrival) {
      const { pool, at, request, permit } = arrival
      const outside = outsideGuard.is(arrival)
      count(pool, { ...countedAs(arrival, learns), outside })
      if (outside && w.scenario.clocks !== 'beyond')
        w.fail('windows', `${request.jobId} is called ${at - (permit?.slot ?? 0)} ms after its slot, outside the guard`)
    },
  }
}
