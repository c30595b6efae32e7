/**
 * Everything the services need from outside. Adapters implement these; one contract suite per port runs on each
 * (test/contract). A port speaks the domain, takes one object, and answers what is expected as a value.
 */

import type { Bell } from '../core/bell.ts'
import type { ChatBody } from '../core/chat.ts'
import type { Cost } from '../core/cost.ts'
import type {
  Approval,
  Draft,
  End,
  JobInput,
  JobParts,
  Leader,
  LiveKey,
  LiveRecord,
  Queued,
  Running,
  Served,
  Usage,
} from '../core/job.ts'
import type { LeaseState, LedgerRecord, UseChange } from '../core/ledger-record.ts'
import type { Overrides } from '../core/overrides.ts'
import type { Overview } from '../core/overview.ts'
import type { OwnerRecord } from '../core/owner-record.ts'
import type { PeopleRecord, PersonsPermit } from '../core/people.ts'
import type { Person, PoolSettings } from '../core/settings.ts'
import type { OwnerTurns } from '../core/turns.ts'

export interface Clock {
  /** Epoch ms. */
  now(): number
  /** Resolves at or after `at` (epoch ms), or as soon as the signal aborts. */
  until(at: number, signal?: AbortSignal): Promise<void>
}

export interface Random {
  /** Uniform in [0, 1). */
  unit(): number
  /** A new id, sortable by the time given (ULID). */
  id(now: number): string
}

/** A change of a job's place: from one live record to the next, or to its end. A job has exactly one live record. */
export interface Transition {
  /** The live record that goes; it must still stand there at this fence. */
  readonly from: LiveRecord
  /** The live record that comes, in another lane or at another time. */
  readonly to?: LiveRecord
  /** Written if absent; with it the job has ended. */
  readonly end?: End
  /** A redrive: the end that is taken away again. */
  readonly reopen?: true
  readonly draft?: Draft
  readonly approval?: Approval
  /** Told to the dispatcher in the same transaction. */
  readonly bell?: Bell
  /** A record whose cancellation was asked for goes anyway: only to its end. */
  readonly evenIfCancelled?: true
}

/** What was read of a lane: records in order, and apart from them what does not parse. */
export interface LanePage {
  readonly records: LiveRecord[]
  /** Sort keys of records that do not parse; they count against the limit. */
  readonly unreadable: string[]
  /** Something stands behind what was read. */
  readonly more: boolean
  /** Of the last item read, whether it parsed or not: where to go on. */
  readonly last?: LiveKey
}

/** Whether an input was written, or which one of its job stands. */
export type Created = { readonly kind: 'created' } | { readonly kind: 'exists'; readonly input: JobInput }

export interface JobStore {
  create(p: { input: JobInput }): Promise<Created>
  /** The same for many, answered in their order. Throws if one was not answered; which were written is then unknown. */
  createAll(p: { inputs: readonly JobInput[] }): Promise<Created[]>
  /**
   * Inputs of ids just made: they meet nothing that stands, so they are written in batches. Throws if not all were taken;
   * which of them were is then unknown.
   */
  createFresh(p: { inputs: readonly JobInput[] }): Promise<void>
  /** Puts a first live record if absent. */
  enter(p: { record: Queued }): Promise<'entered' | 'present'>
  /** The same for many, in as few requests as can be. Throws if not all stand now; which of them do is then unknown. */
  enterAll(p: { records: readonly Queued[] }): Promise<void>
  /** The same for a repeated submit: only if the job has neither moved nor ended. */
  reenter(p: { record: Queued }): Promise<'entered' | 'present' | 'gone'>
  /** Strongly consistent; expired parts read as absent. */
  load(p: { jobId: string; now: number }): Promise<JobParts | undefined>
  live(p: { keys: readonly LiveKey[] }): Promise<(LiveRecord | undefined)[]>
  /** A lane forwards in order, strongly consistent, strictly behind `after`. */
  lane(p: { lane: string; after?: LiveKey; limit: number }): Promise<LanePage>
  /** Queued at this fence, or running at this fence with its lease out: fence + 1, nonce, lease. */
  claim(p: {
    key: LiveKey
    fence: number
    nonce: string
    leaseUntil: number
    now: number
  }): Promise<{ kind: 'claimed'; record: Running } | { kind: 'refused' }>
  /** Back to queued where it stands, fence + 1: its slot was missed. */
  release(p: { record: Running }): Promise<'released' | 'stale' | 'cancelled'>
  /** Takes a record away that revives a job which moved or ended. */
  discard(p: { record: Running }): Promise<void>
  transition(p: Transition): Promise<'done' | 'stale' | 'cancelled'>
  /** Asks a running record's worker to end it. */
  requestCancel(p: { record: Running }): Promise<'asked' | 'stale'>
  /** Ends a job whose live record never came to be: at its first key stands none, and it has not moved from there. */
  endUnentered(p: { key: LiveKey; end: End }): Promise<'done' | 'stale'>
  /** Who called last for all that ask the same. Strongly consistent; expired reads as absent. */
  leader(p: { cacheKey: string; now: number }): Promise<Leader | undefined>
  /** Puts one in the place of the one that was read, or of none; expired counts as none. */
  lead(p: { leader: Leader; instead?: Leader }): Promise<'leads' | 'taken'>
}

