/** Every end is told on the bus at least once, as it was written, or is kept apart; nothing else is told. */
import type { JobEvent } from '../../../services/ports.ts'
import type { MakeCheck } from './check.ts'

const nameOf = ({ jobId, outcome, endedAt }: JobEvent): string => `${jobId} ${outcome} at ${endedAt}`

export const published: MakeCheck = (w) => {
  const written = new Set<string>()
  const untold = new Set<string>()
  return {
    commit(commit) {
      for (const { table, sk, after } of commit) {
        if (table !== 'jobs' || sk !== 'end' || !after) continue
        const name = nameOf(after as unknown as JobEvent)
        written.add(name)
        untold.add(name)
      }
    },
    published(event) {
      const name = nameOf(event)
      if (!written.has(name)) w.fail('published', `the bus was told of ${name}, which was never written`)
      untold.delete(name)
    },
    keptApart: (event) => void untold.delete(nameOf(event)),
    rest() {
      for (const name of untold) w.fail('published', `the bus was never told of ${name}`)
    },
  }
}
