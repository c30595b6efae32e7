/**
 * What is passed through leaves while its permit may be used, and is settled for what it has cost: after its end, never for
 * less than was told, for all that was reserved where nothing was told; and what was called is not given back.
 */
import type { PeopleRecord } from '../../../core/people.ts'
import type { MakeCheck, PersonsCall } from './check.ts'

export const passed: MakeCheck = (w) => {
  const calls = new Map<string, PersonsCall>()
  const usable = new Map<string, number>()
  const settled = new Set<string>()
  const fail = (message: string) => w.fail('passed', message)
  const judge = (id: string, { closed, cost }: PeopleRecord['permits'][string]) => {
    const call = calls.get(id)
    if (!call || !closed || settled.has(id)) return
    settled.add(id)
    const { passed, used } = call
    if (closed.cost.requests === 0) return fail(`${id} was called and is given back`)
    const whole = closed.cost.tokens === cost.tokens && closed.cost.output === cost.output
    if (!passed?.told && !whole) fail(`${id} is settled for less than was reserved, and nothing is known of its usage`)
    if (!whole && w.now() < call.at + call.afterMs) fail(`${id} is settled by its usage before its end`)
    if (cost.output > 0 && closed.cost.output < used.outputTokens) fail(`${id} is settled for less than it wrote`)
  }
  return {
    commit(commit) {
      for (const { sk, after } of commit)
        if (sk === 'permits' && after)
          for (const [id, permit] of Object.entries((after as unknown as PeopleRecord).permits)) {
            if (permit.grantedAt !== undefined) usable.set(id, permit.grantedAt + permit.useMs)
            judge(id, permit)
          }
    },
    personCalled(call) {
      if (!call.passed) return
      calls.set(call.id, call)
      if (w.scenario.clocks === 'beyond') return
      const skewMs = w.scenario.settings.pools[call.pool]?.guard.skewMs ?? 0
      const lateMs = call.at - (usable.get(call.id) ?? 0)
      if (lateMs > skewMs) fail(`${call.id} is called ${lateMs} ms after its permit was over`)
    },
  }
}
