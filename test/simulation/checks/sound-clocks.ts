/** G2: slots are moments, so none is leased by a holder whose clock it could know to be off when its tick began. */
import type { SimProcess } from '../process.ts'
import type { MakeCheck } from './check.ts'

/** Known to be 1.5 s off, where whole seconds are shown. */
const OFF_MS = 2_500

export const soundClocks: MakeCheck = (w) => {
  /** How far off its clock was when it last read the bells. */
  const offWhenRead = new Map<SimProcess, number>()
  return {
    effect({ kind, process }) {
      if (kind === 'rings.bells') offWhenRead.set(process, process.offset)
    },
    commit(commit, actor) {
      if (actor?.kind !== 'capacity.write') return
      const { process } = actor
      const off = Math.abs(process.offset)
      if (off <= OFF_MS || offWhenRead.get(process) !== process.offset) return
      for (const { pk, sk, before, after } of commit)
        if (sk === 'ledger' && Number(after?.['lastSlot']) > Number(before?.['lastSlot']))
          w.fail('sound-clocks', `a slot of ${pk} was leased by a clock that is ${off} ms off`)
    },
  }
}
