/**
 * Tasks of several jobs in a row, each submitted as soon as the one before has ended, and a diary of what became of each
 * job: when it was submitted, claimed and ended, and what the provider took for it.
 */
import type { ApiClient } from '../local/api-client.ts'
import { jobOf, submit } from './load.ts'
import type { Span } from './messages.ts'
import type { Called } from './provider.ts'
import type { Seen } from './watching.ts'

export interface Entry {
  /** Epoch ms: just before the request was sent. */
  submittedAt?: number
  claimedAt?: number
  /** Its end was written. */
  endedAt?: number
  calls: Called[]
}

export class Diary {
  readonly entries = new Map<string, Entry>()
  /** Invocations of workers, as far as their messages told of themselves. */
  readonly invocations: Span[] = []
  private readonly waiting = new Map<string, () => void>()

  of(jobId: string): Entry {
    const known = this.entries.get(jobId)
    if (known) return known
    const entry: Entry = { calls: [] }
    this.entries.set(jobId, entry)
    return entry
  }

  called(call: Called): void {
    this.of(call.jobId).calls.push(call)
  }

  see(seen: Seen): void {
    if (seen.kind === 'claimed') this.of(seen.jobId).claimedAt ??= seen.at
    else if (seen.kind === 'settled') this.settled(seen)
    else {
      this.of(seen.jobId).endedAt = seen.at
      this.waiting.get(seen.jobId)?.()
      this.waiting.delete(seen.jobId)
    }
  }

  private settled({ jobIds, at }: Extract<Seen, { kind: 'settled' }>): void {
    const claims = jobIds.flatMap((jobId) => this.entries.get(jobId)?.claimedAt ?? [])
    if (claims.length > 0) this.invocations.push({ from: Math.min(...claims), to: at })
  }

  ended(jobId: string): Promise<void> {
    if (this.of(jobId).endedAt !== undefined) return Promise.resolve()
    return new Promise((resolve) => this.waiting.set(jobId, resolve))
  }

  /** What a job took beyond the provider's time for it, in ms; only of jobs that were called once and have ended. */
  addedMs(): number[] {
    return [...this.entries.values()].flatMap(({ submittedAt, endedAt, calls }) => {
      const [only] = calls
      if (submittedAt === undefined || endedAt === undefined || calls.length !== 1 || !only) return []
      return only.hangs ? [] : [endedAt - submittedAt - only.takesMs]
    })
  }

  spans(): Span[] {
    return [...this.entries.values()].flatMap(({ claimedAt, endedAt }) =>
      claimedAt === undefined || endedAt === undefined ? [] : [{ from: claimedAt, to: endedAt }],
    )
  }
}

export async function task(api: ApiClient, diary: Diary, p: { owner: string; steps: number }): Promise<void> {
  for (let step = 0; step < p.steps; step++) {
    const submittedAt = Date.now()
    const jobId = await submit(api, jobOf('medium', p.owner))
    diary.of(jobId).submittedAt = submittedAt
    await diary.ended(jobId)
  }
}
