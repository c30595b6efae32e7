/** What a dispatcher makes of what it hears and reads about one job: core/ring.ts, absorb.ts and watch.ts in small. */
import type { Rules } from './rules.ts'
import { type At, BELLS, type Job, type Memory, type Place, placed, present } from './state.ts'

export type Heads = Memory['heads']

export const hasWork = ({ heads, sent }: Memory): boolean =>
  sent !== undefined || heads[0] !== undefined || heads[1] !== undefined

/** A queued record was heard of: under a lower fence than what was sent, or the same, it is no news. */
export function heard(m: Memory, { place, fence }: At): Memory {
  if (m.sent && m.sent.fence >= fence) return m
  return { ...m, sent: undefined, heads: placed(m.heads, place, Math.max(fence, m.heads[place] ?? 0)) }
}

/** All bells that stand are read and absorbed, oldest first. */
export function absorbed(m: Memory, job: Job): Memory {
  let now = m
  if (job.bells & (BELLS.first | BELLS.repeated)) now = heard(now, { place: 0, fence: 0 })
  if (job.bells & BELLS.moved) now = heard(now, { place: 1, fence: job.moved as number })
  if (job.bells & BELLS.left) now = { ...now, sent: undefined, heads: placed(now.heads, present(job), undefined) }
  return job.bells === m.rung ? now : { ...now, rung: job.bells }
}

/** Its lane was read at a takeover: a worker rings about the fence that its message named, one below its claim's. */
export function recalled(m: Memory, job: Job, { bug }: Rules): Memory {
  let now = m
  for (const place of [0, 1] as const) {
    const record = job.live[place]
    if (record?.state === 'queued') now = heard(now, { place, fence: record.fence })
    else if (record && !now.sent && bug !== 'running-forgotten')
      now = { ...now, sent: { place, fence: record.fence - 1 } }
  }
  return now
}

/** What was sent is read by its key. */
export function looked(m: Memory, sent: At, job: Job): Memory {
  const record = job.live[sent.place as Place]
  if (record?.state === 'running') return m
  const gone = { ...m, sent: undefined }
  return record ? heard(gone, { place: sent.place, fence: record.fence }) : gone
}