/** Bells and the ring of owners: the dispatcher's notebook (docs/data-model.md). */
export interface RingStore {
  ring(p: { pool: string; bell: Bell }): Promise<void>
  /** Strongly consistent, oldest first; at most so many that parse, and on the way to them those that do not. */
  bells(p: { pool: string; limit: number }): Promise<{ bells: Bell[]; unreadable: string[] }>
  deleteBells(p: { pool: string; ids: readonly string[] }): Promise<void>
  owners(p: { pool: string }): Promise<OwnerTurns[]>
  /** Every pool with an owner or a bell, whether it is configured or not. It reads all of them: for a start, not for a tick. */
  pools(): Promise<string[]>
  note(p: { pool: string; owners: readonly OwnerTurns[] }): Promise<void>
  /** What is kept of these owners; strongly consistent. */
  records(p: { pool: string; owners: readonly string[] }): Promise<(OwnerRecord | undefined)[]>
  /** Names of owners in the ring, in their order, behind this one. */
  ownersAfter(p: { pool: string; after: string; limit: number }): Promise<string[]>
  /** Each in the place of an older one; a later one stays (core/owner-record.ts, `supersedes`). */
  keep(p: { pool: string; records: readonly OwnerRecord[] }): Promise<void>
  /** Takes owners out in one transaction that checks the lease's epoch. At most LEAVE_AT_ONCE. */
  leave(p: { pool: string; owners: readonly string[]; epoch: number }): Promise<'left' | 'lost'>
}
/** DynamoDB takes 100 actions in a transaction, one of which checks the lease. */
export const LEAVE_AT_ONCE = 99

export interface StopRecord {
  readonly at: number
  /** One line that names the mend. */
  readonly line: string
  /** Its provider is down: nothing is refused, and nothing is to be mended here. */
  readonly down?: true | undefined
}

