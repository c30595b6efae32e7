/** Bells go only after the tick's write: what a holder deletes it had read before its last write under its lease. */
import type { SimProcess } from '../process.ts'
import { GOES_ON, type MakeCheck } from './check.ts'

interface Holder {
  /** When it last read bells, and what that was at its last write. */
  read: number
  readAtWrite: number
}

export const bellsAfterWrite: MakeCheck = (w) => {
  let now = 0
  const first = new Map<string, number>()
  const holders = new Map<SimProcess, Map<string, Holder>>()
  const holder = (process: SimProcess, pool: string): Holder => {
    const its = holders.get(process) ?? new Map<string, Holder>()
    holders.set(process, its)
    const known = its.get(pool) ?? { read: -1, readAtWrite: -1 }
    its.set(pool, known)
    return known
  }
  return {
    ...GOES_ON,
    effect({ process, kind, args }) {
      if (kind === 'rings.bells') holder(process, (args as { pool: string }).pool).read = ++now
    },
    commit(commit, actor) {
      for (const { table, pk, sk, before, after } of commit) {
        if (actor?.kind === 'capacity.write' && sk === 'ledger') {
          const its = holder(actor.process, pk)
          its.readAtWrite = its.read
        }
        if (table !== 'rings' || !pk.startsWith('bell#')) continue
        if (after && !first.has(sk)) first.set(sk, ++now)
        if (after || !before || !actor) continue
        const { readAtWrite } = holder(actor.process, pk.slice('bell#'.length))
        if ((first.get(sk) as number) > readAtWrite)
          w.fail('bells-after-write', `bell ${sk} went before the tick's write`)
      }
    },
  }
}
