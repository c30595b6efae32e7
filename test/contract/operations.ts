/** Every write of every port, each with what must stand before it: for suites that go through all of them. */
import { bellKey, endKey, ledgerKey, ownerKey, stopKey } from '../../adapters/keys.ts'
import { expiring, leaderItem, liveItem } from '../../adapters/records.ts'
import type { LiveRecord } from '../../core/job.ts'
import type { Stores } from '../support/engines.ts'
import {
  aBell,
  aChangedBell,
  aDeadLetter,
  aDraft,
  aKey,
  aLeader,
  aLedgerRecord,
  anApproval,
  anEnd,
  anInput,
  anInReview,
  anOverview,
  anOwner,
  anOwnerRecord,
  aPersonsPermit,
  aQueued,
  aRunning,
  NOW,
  OWNER,
  POOL,
  someOverrides,
  somePeople,
} from '../support/records.ts'

export interface Operation {
  readonly name: string
  readonly given?: (on: Stores) => Promise<void>
  readonly act: (on: Stores) => Promise<unknown>
  /** What it may answer too where its first answer was lost; both are true, and a caller repeats itself safely. */
  readonly orIfUnheard?: unknown
}

const stands = (record: LiveRecord) => (on: Stores) => on.plant('live', liveItem(record))
const held = (on: Stores) => on.plant('capacity', { ...ledgerKey(POOL), ...aLedgerRecord() })
const leaseOut = aRunning({ leaseUntil: NOW - 1 })
const retry = aQueued({ fence: 2, key: aKey({ at: NOW + 8_000 }) })
const claim = { key: aKey(), nonce: 'mine', leaseUntil: NOW + 9_000, now: NOW }
const ended = anEnd({ outcome: 'cancelled' })

const OF_JOBS: Operation[] = [
  {
    name: 'create',
    act: (on) => on.jobs.create({ input: anInput() }),
    orIfUnheard: { kind: 'exists', input: anInput() },
  },
  {
    name: 'create many',
    act: (on) => on.jobs.createAll({ inputs: [anInput()] }),
    orIfUnheard: [{ kind: 'exists', input: anInput() }],
  },
  { name: 'create many fresh ones', act: (on) => on.jobs.createFresh({ inputs: [anInput()] }) },
  { name: 'enter many', act: (on) => on.jobs.enterAll({ records: [aQueued()] }) },
  { name: 'enter', act: (on) => on.jobs.enter({ record: aQueued() }), orIfUnheard: 'present' },
  { name: 'reenter', act: (on) => on.jobs.reenter({ record: aQueued() }) },
  { name: 'claim', given: stands(aQueued()), act: (on) => on.jobs.claim({ ...claim, fence: 0 }) },
  {
    name: 'claim of a lease that ran out',
    given: stands(leaseOut),
    act: (on) => on.jobs.claim({ ...claim, fence: 1 }),
  },
  { name: 'release', given: stands(aRunning()), act: (on) => on.jobs.release({ record: aRunning() }) },
  { name: 'discard', given: stands(aRunning()), act: (on) => on.jobs.discard({ record: aRunning() }) },
  {
    name: 'settle',
    given: stands(aRunning()),
    act: (on) => on.jobs.transition({ from: aRunning(), end: anEnd({ result: 'Dear Grace' }) }),
  },
  {
    name: 'retry',
    given: stands(aRunning()),
    act: (on) => on.jobs.transition({ from: aRunning(), to: retry, bell: aBell(1, retry) }),
  },
  {
    name: 'into review',
    given: stands(aRunning()),
    act: (on) => on.jobs.transition({ from: aRunning(), to: anInReview(), draft: aDraft() }),
  },
  {
    name: 'approve',
    given: stands(anInReview()),
    act: (on) => on.jobs.transition({ from: anInReview(), end: anEnd(), approval: anApproval() }),
  },
  {
    name: 'redrive',
    async given(on) {
      await stands(aDeadLetter())(on)
      await on.plant('jobs', expiring(endKey(ended.jobId), ended))
    },
    act: (on) => on.jobs.transition({ from: aDeadLetter(), to: retry, reopen: true, bell: aBell() }),
  },
  { name: 'ask to cancel', given: stands(aRunning()), act: (on) => on.jobs.requestCancel({ record: aRunning() }) },
  { name: 'lead', act: (on) => on.jobs.lead({ leader: aLeader() }) },
  {
    name: 'lead instead of another',
    given: (on) => on.plant('jobs', leaderItem(aLeader({ jobId: 'job-0' }))),
    act: (on) => on.jobs.lead({ leader: aLeader(), instead: aLeader({ jobId: 'job-0' }) }),
  },
  { name: 'end what never entered', act: (on) => on.jobs.endUnentered({ key: aKey(), end: ended }) },
]

