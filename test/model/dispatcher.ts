/** What a dispatcher does: take over, tick (absorb, note, write, send and forget), look, leave, end. */
import { absorbed, type Heads, hasWork, looked, recalled } from './memory.ts'
import type { Move, Rules } from './rules.ts'
import {
  type At,
  BELLS,
  type Dispatcher,
  dispatcherOff,
  type Job,
  type Memory,
  messageBit,
  NO_MEMORY,
  type Place,
  type State,
  withDispatcher,
  withJob,
} from './state.ts'

export function* dispatcherSteps(s: State, d: number, rules: Rules): Iterable<Move> {
  const me = s.dispatchers[d] as Dispatcher
  yield* start(s, d, me)
  if (me.pc !== 'off' && s.mishaps > 0) yield ['die', d, off({ ...s, mishaps: s.mishaps - 1, waking: rules.ends }, d)]
  yield* STEPS[me.pc](s, d, me, rules)
}

type Steps = (s: State, d: number, me: Dispatcher, rules: Rules) => Iterable<Move>
const STEPS: Record<Dispatcher['pc'], Steps> = {
  off: wake,
  recall,
  read,
  idle,
  note,
  write,
  tell,
  leave,
  ending,
  freeing,
  freed,
}

const off = (s: State, d: number): State => withDispatcher(s, d, dispatcherOff(s.jobs.length))
const holds = (s: State, d: number): boolean => s.holder === d && s.lease !== 'free'
const ownersOf = (bits: number): number[] => [0, 1, 2].filter((o) => bits & (1 << o))

/** A free lease is anybody's; one that is held only when it is over, and so is what writers remember of it. */
function* start(s: State, d: number, me: Dispatcher): Iterable<Move> {
  if (me.pc !== 'off') return
  const taken = (from: State): State =>
    withDispatcher({ ...from, lease: 'held', holder: d, waking: false }, d, { pc: 'recall' })
  if (s.lease === 'free') yield ['start', d, taken(s)]
  else if (s.mishaps > 0 && !s.cached) yield ['takeover', d, taken({ ...s, mishaps: s.mishaps - 1 })]
}

/** Whoever was woken while somebody holds the lease goes again. */
function* wake(s: State, d: number): Iterable<Move> {
  if (s.waking && s.lease !== 'free') yield ['woken', d, { ...s, waking: false }]
}

function* recall(s: State, d: number): Iterable<Move> {
  const [owner] = ownersOf(s.noted)
  yield [
    'recall',
    d,
    withDispatcher(s, d, { owners: s.noted, ...(owner === undefined ? { pc: 'idle' } : { pc: 'read', owner }) }),
  ]
}

function* read(s: State, d: number, me: Dispatcher, rules: Rules): Iterable<Move> {
  const jobs = me.jobs.map((m, j) => (rules.owners[j] === me.owner ? recalled(m, s.jobs[j] as Job, rules) : m))
  const next = ownersOf(me.owners).find((o) => o > me.owner)
  const to = next === undefined ? { pc: 'idle' as const, owner: 0 } : { owner: next }
  yield ['read', d, withDispatcher(s, d, { jobs, ...to })]
}

function* idle(s: State, d: number, me: Dispatcher, rules: Rules): Iterable<Move> {
  yield* tick(s, d, me, rules)
  yield* look(s, d, me)
  for (const owner of ownersOf(me.owners)) {
    const own = s.jobs.flatMap((job, j) => (rules.owners[j] === owner ? [{ job, m: me.jobs[j] as Memory }] : []))
    if (own.some(({ m }) => hasWork(m))) continue
    // The table has the last word.
    if (own.every(({ job }) => !job.live[0] && !job.live[1]))
      yield ['idle', d, withDispatcher(s, d, { pc: 'leave', owner })]
  }
  if (rules.ends && !me.jobs.some(hasWork))
    yield holds(s, d)
      ? ['ending', d, withDispatcher({ ...s, lease: 'ending' }, d, { pc: 'ending' })]
      : ['lost', d, off(s, d)]
}

function* tick(s: State, d: number, me: Dispatcher, { owners: ownerOf, bug }: Rules): Iterable<Move> {
  const rung = s.jobs.some((job) => job.bells !== 0)
  if (!rung && !me.jobs.some(({ heads }) => heads.some((f) => f !== undefined))) return
  const jobs = me.jobs.map((m, j) => absorbed(m, s.jobs[j] as Job))
  let owners = me.owners
  jobs.forEach((m, j) => {
    if (m.rung & ~BELLS.left) owners |= 1 << (ownerOf[j] as number)
  })
  const unnoted = owners & ~me.owners
  const pc = unnoted && bug !== 'note-late' ? 'note' : 'write'
  const after = bug === 'bells-first' ? forgotten(s, jobs) : s
  yield ['absorb', d, withDispatcher(after, d, { jobs, owners, unnoted, pc })]
}

const forgotten = (s: State, jobs: readonly Memory[]): State => ({
  ...s,
  jobs: s.jobs.map((job, j) => ({ ...job, bells: job.bells & ~(jobs[j] as Memory).rung })),
})

