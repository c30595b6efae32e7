/** The whole: every step that may come next, and what must hold in every state. */
import { apiSteps } from './api.ts'
import { dispatcherSteps } from './dispatcher.ts'
import type { Model } from './explore.ts'
import { coding } from './key.ts'
import type { Move, Rules } from './rules.ts'
import { BELLS, type Dispatcher, dispatcherOff, type Job, type Memory, NEW_JOB, present, type State } from './state.ts'
import { workerSteps } from './workers.ts'

export interface Size {
  /** The owner of each job. */
  readonly owners: readonly number[]
  /** So many of the jobs, from the first on, may move, be repeated and be cancelled. */
  readonly eventful: number
  /** How often, together, something may go other than straight on. */
  readonly mishaps: number
  /** Dispatchers that have nothing to do let go, and are woken by whoever rings then; else they go on for ever. */
  readonly ends: boolean
}

export function queueModel(size: Size, bug?: Rules['bug']): Model<State> {
  const rules: Rules = { owners: size.owners, eventful: (j) => j < size.eventful, ends: size.ends, bug }
  const { length } = size.owners
  return {
    initial: {
      jobs: size.owners.map(() => NEW_JOB),
      dispatchers: [dispatcherOff(length), dispatcherOff(length)],
      noted: 0,
      lease: 'free',
      holder: -1,
      cached: false,
      waking: false,
      mishaps: size.mishaps,
    },
    ...coding(),
    steps: (s) => moves(s, rules),
    wrong: (s) => wrong(s, rules),
  }
}

function* moves(s: State, rules: Rules): Iterable<Move> {
  for (const j of s.jobs.keys()) {
    yield* apiSteps(s, j, rules)
    yield* workerSteps(s, j, rules)
  }
  for (const d of s.dispatchers.keys()) yield* dispatcherSteps(s, d, rules)
  if (s.cached) yield ['expire', 0, { ...s, cached: false }]
}

function wrong(s: State, rules: Rules): string | undefined {
  for (const [j, job] of s.jobs.entries()) {
    const found =
      job.wrong ?? lost(job) ?? unfindable(s, job, rules.owners[j] as number) ?? revived(job) ?? forgotten(s, job, j)
    if (found) return `job ${j}: ${found}`
  }
  return rules.ends ? unheard(s) : undefined
}

const accepted = (job: Job): boolean => job.submit === 'accepted' || job.repeat === 'accepted'
const standing = (job: Job): boolean => !job.ended && job.live[present(job)] !== undefined
const named = (job: Job): boolean =>
  (job.bells & (job.moved === undefined ? BELLS.first | BELLS.repeated : BELLS.moved)) !== 0

const lost = (job: Job): string | undefined =>
  accepted(job) && !job.ended && !standing(job) ? 'was accepted, and has neither a record nor an end' : undefined

/** Whoever takes over reads the lanes of noted owners, and the bells: nothing else. */
function unfindable(s: State, job: Job, owner: number): string | undefined {
  const told = accepted(job) || job.moved !== undefined
  const found = (s.noted & (1 << owner)) !== 0 || named(job)
  return told && standing(job) && !found ? 'its owner is not in the ring, and no bell names it' : undefined
}

/** Only a first write that came late may bring a record back: it was under way before. */
const revived = (job: Job): string | undefined =>
  !job.late && ((job.moved !== undefined && job.live[0]) || (job.ended && job.live.some(Boolean)))
    ? 'was revived'
    : undefined

/** Between ticks the holder knows of all that it need not read: else it would wait for the next takeover. */
function forgotten(s: State, job: Job, j: number): string | undefined {
  const holder = s.lease === 'held' ? s.dispatchers[s.holder] : undefined
  if (holder?.pc !== 'idle') return undefined
  const told = accepted(job) || job.moved !== undefined
  if (!told || job.ended || !standing(job) || named(job)) return undefined
  const place = present(job)
  const { heads, sent } = (holder as Dispatcher).jobs[j] as Memory
  return heads[place] === undefined && sent?.place !== place ? 'its dispatcher has forgotten it' : undefined
}

/** An accepted job waits for no schedule: somebody holds the lease, or starts, or is about to look. */
function unheard(s: State): string | undefined {
  const idle = s.lease === 'free' && !s.waking && s.dispatchers.every(({ pc }) => pc === 'off')
  const waits = (job: Job) => accepted(job) && !job.ended && standing(job) && named(job)
  return idle && s.jobs.some(waits) ? 'a job was accepted, and no dispatcher starts' : undefined
}
