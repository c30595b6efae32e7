/** What one job of a worker's message came to: told to the dispatcher by the message's bell. */
import type { Settled } from '../core/bell.ts'
import type { Told } from '../core/feedback.ts'
import { poolOf } from '../core/lane.ts'
import type { JobMessage } from './ports.ts'

export type Sent = JobMessage['jobs'][number]

export interface Report {
  readonly settled: Settled
  /** The pool in whose lane its record stands. */
  readonly home: string
  /** It stands where it did, and its own pool is not told that it has left. */
  readonly stays?: true
  /** ms between being ready and the slot. */
  readonly slackMs?: number
  readonly refusedUntil?: number
  /** What the provider said of its limits, to a call of this slot. */
  readonly heard?: { readonly slot: number; readonly told: Told }
}

export const report = (sent: Sent, what: Settled['what'], state?: string): Report => ({
  settled: { jobId: sent.key.jobId, fence: sent.fence, slot: sent.slot, what, ...(state ? { state } : {}) },
  home: poolOf(sent.key.lane),
})