function* look(s: State, d: number, me: Dispatcher): Iterable<Move> {
  for (const [j, m] of me.jobs.entries()) {
    if (!m.sent) continue
    const now = looked(m, m.sent, s.jobs[j] as Job)
    if (now !== m) yield ['look', d, withDispatcher(s, d, { jobs: me.jobs.with(j, now) })]
  }
}

function* note(s: State, d: number, me: Dispatcher, { bug }: Rules): Iterable<Move> {
  yield [
    'note',
    d,
    withDispatcher({ ...s, noted: s.noted | me.unnoted }, d, {
      unnoted: 0,
      pc: bug === 'note-late' ? 'idle' : 'write',
    }),
  ]
}

function* write(s: State, d: number, me: Dispatcher): Iterable<Move> {
  if (!holds(s, d)) {
    yield ['lost', d, off(s, d)]
    return
  }
  const rung = me.jobs.some((m) => m.rung !== 0)
  const permits = me.jobs.map(({ heads }) => firstOf(heads))
  if (permits.some(Boolean)) {
    const jobs = me.jobs.map((m, j) => sentOf(m, permits[j]))
    yield ['permit', d, withDispatcher(s, d, { jobs, pc: 'tell', toSend: true, toForget: rung })]
  }
  // No slot is in reach, or no capacity.
  if (rung) yield ['write', d, withDispatcher(s, d, { pc: 'tell', toForget: true })]
}

function firstOf(heads: Heads): At | undefined {
  const place = heads[0] !== undefined ? 0 : 1
  const fence = heads[place]
  return fence === undefined ? undefined : { place: place as Place, fence }
}

const sentOf = (m: Memory, permit: At | undefined): Memory =>
  permit
    ? {
        ...m,
        heads: [permit.place === 0 ? undefined : m.heads[0], permit.place === 0 ? m.heads[1] : undefined],
        sent: permit,
        permit,
      }
    : m

function* tell(s: State, d: number, me: Dispatcher, { bug }: Rules): Iterable<Move> {
  const pc = bug === 'note-late' && me.unnoted ? 'note' : 'idle'
  if (me.toSend) {
    let after = s
    for (const [j, { permit }] of me.jobs.entries())
      if (permit) after = withJob(after, j, { messages: (s.jobs[j] as Job).messages | messageBit(permit) })
    const jobs = me.jobs.map((m) => (m.permit ? { ...m, permit: undefined } : m))
    yield ['send', d, withDispatcher(after, d, { jobs, toSend: false, ...(me.toForget ? {} : { pc }) })]
  }
  if (me.toForget) {
    const jobs = me.jobs.map((m) => (m.rung ? { ...m, rung: 0 } : m))
    yield [
      'forget',
      d,
      withDispatcher(forgotten(s, me.jobs), d, { jobs, toForget: false, ...(me.toSend ? {} : { pc }) }),
    ]
  }
}

function* leave(s: State, d: number, me: Dispatcher, { bug, owners: ownerOf }: Rules): Iterable<Move> {
  if (!holds(s, d) && bug !== 'leave-unchecked') {
    yield ['lost', d, off(s, d)]
    return
  }
  const without = { ...s, noted: s.noted & ~(1 << me.owner) }
  const owners = me.owners & ~(1 << me.owner)
  const jobs = me.jobs.map((m, j) => (ownerOf[j] === me.owner ? NO_MEMORY : m))
  yield ['leave', d, withDispatcher(without, d, { jobs, owners, owner: 0, pc: 'idle' })]
  if (s.mishaps === 0) return
  const after = { ...without, mishaps: s.mishaps - 1 }
  if (bug === 'leave-unheard') yield ['unheard', d, withDispatcher(after, d, { owner: 0, pc: 'idle' })]
  else yield ['unheard', d, { ...off(after, d), lease: 'free', holder: -1, waking: true }]
}

const anyBell = (s: State): boolean => s.jobs.some((job) => job.bells !== 0)

function* ending(s: State, d: number, _: Dispatcher, { bug }: Rules): Iterable<Move> {
  if (!holds(s, d)) yield ['lost', d, off(s, d)]
  else if (s.cached && bug !== 'end-early') return
  else if (anyBell(s)) yield ['resume', d, withDispatcher({ ...s, lease: 'held' }, d, { pc: 'idle' })]
  else yield ['quiet', d, withDispatcher(s, d, { pc: 'freeing' })]
}

function* freeing(s: State, d: number): Iterable<Move> {
  if (holds(s, d)) yield ['free', d, withDispatcher({ ...s, lease: 'free', holder: -1 }, d, { pc: 'freed' })]
  else yield ['lost', d, off(s, d)]
}

function* freed(s: State, d: number, _: Dispatcher, { bug }: Rules): Iterable<Move> {
  const waking = s.waking || (anyBell(s) && bug !== 'no-second-look')
  yield ['end', d, { ...off(s, d), waking }]
}
