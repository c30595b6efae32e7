/** Where nothing fails every bell is heard within seconds, also by a dispatcher that is about to end. */
import type { MakeCheck } from './check.ts'

/** Writers' cache of the lease, the last look, a start. */
const HEARD_MS = 5_000

export const heard: MakeCheck = (w) => {
  if (!w.scenario.faultless) return {}
  const rung = new Map<string, number>()
  return {
    commit(commit) {
      for (const { table, pk, sk, after } of commit) {
        if (table !== 'rings' || !pk.startsWith('bell#')) continue
        if (after) rung.set(sk, w.now())
        else rung.delete(sk)
      }
      for (const [id, at] of rung) {
        if (w.now() - at > HEARD_MS) w.fail('heard', `bell ${id} is unheard after ${w.now() - at} ms`)
        break
      }
    },
    rest() {
      for (const [id, at] of rung)
        if (w.now() - at > HEARD_MS) w.fail('heard', `bell ${id} is unheard after ${w.now() - at} ms`)
    },
  }
}
