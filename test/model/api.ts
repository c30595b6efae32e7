/** What callers do: submit, repeat, cancel. Each step is one write or one read of the real services/. */

import type { Move, Rules } from './rules.ts'
import { BELLS, type Job, placed, present, type State, type Submit, withJob } from './state.ts'

export function* apiSteps(s: State, j: number, rules: Rules): Iterable<Move> {
  const job = s.jobs[j] as Job
  yield* submit(s, j, job, rules)
  if (!rules.eventful(j) || job.submit === 'none') return
  yield* repeat(s, j, job, rules)
  if (s.mishaps > 0) yield* cancel(s, j, job)
}

function* submit(s: State, j: number, job: Job, rules: Rules): Iterable<Move> {
  switch (job.submit) {
    case 'none':
      if (rules.eventful(j)) yield ['create', j, withJob(s, j, { submit: 'content' })]
      else yield ['enter', j, withJob(s, j, { submit: 'entered', live: first(job) })]
      return
    case 'content': {
      const late = job.moved !== undefined || job.ended
      yield ['enter', j, withJob(s, j, { submit: 'entered', ...(job.live[0] ? {} : { live: first(job), late }) })]
      return
    }
    case 'entered':
      yield ['ring', j, withJob(s, j, { submit: 'rung', bells: job.bells | BELLS.first })]
      return
    case 'rung':
      yield* listen(s, j, 'submit', rules)
  }
}

const first = (job: Job): Job['live'] => placed(job.live, 0, { fence: 0, state: 'queued' })

/** After its bell: by what is remembered of the lease, or by asking. */
function* listen(s: State, j: number, by: 'submit' | 'repeat', { ends }: Rules): Iterable<Move> {
  const told = withJob(s, j, { [by]: 'accepted' satisfies Submit })
  if (!ends) {
    yield ['accept', j, told]
    return
  }
  if (s.cached) yield ['trust', j, told]
  yield ['ask', j, s.lease === 'held' ? { ...told, cached: true } : { ...told, waking: true }]
}

function* repeat(s: State, j: number, job: Job, rules: Rules): Iterable<Move> {
  const { bug } = rules
  if (job.repeat === 'none' && s.mishaps > 0) {
    const again = { ...s, mishaps: s.mishaps - 1 }
    const gone = (job.moved !== undefined || job.ended) && bug !== 'repeat-revives'
    if (gone) yield ['repeat', j, withJob(again, j, { repeat: 'accepted' })]
    else yield ['repeat', j, withJob(again, j, { repeat: 'entered', ...(job.live[0] ? {} : { live: first(job) }) })]
  }
  if (job.repeat === 'entered')
    yield ['rering', j, withJob(s, j, { repeat: 'rung', bells: job.bells | BELLS.repeated })]
  if (job.repeat === 'rung') yield* listen(s, j, 'repeat', rules)
}

function* cancel(s: State, j: number, job: Job): Iterable<Move> {
  const after = { ...s, mishaps: s.mishaps - 1 }
  const place = present(job)
  const record = job.live[place]
  if (job.ended) return
  if (record?.state === 'queued') {
    const live = placed(job.live, place, undefined)
    yield ['cancel', j, withJob(after, j, { live, ended: true, bells: job.bells | BELLS.left })]
  } else if (!record && job.moved === undefined) yield ['cancel', j, withJob(after, j, { ended: true })]
}
