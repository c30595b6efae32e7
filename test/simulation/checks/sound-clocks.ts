/**
 * G2: slots are moments, so none is leased by a holder whose clock it could know to be off when its tick began. And where
 * every clock is as right as the guard asks for, nobody finds a slot that a clock ahead must have stamped.
 */
import type { SimProcess } from '../process.ts'
import type { MakeCheck } from './check.ts'

/** Known to be 1.5 s off, where whole seconds are shown. */
const OFF_MS = 2_500

export const soundClocks: MakeCheck = (w) => {
  /** How often its clock had leapt when it last read a pool's bells: since then it may have been right for a while. */
  const leapsWhenRead = new Map<SimProcess, Map<string, number>>()
  return {
    effect({ kind, process, args }) {
      if (kind !== 'rings.bells') return
      const ofPools = leapsWhenRead.get(process) ?? new Map<string, number>()
      leapsWhenRead.set(process, ofPools.set((args as { pool: string }).pool, process.leaps))
    },
    commit(commit, actor) {
      if (actor?.kind !== 'capacity.write') return
      const { process } = actor
      const off = Math.abs(process.offset)
      const known = (pool: string) => off > OFF_MS && leapsWhenRead.get(process)?.get(pool) === process.leaps
      for (const { pk, sk, before, after } of commit)
        if (sk === 'ledger' && known(pk) && Number(after?.['lastSlot']) > Number(before?.['lastSlot']))
          w.fail('sound-clocks', `a slot of ${pk} was leased by a clock that is ${off} ms off`)
      if (w.scenario.clocks !== 'beyond' && w.counted('SlotsAhead') > 0)
        w.fail('sound-clocks', 'slots were taken for those of a clock that is ahead, and none is')
    },
  }
}
