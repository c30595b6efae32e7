/** The job store over tables in memory: the same outcomes as adapters/dynamodb/job-store.ts, held by one contract suite. */
import type { JobInput, Leader, LiveKey, LiveRecord, Running } from '../../core/job.ts'
import { isRunOut } from '../../core/lease.ts'
import { assertTransition } from '../../services/edges.ts'
import type { Created, JobStore } from '../../services/ports.ts'
import { atKey, endKey, inputKey, leaderKey, liveKey } from '../keys.ts'
import {
  expiring,
  fromInputItem,
  fromLiveItem,
  hasExpired,
  inputItem,
  lanePage,
  leaderItem,
  leaderOf,
  liveItem,
  partsOf,
} from '../records.ts'
import type { MemoryTables } from './tables.ts'
import { changesOf, isWritten, meetsAnother } from './transition.ts'

export function memoryJobStore(tables: MemoryTables): JobStore {
  const at = (key: LiveKey): LiveRecord | undefined => {
    const item = tables.get('live', liveKey(key))
    return item && fromLiveItem(item)
  }
  const put = (record: LiveRecord) => tables.commit([{ table: 'live', put: liveItem(record) }])
  const holds = (mine: { key: LiveKey; fence: number; nonce: string }) => {
    const now = at(mine.key)
    return now?.state === 'running' && now.fence === mine.fence && now.nonce === mine.nonce ? now : undefined
  }
  const standing = ({ jobId, submittedAt }: JobInput): Created | undefined => {
    const old = tables.get('jobs', inputKey(jobId))
    return old && !hasExpired(old, submittedAt) ? { kind: 'exists', input: fromInputItem(old) } : undefined
  }
  const putInputs = (inputs: readonly JobInput[]) =>
    tables.commit(inputs.map((input) => ({ table: 'jobs', put: inputItem(input) })))
  const enter: JobStore['enter'] = async ({ record }) => {
    if (tables.get('live', liveKey(record.key))) return 'present'
    put(record)
    return 'entered'
  }
  return {
    async create({ input }) {
      const exists = standing(input)
      if (!exists) putInputs([input])
      return exists ?? { kind: 'created' }
    },
    async createAll({ inputs }) {
      const fresh = new Map<string, JobInput>()
      const answers = inputs.map((input): Created => {
        const twin = fresh.get(input.jobId)
        const exists = twin ? { kind: 'exists' as const, input: twin } : standing(input)
        if (!exists) fresh.set(input.jobId, input)
        return exists ?? { kind: 'created' }
      })
      putInputs([...fresh.values()])
      return answers
    },
    async createFresh({ inputs }) {
      putInputs(inputs)
    },
    enter,
    async enterAll({ records }) {
      const absent = records.filter(({ key }) => !tables.get('live', liveKey(key)))
      tables.commit(absent.map((record) => ({ table: 'live', put: liveItem(record) })))
    },
    async reenter({ record }) {
      const parts = [atKey(record.key.jobId), endKey(record.key.jobId)].map((key) => tables.get('jobs', key))
      if (parts.some((part) => isWritten(part, record.submittedAt))) return 'gone'
      return enter({ record })
    },
    async load({ jobId, now }) {
      return partsOf(tables.query('jobs', { pk: inputKey(jobId).pk }).items, now)
    },
    async live({ keys }) {
      return keys.map(at)
    },
    async lane({ lane, after, limit }) {
      return lanePage(tables.query('live', { pk: lane, limit, ...(after ? { after: liveKey(after).sk } : {}) }))
    },
    async claim({ key, fence, nonce, leaseUntil, now }) {
      const old = at(key)
      if (old?.state === 'running' && old.nonce === nonce && old.fence === fence + 1)
        return { kind: 'claimed', record: old }
      const free = old?.state === 'queued' || (old?.state === 'running' && isRunOut(old.leaseUntil, now))
      if (!old || !free || old.fence !== fence) return { kind: 'refused' }
      const crashes = old.crashes + (old.state === 'running' ? 1 : 0)
      const { awaits: _, ...rest } = { awaits: undefined, ...old }
      const record = { ...rest, state: 'running' as const, fence: fence + 1, nonce, leaseUntil, crashes }
      put(record)
      return { kind: 'claimed', record }
    },
    async release({ record }) {
      const mine = holds(record)
      if (!mine) return isReleased(at(record.key), record) ? 'released' : 'stale'
      if (mine.cancelRequested) return 'cancelled'
      const { nonce: _, leaseUntil: __, ...rest } = mine
      put({ ...rest, state: 'queued', fence: mine.fence + 1 })
      return 'released'
    },
    async discard({ record }) {
      if (holds(record)) tables.commit([{ table: 'live', delete: liveKey(record.key) }])
    },
    async transition(t) {
      assertTransition(t)
      const from = at(t.from.key)
      if (from?.state !== t.from.state || from.fence !== t.from.fence) return 'stale'
      if (from.cancelRequested && !t.evenIfCancelled) return 'cancelled'
      if (meetsAnother(tables, t)) return 'stale'
      tables.commit(changesOf(t))
      return 'done'
    },
    async requestCancel({ record }) {
      const now = at(record.key)
      if (now?.state !== 'running' || now.fence !== record.fence) return 'stale'
      put({ ...now, cancelRequested: true })
      return 'asked'
    },
    async endUnentered({ key, end }) {
      const parts = [atKey(end.jobId), endKey(end.jobId)].map((part) => tables.get('jobs', part))
      if (tables.get('live', liveKey(key)) || parts.some((part) => isWritten(part, end.submittedAt ?? 0)))
        return 'stale'
      tables.commit([{ table: 'jobs', put: expiring(endKey(end.jobId), end) }])
      return 'done'
    },
    async leader({ cacheKey, now }) {
      return leaderOf(tables.get('jobs', leaderKey(cacheKey)), now)
    },
    async lead({ leader, instead }) {
      const stands = leaderOf(tables.get('jobs', leaderKey(leader.cacheKey)), leader.at)
      if (stands && isSame(stands, leader)) return 'leads'
      if (stands && !(instead && isSame(stands, instead))) return 'taken'
      tables.commit([{ table: 'jobs', put: leaderItem(leader) }])
      return 'leads'
    },
  }
}

/** A claim is known by its job and its fence. */
const isSame = (a: Leader, b: Leader): boolean => a.jobId === b.jobId && a.fence === b.fence

/** Nobody else can have put it back under this fence. */
const isReleased = (now: LiveRecord | undefined, record: Running): boolean =>
  now?.state === 'queued' && now.fence === record.fence + 1