const OF_POOLS: Operation[] = [
  { name: 'ring', act: (on) => on.rings.ring({ pool: POOL, bell: aBell() }) },
  {
    name: 'delete bells',
    given: (on) => on.plant('rings', { ...bellKey(POOL, aBell().id), ...aBell() }),
    act: (on) => on.rings.deleteBells({ pool: POOL, ids: [aBell().id] }),
  },
  { name: 'note', act: (on) => on.rings.note({ pool: POOL, owners: [anOwner(), anOwner({ owner: 'bob' })] }) },
  {
    name: 'keep records',
    act: (on) => on.rings.keep({ pool: POOL, records: [anOwnerRecord(), anOwnerRecord({ owner: 'bob' })] }),
  },
  {
    name: 'leave',
    async given(on) {
      await held(on)
      await on.plant('rings', { ...ownerKey(POOL, OWNER), ...anOwner() })
    },
    act: (on) => on.rings.leave({ pool: POOL, owners: [OWNER], epoch: NOW }),
  },
  { name: 'acquire', act: (on) => on.capacity.acquire({ pool: POOL, holder: 'me', now: NOW, leaseMs: 9 }) },
  {
    name: 'take over',
    given: held,
    act: (on) => on.capacity.acquire({ pool: POOL, holder: 'me', now: NOW + 30_000, leaseMs: 9 }),
  },
  {
    name: 'write the ledger',
    given: held,
    act: (on) => on.capacity.write({ pool: POOL, record: aLedgerRecord({ version: 3, clock: 99 }) }),
  },
  {
    name: 'put the overview',
    act: (on) => on.capacity.putOverview({ pool: POOL, version: 7, overview: anOverview() }),
  },
  { name: 'stop', act: (on) => on.capacity.stop({ pool: POOL, stop: { at: NOW, line: 'no credit' } }) },
  {
    name: 'resume',
    given: (on) => on.plant('capacity', { ...stopKey(POOL), at: NOW, line: 'no credit' }),
    act: (on) => on.capacity.resume({ pool: POOL }),
  },
  {
    name: 'override',
    act: (on) => on.capacity.override({ pool: POOL, overrides: someOverrides(), bell: aChangedBell() }),
  },
]

const one = { requests: 1, tokens: 0, input: 0, output: 0 }
const mine = { pool: POOL, id: 'mine', caps: { open: 3, calls: 5 } }
const inLine = aPersonsPermit({ asksUntil: NOW + 9_000 })
const granted = aPersonsPermit({ grantedAt: NOW })
const counts = { open: { [granted.person]: 1 }, took: { [granted.person]: 1 } }
const stocked = (on: Stores) => on.plant('capacity', somePeople({ stock: { ...one, requests: 5 } }))
const waits = (on: Stores) =>
  on.plant('capacity', somePeople({ ...counts, waiting: 1, permits: { mine: inLine }, stock: one }))
const open = (on: Stores) => on.plant('capacity', somePeople({ ...counts, permits: { mine: granted } }))

const OF_PEOPLE: Operation[] = [
  { name: 'hold what people have', given: stocked, act: (on) => on.people.hold({ pool: POOL, epoch: 8 }) },
  {
    name: 'grant to who waits, and to the stock',
    given: waits,
    act: (on) =>
      on.people.write({
        ...{ pool: POOL, epoch: 7, seq: 3 },
        change: {
          ...{ stock: one, goodUntil: NOW + 60_000, granted: ['mine'], at: NOW },
          ...{ counted: [], over: [], aged: {}, gone: [] },
        },
      }),
  },
  {
    name: 'take of the stock',
    given: stocked,
    act: (on) => on.people.take({ ...mine, permit: granted, now: NOW }),
  },
  { name: 'join the line', given: stocked, act: (on) => on.people.join({ ...mine, permit: inLine, atMost: 4 }) },
  {
    name: 'ask again in line',
    given: waits,
    act: (on) => on.people.ask({ pool: POOL, id: 'mine', asksUntil: NOW + 20_000 }),
  },
  {
    name: 'leave the line',
    given: waits,
    act: (on) => on.people.leave({ pool: POOL, id: 'mine', person: inLine.person }),
    orIfUnheard: 'not-waiting',
  },
  {
    name: 'close a permit',
    given: open,
    act: (on) => on.people.close({ pool: POOL, id: 'mine', at: NOW + 50, cost: one }),
    orIfUnheard: 'gone',
  },
]

export const OPERATIONS: readonly Operation[] = [...OF_JOBS, ...OF_POOLS, ...OF_PEOPLE]
