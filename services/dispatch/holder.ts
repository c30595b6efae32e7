/** What the holder of a pool's lease keeps in memory. All of it can be lost: the tables hold the truth. */
import type { AtOnce } from '../../core/at-once.ts'
import type { Evidence } from '../../core/breaker.ts'
import type { Dimension } from '../../core/cost.ts'
import type { Allowance, Feedback } from '../../core/feedback.ts'
import type { Tier } from '../../core/job.ts'
import type { Learned, Lengths } from '../../core/learned.ts'
import type { LedgerRecord } from '../../core/ledger-record.ts'
import type { Ledgers } from '../../core/ledgers.ts'
import type { Next } from '../../core/pacing.ts'
import type { Ring, Sent } from '../../core/ring.ts'
import type { PoolSettings } from '../../core/settings.ts'
import type { WaitReason } from '../../core/wait-reason.ts'
import type { Costing } from '../costs.ts'
import type { Load } from './load.ts'
import type { PeopleKept } from './people-heard.ts'
import type { Uses } from './uses.ts'

export interface Holder {
  readonly pool: string
  settings: PoolSettings
  /** Versions of its changed settings: what it plans by, and what a bell told of. */
  changes: { readonly adopted: number; readonly heard: number }
  record: LedgerRecord
  ring: Ring
  ledgers: Ledgers
  costing: Costing
  next: Next
  /** What people have; absent where they take nothing. */
  people?: PeopleKept
  /** What sending takes at present, from what workers tell. */
  travelMs: number
  /** Slots are leased at least so far apart, as workers could not keep up with more. */
  slowedMs: number
  readonly load: Load
  /**
   * `since`: the refused call's slot, or when a failed one had surely arrived; only a later one's answer shows that the
   * provider is well. `probes`: made so far.
   * `down`: nothing is refused, the provider fails. `unwritten`: the record of that is still to be put.
   */
  stopped?: { line: string; probeAt: number; since: number; probes: number; down?: true; unwritten?: boolean }
  /** Calls whose jobs were queued again before their message's bell came: what is told of them is told then. */
  readonly queuedAgain: Map<string, Sent>
  /** Failures that look like a provider that is down. */
  readonly evidence: Evidence
  /** What the provider says of its limits, and what follows of it since when. */
  feedback: Feedback
  allows: Readonly<Partial<Record<Dimension, Allowance & { readonly since: number }>>>
  atOnce?: AtOnce | undefined
  /** The latest call that was answered: its slot, and when that was heard. */
  answered: { slot: number; at: number }
  /** A probe went through: the stop's record is to be taken away. */
  mended: boolean
  quietUntil: number
  /** The latest moment that this process's clock has shown. */
  latest: number
  /** Bells read, whose deletion is not certain yet. */
  readonly absorbed: Set<string>
  holds?: WaitReason
  /** What owners have used. */
  readonly uses: Uses
  done: Record<Tier, number>
  /** Jobs that a look found gone before their bell came, as a slow neighbour keeps it from ringing: counted with it. */
  readonly gone: Map<string, { readonly fence: number; readonly tier: Tier }>
  refused: number
  late: number
  /** Of kinds' calls: `costing` looks here. */
  readonly learned: Readonly<Record<keyof Learned, Map<string, Lengths>>>
  /** Tokens that were not reserved for it. */
  recovered: number
  /** Calls that the cache has saved. */
  saved: number
  /** Jobs that other pools have served. */
  elsewhere: number
  /** Bells that did not parse at the last tick. */
  unreadable: number
  /** What of both the metrics have told already. */
  told: { refused: number; late: number }
  /** Times (epoch ms) from which each occasional duty is due again. */
  due: { note: number; look: number; offer: number; overview: number; leave: number; metrics: number; stop: number }
  /** Last moment with something to do. */
  busyAt: number
}

/** A lease is renewed in good time even when no slot is leased. */
export const RENEW_MS = 10_000
/** After its slot a sent job is looked at once, in a batch: by then its bell has come, or it runs, or it was lost. */
export const LOOK_AFTER_MS = 10_000
export const LOOK_EVERY_MS = 1_000
export const NOTE_EVERY_MS = 3_000
export const OVERVIEW_EVERY_MS = 1_000
export const METRICS_EVERY_MS = 60_000
export const LEAVE_EVERY_MS = 60_000
/** A pool that goes on looks so often whether a record says that it is stopped. */
export const STOP_EVERY_MS = 60_000
export const LEAVE_AFTER_IDLE_MS = 300_000
/**
 * A stopped pool lets one job try, so that a mended key is noticed without anybody's help: soon at first, as it may have
 * been one job alone that was refused, then half as often each time until once a minute.
 */
export const PROBE_FIRST_MS = 2_000
const PROBE_EVERY_MS = 60_000
/** A provider that is down comes back by itself: it is asked more often, by pools of many fleets not all at once. */
const PROBE_DOWN_EVERY_MS = 12_000
const JITTER = 1 / 4
export const untilProbeMs = (probes: number): number => Math.min(PROBE_EVERY_MS, PROBE_FIRST_MS * 2 ** probes)
/** `unit` is a random number in [0, 1). */
export const untilDownProbeMs = (probes: number, unit: number): number =>
  Math.min(PROBE_DOWN_EVERY_MS, untilProbeMs(probes)) * (1 - JITTER + 2 * JITTER * unit)
export const BELLS_PER_TICK = 500
export const INITIAL_TRAVEL_MS = 60
/** Workers that were idle are not met by all that a burst allows in one moment. */
export const INITIAL_SLOWED_MS = 3
