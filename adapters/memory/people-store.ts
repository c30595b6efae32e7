/** What people have of a pool's capacity, over tables in memory. */
import { atLeast, type Cost, minus, plus } from '../../core/cost.ts'
import {
  cappedBy,
  countOf,
  covers,
  emptyPeople,
  isGranted,
  isOf,
  PeopleRecord,
  type PersonsPermit,
  STAND_AT_MOST,
} from '../../core/people.ts'
import type { AskedPermit, PeopleChange, PeopleStore } from '../../services/ports.ts'
import { peopleKey } from '../keys.ts'
import { type Item, parseRecord, stored } from '../records.ts'
import type { MemoryTables } from './tables.ts'

const NOUGHT: Cost = { requests: 0, tokens: 0, input: 0, output: 0 }

export function memoryPeopleStore(tables: MemoryTables): PeopleStore {
  // Whoever waits looks many times at what has not changed.
  const seen = new WeakMap<Item, PeopleRecord>()
  const get = (pool: string): PeopleRecord | undefined => {
    const item = tables.get('capacity', peopleKey(pool))
    if (!item) return undefined
    const record = seen.get(item) ?? parseRecord<PeopleRecord>(PeopleRecord, item)
    seen.set(item, record)
    return record
  }
  const put = (pool: string, record: PeopleRecord): PeopleRecord => {
    tables.commit([{ table: 'capacity', put: stored(peopleKey(pool), record) }])
    return record
  }
  const change = (pool: string, id: string, permit: PersonsPermit): void => {
    const old = get(pool) as PeopleRecord
    put(pool, { ...old, permits: { ...old.permits, [id]: permit } })
  }
  return {
    async hold({ pool, epoch }) {
      const old = get(pool) ?? emptyPeople(0, 0)
      if (old.epoch > epoch) throw new Error(`people's permits of ${pool} are held under a later lease`)
      // Landed already, its answer lost.
      if (old.epoch === epoch) return old
      return put(pool, { ...old, epoch, seq: old.seq + 1, stock: NOUGHT })
    },
    async read({ pool }) {
      return get(pool)
    },
    async write({ pool, epoch, seq, change }) {
      const old = get(pool)
      if (old && isOf(old, { epoch, seq, change })) return { kind: 'written', record: old }
      if (old?.epoch !== epoch) return { kind: 'lost' }
      if (old.seq !== seq || !fits(old, change)) return { kind: 'stale' }
      return { kind: 'written', record: put(pool, changed(old, change)) }
    },
    async take(p) {
      const old = get(p.pool)
      if (old?.permits[p.id]) return 'granted'
      if (!old || old.goodUntil <= p.now || old.waiting > 0 || isFull(old) || !covers(old.stock, p.permit.cost))
        return 'empty'
      const capped = cappedBy(old, p.permit.person, p.caps)
      if (capped) return capped
      put(p.pool, { ...entered(old, p), stock: minus(old.stock, p.permit.cost) })
      return 'granted'
    },
    async join(p) {
      const old = get(p.pool) ?? emptyPeople(0, 0)
      if (old.permits[p.id]) return 'joined'
      const capped = cappedBy(old, p.permit.person, p.caps)
      if (capped) return capped
      if (old.waiting >= p.atMost || isFull(old)) return 'full'
      put(p.pool, { ...entered(old, p), waiting: old.waiting + 1 })
      return 'joined'
    },
    async ask({ pool, id, asksUntil }) {
      const permit = get(pool)?.permits[id]
      if (permit && !isGranted(permit)) change(pool, id, { ...permit, asksUntil })
    },
    async leave({ pool, id, person }) {
      const old = get(pool)
      const permit = old?.permits[id]
      if (!old || !permit || isGranted(permit)) return 'not-waiting'
      put(pool, without(old, [{ id, person, waiting: true }]))
      return 'left'
    },
    async close({ pool, id, at, cost }) {
      const permit = get(pool)?.permits[id]
      if (!permit || !isGranted(permit)) return 'gone'
      if (permit.closed) return permit.closed.at === at ? 'closed' : 'gone'
      change(pool, id, { ...permit, closed: { at, cost } })
      return 'closed'
    },
  }
}

const isFull = ({ permits }: PeopleRecord): boolean => Object.keys(permits).length >= STAND_AT_MOST

const raised = (counts: Readonly<Record<string, number>>, of: string, by: number) => ({
  ...counts,
  [of]: countOf(counts, of) + by,
})

const entered = (old: PeopleRecord, { id, permit }: AskedPermit): PeopleRecord => ({
  ...old,
  permits: { ...old.permits, [id]: permit },
  open: raised(old.open, permit.person, 1),
  took: raised(old.took, permit.person, 1),
})

function without(old: PeopleRecord, over: PeopleChange['over']): PeopleRecord {
  let { open, took, waiting } = old
  const permits = { ...old.permits }
  for (const { id, person, waiting: waited } of over) {
    delete permits[id]
    open = raised(open, person, -1)
    // What was never granted counts in no rate.
    if (waited) took = raised(took, person, -1)
    if (waited) waiting--
  }
  return { ...old, permits, open, took, waiting }
}

/** Whether all that the change names still stands as it names it. */
function fits(old: PeopleRecord, { granted, over, counted, stock, gone }: PeopleChange): boolean {
  const waits = (id: string) => old.permits[id] !== undefined && !isGranted(old.permits[id])
  const stands = ({ id, waiting }: PeopleChange['over'][number]) =>
    waiting ? waits(id) : old.permits[id] !== undefined
  const idle = (person: string) => countOf(old.open, person) === 0 && countOf(old.took, person) === 0
  const enough = covers(old.stock, atLeast(minus(NOUGHT, stock), 0))
  return (
    enough && granted.every(waits) && over.every(stands) && counted.every((id) => old.permits[id]) && gone.every(idle)
  )
}

function changed(old: PeopleRecord, p: PeopleChange): PeopleRecord {
  const permits = { ...old.permits }
  for (const id of p.granted) permits[id] = { ...(permits[id] as PersonsPermit), grantedAt: p.at }
  for (const id of p.counted) permits[id] = { ...(permits[id] as PersonsPermit), counted: true }
  let took = old.took
  for (const [person, n] of Object.entries(p.aged)) took = raised(took, person, -n)
  const next = without({ ...old, permits, took, waiting: old.waiting - p.granted.length }, p.over)
  const kept = (counts: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(counts).filter(([person]) => !p.gone.includes(person)))
  return {
    ...next,
    open: kept(next.open),
    took: kept(next.took),
    seq: old.seq + 1,
    goodUntil: p.goodUntil,
    stock: plus(old.stock, p.stock),
  }
}
