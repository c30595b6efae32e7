/** A picture is replaced by a newer one alone, unless it is a minute old: its ledger may have begun anew. */
import type { Item } from '../../../adapters/records.ts'
import type { MakeCheck } from './check.ts'

const OLD_MS = 60_000

export const pictures: MakeCheck = (w) => {
  const number = (item: Item, name: string): number => item[name] as number
  const isNewer = (after: Item, before: Item): boolean =>
    number(after, 'version') === number(before, 'version')
      ? number(after, 'at') >= number(before, 'at')
      : number(after, 'version') > number(before, 'version')
  return {
    commit(commit) {
      for (const { table, pk, sk, before, after } of commit) {
        if (table !== 'capacity' || sk !== 'overview' || !before || !after || isNewer(after, before)) continue
        if (number(after, 'at') <= number(before, 'at') + OLD_MS)
          w.fail('pictures', `an older one of ${pk} replaced a newer`)
      }
    },
  }
}
