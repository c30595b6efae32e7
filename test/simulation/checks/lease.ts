/**
 * One holder at a time: an epoch is of one process, begins when the last lease is over, and every write follows one. A
 * lease that ends later than any sound clock would have it counts as over: its holder can write no more.
 */
import type { Item } from '../../../adapters/records.ts'
import type { SimProcess } from '../process.ts'
import { GOES_ON, type MakeCheck } from './check.ts'

/** A lease (30 s), and twice what a clock may be off (2.5 s) before its process takes none. */
const SOUND_MS = 35_000

export const lease: MakeCheck = (w) => {
  const holders = new Map<string, SimProcess>()
  const number = (item: Item | undefined, name: string): number => (item?.[name] as number | undefined) ?? 0
  return {
    ...GOES_ON,
    commit(commit, actor) {
      for (const { table, pk, sk, before, after } of commit) {
        if (table !== 'capacity' || sk !== 'ledger' || !after || !actor) continue
        if (number(after, 'version') !== number(before, 'version') + 1)
          w.fail('lease', `a write of ${pk} followed none`)
        const epoch = `${pk} ${after['epoch']}`
        if (after['epoch'] === before?.['epoch']) {
          if (holders.get(epoch) !== actor.process) w.fail('lease', `${pk} was written by who does not hold it`)
          continue
        }
        holders.set(epoch, actor.process)
        if (before && number(after, 'epoch') !== number(before, 'epoch') + 1) w.fail('lease', `${pk} skipped an epoch`)
        const left = number(before, 'until') - (actor.args as { now: number }).now
        if (before && before['state'] !== 'free' && left > 0 && left <= SOUND_MS)
          w.fail('lease', `${pk} was taken while it was held`)
      }
    },
  }
}
