/**
 * Every key of every table, under its access patterns (docs/data-model.md says why each is safe).
 *
 * | table     | pk            | sk                    | read by                                             |
 * |-----------|---------------|-----------------------|-----------------------------------------------------|
 * | Live      | lane          | at(13)#jobId          | claim, move, cancel by key; a lane forwards in time |
 * | Jobs      | jobId         | input, at, end        | one Query shows a whole job                         |
 * |           | jobId         | draft#version(4)      |                                                     |
 * |           | answer#sha256 | leader                | whoever asks the same, before its call              |
 * | Rings     | ring#pool     | owner                 | the dispatcher, at takeover                         |
 * |           | owner#pool    | owner                 | the same, and when the owner enters; its view        |
 * |           | bell#pool     | bell id (ULID)        | the dispatcher, every tick                          |
 * |           |               |                       | all of it, at a start: which pools have live work   |
 * | Capacity  | pool          | ledger, overview, stop| the lease's holder; writers read the lease          |
 * |           |               | settings              | at a takeover, and by whoever hears of a change     |
 * |           | people#pool   | permits               | who takes a permit; the lease's holder, every tick  |
 * | Approvals | jobId         | version(4)            | written by the approval function alone              |
 */
import type { LiveKey } from '../core/job.ts'

export const TABLES = ['live', 'jobs', 'rings', 'capacity', 'approvals'] as const
export type TableName = (typeof TABLES)[number]
export interface Key {
  readonly pk: string
  readonly sk: string
}

const AT_DIGITS = 13
const VERSION_DIGITS = 4
const padded = (n: number, digits: number): string => String(n).padStart(digits, '0')

export const liveKey = (k: LiveKey): Key => ({ pk: k.lane, sk: `${padded(k.at, AT_DIGITS)}#${k.jobId}` })
export const fromLiveKey = (k: Key): LiveKey => ({
  lane: k.pk,
  at: Number(k.sk.slice(0, AT_DIGITS)),
  jobId: k.sk.slice(AT_DIGITS + 1),
})
export const inputKey = (jobId: string): Key => ({ pk: jobId, sk: 'input' })
export const atKey = (jobId: string): Key => ({ pk: jobId, sk: 'at' })
export const endKey = (jobId: string): Key => ({ pk: jobId, sk: 'end' })
export const draftKey = (jobId: string, version: number): Key => ({
  pk: jobId,
  sk: `draft#${padded(version, VERSION_DIGITS)}`,
})
export const leaderKey = (cacheKey: string): Key => ({ pk: `answer#${cacheKey}`, sk: 'leader' })
export const ownerKey = (pool: string, owner: string): Key => ({ pk: `ring#${pool}`, sk: owner })
/** An owner's turns, and what it has used: it stands while that counts, whether the owner is in the ring or not. */
export const ownerRecordKey = (pool: string, owner: string): Key => ({ pk: `${OWNER}${pool}`, sk: owner })
const OWNER = 'owner#'
export const isOwnerRecord = ({ pk }: Pick<Key, 'pk'>): boolean => pk.startsWith(OWNER)
export const bellKey = (pool: string, id: string): Key => ({ pk: `bell#${pool}`, sk: id })
/** The pool of a key in Rings. */
export const poolOfRing = ({ pk }: Pick<Key, 'pk'>): string => pk.slice(pk.indexOf('#') + 1)
export const ledgerKey = (pool: string): Key => ({ pk: pool, sk: 'ledger' })
export const overviewKey = (pool: string): Key => ({ pk: pool, sk: 'overview' })
export const stopKey = (pool: string): Key => ({ pk: pool, sk: 'stop' })
export const overridesKey = (pool: string): Key => ({ pk: pool, sk: 'settings' })
/** Apart from the ledger's, so that who takes permits need not be let near it. */
export const peopleKey = (pool: string): Key => ({ pk: `people#${pool}`, sk: 'permits' })
export const approvalKey = (jobId: string, version: number): Key => ({ pk: jobId, sk: padded(version, VERSION_DIGITS) })
