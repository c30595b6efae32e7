/**
 * What people have is what it says: so many wait, so many are open, nothing is below nought, one write of a holder follows
 * another. Each is granted once, and at rest nobody is left in line.
 */
import { peopleKey } from '../../../adapters/keys.ts'
import type { PeopleRecord } from '../../../core/people.ts'
import { GOES_ON, type MakeCheck } from './check.ts'

/** The schedule starts a dispatcher every minute. */
const LOOKED_AT_WITHIN_MS = 90_000

export const persons: MakeCheck = (w) => {
  const granted = new Set<string>()
  const fail = (message: string) => w.fail('persons', message)
  const look = (before: PeopleRecord | undefined, after: PeopleRecord) => {
    const permits = Object.entries(after.permits)
    const waiting = permits.filter(([, p]) => p.grantedAt === undefined).length
    if (after.waiting !== waiting) fail(`${waiting} wait, and ${after.waiting} are counted`)
    for (const [person, open] of Object.entries(after.open))
      if (open !== permits.filter(([, p]) => p.person === person).length) fail(`${person} is said to hold ${open}`)
    for (const [what, n] of Object.entries(after.stock)) if (n < 0) fail(`${n} ${what} are in stock`)
    for (const [person, n] of Object.entries(after.took)) if (n < 0) fail(`${person} had ${n} calls`)
    if (before && (after.epoch < before.epoch || after.seq < before.seq)) fail('an older write came over a newer one')
    for (const [id, p] of permits) {
      if (p.grantedAt === undefined || before?.permits[id]?.grantedAt !== undefined) continue
      granted.add(id)
    }
  }
  return {
    ...GOES_ON,
    commit(commit) {
      for (const { table, sk, before, after } of commit)
        if (table === 'capacity' && sk === 'permits' && after)
          look(before as unknown as PeopleRecord | undefined, after as unknown as PeopleRecord)
    },
    personCalled({ id }) {
      if (!granted.has(id)) fail(`${id} is used and was never granted`)
    },
    rest() {
      for (const pool of Object.keys(w.scenario.settings.pools)) {
        const record = w.tables.get('capacity', peopleKey(pool)) as unknown as PeopleRecord | undefined
        const waiting = Object.values(record?.permits ?? {}).filter((p) => p.grantedAt === undefined)
        // Who asked a moment ago, and has gone again, is looked at by whoever comes next.
        const left = waiting.filter(({ askedAt }) => askedAt < w.now() - LOOKED_AT_WITHIN_MS)
        if (w.scenario.untilIdle && left.length > 0) fail(`${left.length} are left in the line of ${pool}`)
      }
    },
  }
}
