/**
 * Builders of valid records: a test names only what it is about. Everything is of one job (JOB), one lane (LANE) and
 * one moment (NOW) unless told otherwise. No clock, no randomness.
 */

import { peopleKey } from '../../adapters/keys.ts'
import type { Bell, EnteredBell } from '../../core/bell.ts'
import { enteredBell } from '../../core/bell.ts'
import { NOTHING } from '../../core/cost.ts'
import type {
  Approval,
  DeadLetter,
  Draft,
  End,
  InReview,
  JobInput,
  Leader,
  LiveKey,
  LiveRecord,
  Queued,
  Running,
} from '../../core/job.ts'
import { attentionLane, laneOf, reviewLane } from '../../core/lane.ts'
import type { LedgerRecord } from '../../core/ledger-record.ts'
import type { Overrides } from '../../core/overrides.ts'
import type { Overview } from '../../core/overview.ts'
import type { OwnerRecord } from '../../core/owner-record.ts'
import { emptyPeople, type PeopleRecord, type PersonsPermit } from '../../core/people.ts'
import type { OwnerTurns } from '../../core/turns.ts'

export const NOW = Date.UTC(2030, 0, 1)
export const DAY_MS = 86_400_000
export const POOL = 'main'
export const OWNER = 'ada'
export const JOB = 'job-1'
export const LANE = laneOf({ pool: POOL, tier: 'high', owner: OWNER })
export const EXPIRES_AT = NOW + 90 * DAY_MS

export const aKey = (p: Partial<LiveKey> = {}): LiveKey => ({ lane: LANE, at: NOW, jobId: JOB, ...p })

const common = {
  v: 1 as const,
  key: aKey(),
  pool: POOL,
  tier: 'high' as const,
  owner: OWNER,
  kind: 'reply',
  fence: 0,
  attempt: 0,
  throttles: 0,
  crashes: 0,
  generation: 1,
  tokens: 700,
  inputTokens: 500,
  submittedAt: NOW,
  expiresAt: EXPIRES_AT,
  errors: [],
}

export const aQueued = (p: Partial<Queued> = {}): Queued => ({ ...common, state: 'queued', ...p })

export const aRunning = (p: Partial<Running> = {}): Running => ({
  ...common,
  state: 'running',
  fence: 1,
  nonce: 'nonce-1',
  leaseUntil: NOW + 60_000,
  ...p,
})

export const anInReview = (p: Partial<InReview> = {}): InReview => ({
  ...common,
  key: aKey({ lane: reviewLane('main'), at: NOW + 5_000 }),
  state: 'in-review',
  fence: 1,
  attempt: 1,
  draftVersion: 1,
  draftHash: 'hash-of-draft',
  ...p,
})

export const aDeadLetter = (p: Partial<DeadLetter> = {}): DeadLetter => ({
  ...common,
  key: aKey({ lane: attentionLane(POOL), at: NOW + 5_000 }),
  state: 'failed',
  fence: 1,
  attempt: 5,
  ...p,
})

export const anInput = (p: Partial<JobInput> = {}): JobInput => ({
  v: 1,
  jobId: JOB,
  owner: OWNER,
  submittedBy: 'crm',
  kind: 'reply',
  pool: POOL,
  tier: 'high',
  input: { lead: { name: 'Grace', company: 'Hopper & Co' } },
  hash: 'hash-of-request',
  key: aKey(p.jobId === undefined ? {} : { jobId: p.jobId }),
  tokens: 700,
  inputTokens: 500,
  submittedAt: NOW,
  expiresAt: EXPIRES_AT,
  ...p,
})

export const anEnd = (p: Partial<End> = {}): End => ({
  v: 1,
  jobId: JOB,
  outcome: 'succeeded',
  fence: 1,
  submittedAt: NOW,
  endedAt: NOW + 5_000,
  attempts: 1,
  errors: [],
  expiresAt: EXPIRES_AT,
  ...p,
})

export const aLeader = (p: Partial<Leader> = {}): Leader => ({
  v: 1,
  cacheKey: 'sha256-of-what-is-asked',
  jobId: JOB,
  fence: 1,
  key: aKey(),
  at: NOW,
  expiresAt: NOW + 3_600_000,
  ...p,
})

export const aDraft = (p: Partial<Draft> = {}): Draft => ({
  v: 1,
  jobId: JOB,
  version: 1,
  text: 'Dear Grace, …',
  hash: 'hash-of-draft',
  model: 'a-model',
  usage: { inputTokens: 200, outputTokens: 90, cacheReadTokens: 40 },
  submittedAt: NOW,
  createdAt: NOW + 5_000,
  expiresAt: EXPIRES_AT,
  ...p,
})