export interface CapacityStore {
  /** Takes the lease if nobody holds it (free, or over): epoch + 1. Not with a clock that is known to be off. */
  acquire(p: {
    pool: string
    holder: string
    now: number
    leaseMs: number
  }): Promise<{ kind: 'held'; record: LedgerRecord } | { kind: 'taken'; until: number } | { kind: 'clock-off' }>
  /** Writes ledger, lease and virtual times under `record.epoch`, if the stored version is the one before. */
  write(p: { pool: string; record: LedgerRecord }): Promise<'written' | 'lost'>
  /** By how many ms, at least, this process's clock is known to be off the store's own; 0 where that has none. */
  clockOffMs(): number
  /** The lease as writers see it, strongly consistent. */
  lease(p: { pool: string }): Promise<{ state: LeaseState; until: number } | undefined>
  /** Changes of what capped owners have used that their own records do not hold yet; strongly consistent. */
  changes(p: { pool: string }): Promise<readonly UseChange[]>
  overview(p: { pool: string }): Promise<Overview | undefined>
  /** `version`: the ledger's, under which it was painted. A newer picture stays (core/overview.ts, `replaces`). */
  putOverview(p: { pool: string; version: number; overview: Overview }): Promise<void>
  stopped(p: { pool: string }): Promise<StopRecord | undefined>
  stop(p: { pool: string; stop: StopRecord }): Promise<void>
  resume(p: { pool: string }): Promise<void>
  /** What was changed of its settings while it runs; strongly consistent. */
  overrides(p: { pool: string }): Promise<Overrides>
  /** In the place of the version before, in one transaction with its bell. */
  override(p: { pool: string; overrides: Overrides; bell: Bell }): Promise<'written' | 'stale'>
}

/** What a holder changes in what people have, in one write. */
export interface PeopleChange {
  /** Added to the stock; taken out of it where below zero. */
  readonly stock: Cost
  readonly goodUntil: number
  /** Who waited in line is granted its permit at this moment. */
  readonly granted: readonly string[]
  readonly at: number
  /** They stand in the ledger now. */
  readonly counted: readonly string[]
  /** They go. */
  readonly over: readonly { readonly id: string; readonly person: string; readonly waiting: boolean }[]
  /** Calls that are older than a window, by person. */
  readonly aged: Readonly<Record<string, number>>
  /** Of whom nothing stands any more: forgotten. */
  readonly gone: readonly string[]
}
/** A permit as one person asks for it. */
export interface AskedPermit {
  readonly pool: string
  readonly id: string
  readonly permit: PersonsPermit
  readonly caps: Person
}
export type Capped = 'open' | 'rate'

/** Capacity held for people: one record per pool, in which API functions take and the lease's holder adds. */
export interface PeopleStore {
  /** Under a new lease: the stock is nought, no earlier holder can change anything any more, and this is what stands. */
  hold(p: { pool: string; epoch: number }): Promise<PeopleRecord>
  /** Strongly consistent. */
  read(p: { pool: string }): Promise<PeopleRecord | undefined>
  /** `lost`: another holds it. `stale`: something that the change names has gone, or there is less in stock. */
  write(p: {
    pool: string
    epoch: number
    /** The write before. */
    seq: number
    change: PeopleChange
  }): Promise<{ kind: 'written'; record: PeopleRecord } | { kind: 'stale' } | { kind: 'lost' }>
  /** Out of the stock, at once; not past those who wait. */
  take(p: AskedPermit & { now: number }): Promise<'granted' | 'empty' | Capped>
  /** Into the line. */
  join(p: AskedPermit & { atMost: number }): Promise<'joined' | 'full' | Capped>
  /** Still there: until then. */
  ask(p: { pool: string; id: string; asksUntil: number }): Promise<void>
  /** Out of the line; not if it was granted meanwhile. */
  leave(p: { pool: string; id: string; person: string }): Promise<'left' | 'not-waiting'>
  /** The call is over, and this is what it has cost. Once: a second word of the same moment is taken for the first. */
  close(p: { pool: string; id: string; at: number; cost: Cost }): Promise<'closed' | 'gone'>
}

/** One message: up to ten jobs of one pool. Keys, fences and slots; never content. */
export interface JobMessage {
  readonly pool: string
  readonly sentAt: number
  /** The version of its changed settings under which it was permitted; absent where none was ever changed. */
  readonly settings?: number | undefined
  readonly jobs: readonly {
    key: LiveKey
    fence: number
    slot: number
    notAfter: number
    /** The one call that a stopped pool lets try. */
    probe?: boolean | undefined
    /** Tokens of output that its permit is for, where that is less than its kind allows. */
    maxOutput?: number | undefined
    /** Others have failed by the provider's doing, and none was answered since: what fails now costs no attempt. */
    doubted?: boolean | undefined
    /** Its record is another pool's: the one that permits it here, and why it does. */
    fallback?: Served | undefined
  }[]
}
export interface JobQueue {
  /** Answers the messages that were not taken, and an error that kept one of them. */
  send(p: { messages: readonly JobMessage[] }): Promise<{ failed: JobMessage[]; why?: unknown }>
}

