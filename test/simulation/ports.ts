/** The ports of one process: the memory adapters and what surrounds them, every call by way of calls.ts. */
import { ledgerKey } from '../../adapters/keys.ts'
import type { LiveRecord } from '../../core/job.ts'
import { NO_OVERRIDES } from '../../core/overrides.ts'
import type {
  CapacityStore,
  EventPort,
  JobQueue,
  JobStore,
  LanePage,
  ModelPort,
  PeopleStore,
  RingStore,
  Waker,
} from '../../services/ports.ts'
import { ask, type Call, type Surroundings } from './calls.ts'
import type { CallKind } from './faults.ts'
import type { SimProcess } from './process.ts'
import type { ObservedTables } from './tables.ts'

export interface Stores {
  readonly jobs: JobStore
  readonly rings: RingStore
  readonly capacity: CapacityStore
  readonly people: PeopleStore
  readonly tables: ObservedTables
}
/** The adapters' own limit, written once more: with a clock known to be farther off no lease is taken. */
const CLOCK_OFF_AT_MOST_MS = 1_500
const DATE_MS = 1_000
type Extra<T> = Omit<Call<T>, 'kind' | 'args' | 'land'>

const asker =
  (around: Surroundings, process: SimProcess) =>
  <P, T>(kind: CallKind, real: (p: P) => Promise<T>, extra: (p: P) => Extra<T> = () => ({})) =>
  (p: P): Promise<T> =>
    ask(around, process, { kind, args: p, land: () => real(p), ...extra(p) })

const share = <T>(all: readonly T[], part: number): T[] => all.slice(0, Math.floor(all.length * part))

export function jobsOf(around: Surroundings, process: SimProcess, { jobs }: Stores): JobStore {
  const via = asker(around, process)
  return {
    create: via('jobs.create', jobs.create),
    createAll: via('jobs.createAll', jobs.createAll, ({ inputs }) => ({
      landPart: (part) => jobs.createAll({ inputs: share(inputs, part) }),
    })),
    createFresh: via('jobs.createFresh', jobs.createFresh, ({ inputs }) => ({
      landPart: (part) => jobs.createFresh({ inputs: share(inputs, part) }),
    })),
    enter: via('jobs.enter', jobs.enter),
    enterAll: via('jobs.enterAll', jobs.enterAll, ({ records }) => ({
      landPart: (part) => jobs.enterAll({ records: share(records, part) }),
    })),
    reenter: via('jobs.reenter', jobs.reenter, () => ({ remembered: (answer) => answer === 'entered' })),
    load: via('jobs.load', jobs.load, (p) => ({
      torn: async () => {
        const first = await jobs.load(p)
        return async () => {
          const second = await jobs.load(p)
          if (!first || !second) return second
          const { at: _, ...rest } = second
          return first.at ? { ...rest, at: first.at } : rest
        }
      },
    })),
    live: via('jobs.live', jobs.live, ({ keys }) => ({
      torn: async () => {
        const first = await jobs.live({ keys: share(keys, 0.5) })
        return async () => [...first, ...(await jobs.live({ keys: keys.slice(first.length) }))]
      },
    })),
    lane: via('jobs.lane', jobs.lane, (p) => ({ torn: () => tornLane(jobs, p) })),
    claim: via('jobs.claim', jobs.claim),
    release: via('jobs.release', jobs.release),
    discard: via('jobs.discard', jobs.discard),
    transition: via('jobs.transition', jobs.transition, () => ({ remembered: (answer) => answer === 'done' })),
    requestCancel: via('jobs.requestCancel', jobs.requestCancel),
    endUnentered: via('jobs.endUnentered', jobs.endUnentered),
    leader: via('jobs.leader', jobs.leader),
    lead: via('jobs.lead', jobs.lead),
  }
}

