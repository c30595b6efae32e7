/** What workers do with messages: claim, load, call, and settle under their fence; and a lease that runs out. */

import type { Move, Rules } from './rules.ts'
import {
  BELLS,
  FENCES,
  type Job,
  type LiveRecord,
  messageBit,
  type Place,
  placed,
  present,
  type State,
  type Worker,
  withJob,
} from './state.ts'

export function* workerSteps(s: State, j: number, rules: Rules): Iterable<Move> {
  const job = s.jobs[j] as Job
  if (!rules.eventful(j)) {
    yield* straight(s, j, job)
    return
  }
  yield* claims(s, j, job, rules)
  for (const w of job.workers) yield* w.pc === 'claimed' ? attempt(s, j, job, w, rules) : settle(s, j, job, w, rules)
  yield* leaseOver(s, j, job)
}

/** A job that keeps the others company: claimed, called and ended in one step. */
function* straight(s: State, j: number, job: Job): Iterable<Move> {
  if (job.live[0] && job.messages)
    yield ['run', j, withJob(s, j, { live: [undefined, undefined], messages: 0, ended: true })]
}

const PLACES = [0, 1] as const

function* claims(s: State, j: number, job: Job, { bug }: Rules): Iterable<Move> {
  for (const place of PLACES) {
    const record = job.live[place]
    if (!record || record.state === 'running' || !(job.messages & messageBit({ place, fence: record.fence }))) continue
    const fence = bug === 'claim-keeps-fence' ? record.fence : record.fence + 1
    if (fence >= FENCES) continue
    const workers = [...job.workers, { place, fence, pc: 'claimed' as const }]
    yield ['claim', j, withJob(s, j, { live: placed(job.live, place, { fence, state: 'running' }), workers })]
  }
}

const without = (job: Job, w: Worker): readonly Worker[] => job.workers.filter((x) => x !== w)

/** Its own: what it claimed still stands under its fence. */
const holds = (record: LiveRecord | undefined, w: Worker): boolean =>
  record !== undefined && record.state !== 'queued' && record.fence === w.fence

function* attempt(s: State, j: number, job: Job, w: Worker, { bug }: Rules): Iterable<Move> {
  const mine = holds(job.live[w.place], w)
  const revived = job.ended || present(job) !== w.place
  if (revived && bug !== 'claim-unchecked') {
    const live = mine ? placed(job.live, w.place, undefined) : job.live
    yield ['discard', j, withJob(s, j, { live, workers: without(job, w) })]
    return
  }
  const again = (job.called & (1 << w.fence)) !== 0
  const wrong = again
    ? 'a model was called twice under one fence'
    : revived
      ? 'a model was called for a job that had moved or ended'
      : job.wrong
  const workers = job.workers.map((x) => (x === w ? { ...w, pc: 'called' as const } : x))
  yield ['call', j, withJob(s, j, { called: job.called | (1 << w.fence), workers, wrong })]
  if (s.mishaps > 0 && mine && w.fence + 1 < FENCES)
    yield [
      'release',
      j,
      withJob({ ...s, mishaps: s.mishaps - 1 }, j, {
        live: placed(job.live, w.place, { fence: w.fence + 1, state: 'queued' }),
        workers: without(job, w),
      }),
    ]
}

function* settle(s: State, j: number, job: Job, w: Worker, { bug, eventful }: Rules): Iterable<Move> {
  const record = job.live[w.place]
  const workers = without(job, w)
  const mine = bug === 'end-unfenced' ? record !== undefined && record.state !== 'queued' : holds(record, w)
  if (!mine) {
    yield ['stale', j, withJob(s, j, { workers })]
    return
  }
  const wrong = holds(record, w) ? job.wrong : 'a stale worker changed a record'
  yield ['end', j, withJob(s, j, { live: placed(job.live, w.place, undefined), ended: true, workers, wrong })]
  const fence = w.fence + 1
  if (!eventful(j) || s.mishaps === 0 || w.place === 1 || fence >= FENCES) return
  const bells = bug === 'move-silent' ? 0 : bug === 'same-bell' ? BELLS.first : BELLS.moved
  const live = [undefined, { fence, state: 'queued' }] as const
  yield [
    'move',
    j,
    withJob({ ...s, mishaps: s.mishaps - 1 }, j, { live, moved: fence, workers, bells: job.bells | bells, wrong }),
  ]
}

function* leaseOver(s: State, j: number, job: Job): Iterable<Move> {
  if (s.mishaps === 0) return
  for (const place of PLACES) {
    const record = job.live[place as Place]
    if (record?.state === 'running')
      yield [
        'over',
        j,
        withJob({ ...s, mishaps: s.mishaps - 1 }, j, { live: placed(job.live, place, { ...record, state: 'over' }) }),
      ]
  }
}