/** A call's moment. Each is asked once, in this order; without a yes nothing is sent. */
export interface CallSlot {
  /** When all but a connection is ready: waits until it is time to connect. No: that would be for nothing. */
  nears(): Promise<boolean>
  /** With the connection standing, directly before the request goes out: waits for the slot. No: it has passed. */
  begin(): Promise<boolean>
}
export interface ModelRequest extends CallSlot {
  readonly jobId: string
  readonly fence: number
  readonly attempt: number
  readonly pool: PoolSettings
  readonly model: string
  readonly system?: string
  /** It is the same for all jobs of its kind, and worth the provider's keeping. */
  readonly cacheSystem?: boolean
  readonly prompt: string
  readonly maxOutputTokens: number
  readonly temperature?: number
  /** Counted from when the call leaves. */
  readonly timeoutMs: number
}
/** What the provider said, without judgement: core/retry.ts decides what follows. */
export type ModelAnswer =
  | {
      kind: 'text'
      text: string
      usage: Usage
      model: string
      /** It came to its end by itself, not cut by the limit on its length. */
      whole?: boolean
      headers: Readonly<Record<string, string>>
    }
  | { kind: 'refusal'; text: string; usage: Usage; model: string; headers: Readonly<Record<string, string>> }
  | {
      kind: 'error'
      status?: number
      code?: string
      message: string
      retryAfterMs?: number
      headers: Readonly<Record<string, string>>
    }
  | { kind: 'timeout'; message: string }
  /** The call was never made: a key, region or credential is missing. */
  | { kind: 'unconfigured'; message: string }
  /** Nor was it made here: its slot had passed. */
  | { kind: 'missed' }
export interface ModelPort {
  call(p: ModelRequest): Promise<ModelAnswer>
}

/** A person's call, passed through. Its permit is asked for in `nears`, when all else but a connection is ready. */
export interface ChatCall extends CallSlot {
  readonly pool: PoolSettings
  readonly body: ChatBody
  /** Counted from when the call leaves, to the end of its answer. */
  readonly timeoutMs: number
  /** Whoever asked has gone: the call ends. */
  readonly gone: AbortSignal
}
export type ChatAnswer =
  | {
      kind: 'answers'
      contentType: string
      headers: Readonly<Record<string, string>>
      /** Never throws: what breaks on the way is told in it. Returns what was used, if that was told. */
      chunks: AsyncGenerator<Uint8Array, Usage | undefined, undefined>
    }
  /** The call was never made: this pool's provider has nothing like that field. */
  | { kind: 'unsupported'; at: string; message: string }
  /** `sent`: it may have reached the provider. */
  | { kind: 'failed'; sent: boolean; said: Exclude<ModelAnswer, { kind: 'text' | 'missed' }> }
  | { kind: 'missed' }
export interface ChatPort {
  call(p: ChatCall): Promise<ChatAnswer>
}

/** Starts the dispatcher at once; a lost wake costs at most the schedule's minute. */
export interface Waker {
  wake(p: { pool: string }): Promise<void>
}

/** Where ends of jobs are published. */
export interface JobEvent {
  readonly jobId: string
  readonly outcome: End['outcome']
  readonly endedAt: number
}
export interface EventPort {
  publish(p: { events: readonly JobEvent[] }): Promise<{ failed: JobEvent[] }>
}

/** What a thing of the system tells its operators: counts only, never content. */
export interface Meter {
  count(name: string, value: number, dimensions?: Readonly<Record<string, string>>): void
}

/** Lines for whoever runs this. Ids, names and places in code only: nothing that may quote what people or models wrote. */
export interface Log {
  broken(what: string, facts: Readonly<Record<string, string>>): void
}