async function tornLane(jobs: JobStore, p: Parameters<JobStore['lane']>[0]): Promise<() => Promise<LanePage>> {
  const first = share((await jobs.lane(p)).records, 0.5)
  const after = first.at(-1)?.key ?? p.after
  return async () => {
    const second = await jobs.lane({ lane: p.lane, limit: p.limit - first.length, ...(after ? { after } : {}) })
    const last = second.last ?? (first.at(-1) as LiveRecord | undefined)?.key
    return { ...second, records: [...first, ...second.records], ...(last ? { last } : {}) }
  }
}

export function ringsOf(
  around: Surroundings,
  process: SimProcess,
  { rings }: Stores,
  /** Where nobody has caps, reading what owners have used takes no time and draws nothing. */
  p: { capped: boolean },
): RingStore {
  const via = asker(around, process)
  return {
    ring: via('rings.ring', rings.ring),
    bells: via('rings.bells', rings.bells, (p) => ({
      torn: async () => {
        const first = share((await rings.bells(p)).bells, 0.5)
        const last = first.at(-1)?.id ?? ''
        return async () => {
          const { bells, unreadable } = await rings.bells(p)
          return { bells: [...first, ...bells.filter((b) => b.id > last)].slice(0, p.limit), unreadable }
        }
      },
    })),
    deleteBells: via('rings.deleteBells', rings.deleteBells, (p) => ({
      landPart: (part) => rings.deleteBells({ ...p, ids: share(p.ids, part) }),
    })),
    owners: via('rings.owners', rings.owners, (p) => ({
      torn: async () => {
        const first = share(await rings.owners(p), 0.5)
        const last = first.at(-1)?.owner ?? ''
        return async () => [...first, ...(await rings.owners(p)).filter((o) => o.owner > last)]
      },
    })),
    pools: rings.pools,
    ownersAfter: rings.ownersAfter,
    records: p.capped ? via('rings.records', rings.records) : rings.records,
    note: via('rings.note', rings.note, (p) => ({
      landPart: (part) => rings.note({ ...p, owners: share(p.owners, part) }),
    })),
    keep: via('rings.keep', rings.keep, (q) => ({
      landPart: (part) => rings.keep({ ...q, records: share(q.records, part) }),
    })),
    leave: via('rings.leave', rings.leave, () => ({ remembered: (answer) => answer === 'left' })),
  }
}

const NEWER_BELLS: readonly string[] = ['came', 'guests', 'changed']

/** Code of before settings could be changed while it runs: it plans and works by the configuration's. */
export const knowingNoChanges = (capacity: CapacityStore, isOld: () => boolean): CapacityStore => ({
  ...capacity,
  overrides: async (p) => (isOld() ? NO_OVERRIDES : capacity.overrides(p)),
})

/** As older code reads them, which knows neither batches nor guests: a bell of a kind that it does not know does not parse, and stays. */
export const readByOldCode = (rings: RingStore, isOld: () => boolean): RingStore => ({
  ...rings,
  async bells(p) {
    const { bells, unreadable } = await rings.bells(p)
    if (!isOld()) return { bells, unreadable }
    const newer = bells.filter(({ t }) => NEWER_BELLS.includes(t)).map(({ id }) => id)
    return { bells: bells.filter(({ t }) => !NEWER_BELLS.includes(t)), unreadable: [...unreadable, ...newer] }
  },
})