export const anApproval = (p: Partial<Approval> = {}): Approval => ({
  v: 1,
  jobId: JOB,
  version: 1,
  decision: 'approved',
  hash: 'hash-of-draft',
  by: 'linus',
  submittedAt: NOW,
  at: NOW + 9_000,
  ...p,
})

/** A bell's id sorts by the moment it was rung, as a ULID does. */
export const aBell = (n = 1, record: LiveRecord = aQueued()): EnteredBell =>
  enteredBell(`bell-${String(n).padStart(6, '0')}`, record)

export const anOwner = (p: Partial<OwnerTurns> = {}): OwnerTurns => ({
  owner: OWNER,
  tiers: { high: { turn: 12.5, beyond: 0 }, low: { turn: 3.25, beyond: 420 } },
  turn: 7,
  v: 6.75,
  ...p,
})

export const anOwnerRecord = (p: Partial<OwnerRecord> = {}): OwnerRecord => ({
  owner: OWNER,
  epoch: 3,
  n: 17,
  at: NOW,
  turns: {
    order: 'weighted',
    tiers: { high: { turn: 12.5, beyond: 0 }, low: { turn: 3.25, beyond: 420 } },
    turn: 7,
    v: 6.75,
  },
  ledger: { bytes: Uint8Array.from([1, 0, 4, 200, 3]), first: 378_691, bucketMs: 500, spanMs: 61_000 },
  day: { bytes: Uint8Array.from([1, 7, 90, 128, 1]), first: 6_311, bucketMs: 300_000, spanMs: 86_700_000 },
  expiresAt: NOW + 86_700_000,
  ...p,
})

export const aLedgerRecord = (p: Partial<LedgerRecord> = {}): LedgerRecord => ({
  v: 1,
  // Of a ledger that began then.
  epoch: NOW,
  version: 2,
  holder: 'holder-1',
  state: 'held',
  until: NOW + 30_000,
  ledger: { bytes: Uint8Array.from([0, 1, 127, 128, 255]), first: 4_123_456, bucketMs: 100, spanMs: 60_700 },
  day: { bytes: Uint8Array.from([3, 0, 200, 1]), first: 6_311, bucketMs: 300_000, spanMs: 86_700_000 },
  next: NOW + 200.125,
  nextOf: { tokens: NOW + 250.5, output: NOW + 0.25 },
  lastSlot: NOW + 400,
  feedback: { requests: { limit: 150, others: 40, at: NOW - 1_000, learned: { limit: 243.5, at: NOW - 9_000 } } },
  order: 'weighted',
  clock: 41.5,
  tiers: { high: { turn: 40, v: 39.5, active: true } },
  ...p,
})

const tier = { queued: 3, running: 1, done: 40 }
export const anOverview = (p: Partial<Overview> = {}): Overview => ({
  v: 1,
  at: NOW,
  tiers: { high: { ...tier, waits: 'CAPACITY_RPM' }, medium: tier, low: tier },
  owners: [{ owner: OWNER, queued: 3, served: 40, share: 0.5, entitlement: 0.5 }],
  ownersLive: 2,
  full: [],
  callsInWindow: 40,
  limit: 60,
  used: { window: { requests: 40, tokens: 9_000 }, day: { requests: 900 } },
  windowMs: 60_000,
  refused: 0,
  late: 0,
  inFlight: [{ jobId: JOB, owner: OWNER, tier: 'high', slot: NOW + 100 }],
  ...p,
})

/** Waits in line, as somebody asked for it a moment ago. */
export const aPersonsPermit = (over: Partial<PersonsPermit> = {}): PersonsPermit => ({
  person: 'ann',
  askedAt: NOW,
  asksUntil: NOW + 30_000,
  cost: { ...NOTHING, requests: 1 },
  useMs: 0,
  openMs: 60_000,
  ...over,
})

/** The record of a pool's people, held under the seventh lease and written three times. */
export const somePeople = (over: Partial<PeopleRecord> = {}) => ({
  ...peopleKey(POOL),
  ...emptyPeople(7, NOW + 60_000),
  seq: 3,
  ...over,
})

/** What was changed of a pool's settings, for the first time. */
export const someOverrides = (over: Partial<Overrides> = {}): Overrides => ({
  v: 1,
  version: 1,
  fields: { requests: 100, tiers: { low: 5.5 } },
  changed: { requests: { at: NOW, by: 'ops' }, tiers: { at: NOW, by: 'ops' } },
  ...over,
})
export const aChangedBell = (version = 1): Bell => ({ v: 1, id: `changed-${version}`, t: 'changed', version })
