/** Each permit is used at most once and in its time, and only what was permitted is called: what is left was missed. */
import { keyPlace } from '../book.ts'
import { GOES_ON, type MakeCheck } from './check.ts'

export const permits: MakeCheck = (w) => {
  const issued = new Map<string, { slot: number; used: boolean }>()
  return {
    ...GOES_ON,
    sent(message) {
      if (message.jobs.length > 1)
        for (const { key, fence } of message.jobs) {
          const job = w.book.of(key.jobId)
          // Of the record that is meant: a first put that landed late knows of no crash, and what was claimed since the
          // message was decided can crash no more by it.
          const record = job?.live.get(keyPlace(key))
          if (job && !job.end && record?.['fence'] === fence && Number(record['crashes']) > 0)
            w.fail('permits', `${key.jobId} crashed before and takes others along`)
        }
      for (const { key, fence, slot, notAfter } of message.jobs) {
        const id = `${key.jobId} ${fence} ${slot}`
        if (!issued.has(id)) issued.set(id, { slot, used: false })
        const guard = w.scenario.settings.pools[message.pool]?.guard.refusalMs ?? 0
        if (notAfter !== slot + guard) w.fail('permits', `${id} may be used until ${notAfter - slot} ms after its slot`)
      }
    },
    arrival({ request, permit }) {
      const id = `${request.jobId} ${request.fence - 1} ${permit?.slot}`
      const its = issued.get(id)
      if (!its) return w.fail('permits', `${request.jobId} is called under fence ${request.fence} without a permit`)
      if (its.used) w.fail('permits', `${id} is used twice`)
      its.used = true
    },
  }
}