export function capacityOf(
  around: Surroundings,
  process: SimProcess,
  { capacity, tables }: Stores,
  /** Where settings are never changed, reading them takes no time and draws nothing. */
  p: { changing: boolean },
): CapacityStore {
  const via = asker(around, process)
  // As the Date of an answer shows it: whole seconds.
  const clockOffMs = () => Math.max(0, Math.abs(process.offset) - DATE_MS)
  const standing = (pool: string) => tables.get('capacity', ledgerKey(pool))
  return {
    // As over DynamoDB: a read, then a put over the version that was read. What takes long may be either of them.
    acquire(p) {
      const asked = standing(p.pool)?.['version']
      const readLate = around.latency.chance(0.5)
      const acquire: CapacityStore['acquire'] = async () => {
        if (clockOffMs() > CLOCK_OFF_AT_MOST_MS) return { kind: 'clock-off' }
        return readLate || standing(p.pool)?.['version'] === asked
          ? capacity.acquire(p)
          : { kind: 'taken', until: p.now }
      }
      return via('capacity.acquire', acquire, () => ({
        resent: (first, second) =>
          first.kind === 'held' && standing(p.pool)?.['version'] === first.record.version ? first : second,
      }))(p)
    },
    write: via('capacity.write', capacity.write, ({ pool, record }) => ({
      resent: (first, second) =>
        first === 'written' && standing(pool)?.['version'] === record.version ? first : second,
    })),
    clockOffMs,
    lease: via('capacity.lease', capacity.lease),
    changes: capacity.changes,
    overview: via('capacity.overview', capacity.overview),
    putOverview: via('capacity.putOverview', capacity.putOverview),
    stopped: via('capacity.stopped', capacity.stopped),
    stop: via('capacity.stop', capacity.stop),
    resume: via('capacity.resume', capacity.resume),
    overrides: p.changing ? via('capacity.overrides', capacity.overrides) : capacity.overrides,
    override: via('capacity.override', capacity.override, () => ({ remembered: (answer) => answer === 'written' })),
  }
}

/** As over SQS: it never throws; what it did not hear of it takes for not sent. */
export function queueOf(around: Surroundings, process: SimProcess, queue: JobQueue): JobQueue {
  const via = asker(around, process)
  const send = via('queue.send', queue.send, ({ messages }) => ({
    landPart: (part) => queue.send({ messages: share(messages, part) }),
  }))
  return { send: (p) => send(p).catch(() => ({ failed: [...p.messages] })) }
}

export const wakerOf = (around: Surroundings, process: SimProcess, waker: Waker): Waker => ({
  wake: asker(around, process)('waker.wake', waker.wake),
})

export const busOf = (around: Surroundings, process: SimProcess, bus: EventPort): EventPort => ({
  publish: asker(around, process)('events.publish', bus.publish, ({ events }) => ({
    landPart: (part) => bus.publish({ events: share(events, part) }),
  })),
})

export interface ProviderAnswer {
  readonly answer: Awaited<ReturnType<ModelPort['call']>>
  readonly afterMs: number
}
/** `arrive` resolves when the call has reached the provider. */
export function modelOf(
  around: Surroundings,
  process: SimProcess,
  p: {
    arrive: (request: Parameters<ModelPort['call']>[0], process: SimProcess) => Promise<ProviderAnswer>
    withinGuard: boolean
  },
): ModelPort {
  const via = asker(around, process)
  const pause = (ms: number) => new Promise<void>((resolve) => process.later(ms, resolve))
  const prepare = via('model.prepare', async () => undefined)
  return {
    async call(request) {
      await prepare(undefined)
      if (!((await request.nears()) && (await request.begin()))) return { kind: 'missed' }
      const reach = via(
        'model.call',
        () => p.arrive(request, process),
        () => ({ atOnce: p.withinGuard }),
      )
      const { answer, afterMs } = await reach(request)
      await pause(Math.min(afterMs, request.timeoutMs))
      return afterMs > request.timeoutMs ? { kind: 'timeout', message: 'no answer in time' } : answer
    },
  }
}

export function peopleOf(around: Surroundings, process: SimProcess, { people }: Stores): PeopleStore {
  const via = asker(around, process)
  return {
    hold: via('people.hold', people.hold),
    read: via('people.read', people.read),
    write: via('people.write', people.write),
    take: via('people.take', people.take),
    join: via('people.join', people.join),
    ask: via('people.ask', people.ask),
    leave: via('people.leave', people.leave),
    close: via('people.close', people.close),
  }
}
