/**
 * The queue's protocol as a state machine: what stands in the tables, what is on its way, and what two dispatchers
 * remember. Time is left out: whatever may happen after some time may happen at once, but for what the protocol itself
 * waits for (a lease that is over, a writer's cache that has run out).
 */

/** Where a record stands in its lane: 0 as submitted, 1 after it moved to a later time. */
export type Place = 0 | 1
export interface At {
  readonly place: Place
  readonly fence: number
}
export interface LiveRecord {
  readonly fence: number
  /** `over`: running, and its lease has run out. */
  readonly state: 'queued' | 'running' | 'over'
}
/** A worker that claimed, under the fence that its claim gave. It may be a zombie: nothing but the tables says so. */
export interface Worker extends At {
  readonly pc: 'claimed' | 'called'
}
/** A submit's way: content, live record, bell. It may die after any of them. */
export type Submit = 'none' | 'content' | 'entered' | 'rung' | 'accepted'
export const BELLS = { first: 1, repeated: 2, moved: 4, left: 8 } as const

/** A job: its parts, its live records, and what is on its way for it. */
export interface Job {
  readonly submit: Submit
  readonly repeat: Submit
  /** Its parts say that its place is 1, where it came under this fence. */
  readonly moved: number | undefined
  readonly ended: boolean
  /** Its first record came after it had moved or ended: a slow write, which a claim discards. */
  readonly late: boolean
  readonly live: readonly [LiveRecord | undefined, LiveRecord | undefined]
  /** Bells about it that stand, as bits. */
  readonly bells: number
  /** Messages that were sent, as bits (messageBit): any of them may arrive at any time, and again. */
  readonly messages: number
  readonly workers: readonly Worker[]
  /** Fences under which a model was called, as bits. */
  readonly called: number
  /** What no later state may heal. */
  readonly wrong: string | undefined
}
/** What a dispatcher remembers of a job. */
export interface Memory {
  /** Fences of queued records, by place. */
  readonly heads: readonly [number | undefined, number | undefined]
  readonly sent: At | undefined
  /** Bells read and not yet deleted. */
  readonly rung: number
  /** Decided by the tick under way. */
  readonly permit: At | undefined
}
export interface Dispatcher {
  readonly pc: 'off' | 'recall' | 'read' | 'idle' | 'note' | 'write' | 'tell' | 'leave' | 'ending' | 'freeing' | 'freed'
  /** Owners in memory, and of those the ones not noted yet; as bits. */
  readonly owners: number
  readonly unnoted: number
  /** Of `read` and `leave`: the owner whose lane it is about. */
  readonly owner: number
  /** Of `tell`: still to be done. */
  readonly toSend: boolean
  readonly toForget: boolean
  readonly jobs: readonly Memory[]
}
export interface State {
  readonly jobs: readonly Job[]
  readonly dispatchers: readonly Dispatcher[]
  /** Owners noted in the ring, as bits. */
  readonly noted: number
  readonly lease: 'free' | 'held' | 'ending'
  /** Whose epoch the lease carries; only its writes are taken. */
  readonly holder: number
  /** A writer remembers that the lease was held. */
  readonly cached: boolean
  /** A dispatcher was woken and has not started yet. */
  readonly waking: boolean
  /** What may still go wrong. */
  readonly mishaps: number
}

export const messageBit = ({ place, fence }: At): number => 1 << (place * FENCES + fence)
/** Fences of a job stay below this. */
export const FENCES = 5

export const NO_MEMORY: Memory = { heads: [undefined, undefined], sent: undefined, rung: 0, permit: undefined }
export const NEW_JOB: Job = {
  submit: 'none',
  repeat: 'none',
  moved: undefined,
  late: false,
  ended: false,
  live: [undefined, undefined],
  bells: 0,
  messages: 0,
  workers: [],
  called: 0,
  wrong: undefined,
}
export const dispatcherOff = (jobs: number): Dispatcher => ({
  pc: 'off',
  owners: 0,
  unnoted: 0,
  owner: 0,
  toSend: false,
  toForget: false,
  jobs: Array.from({ length: jobs }, () => NO_MEMORY),
})

export const present = (job: Job): Place => (job.moved === undefined ? 0 : 1)

/** The same state with one job, or one dispatcher, changed. */
export const withJob = (s: State, j: number, change: Partial<Job>): State => ({
  ...s,
  jobs: s.jobs.map((job, i) => (i === j ? { ...job, ...change } : job)),
})
export const withDispatcher = (s: State, d: number, change: Partial<Dispatcher>): State => ({
  ...s,
  dispatchers: s.dispatchers.map((x, i) => (i === d ? { ...x, ...change } : x)),
})
export const placed = <T>(pair: readonly [T, T], place: Place, value: T): readonly [T, T] =>
  place === 0 ? [value, pair[1]] : [pair[0], value]
