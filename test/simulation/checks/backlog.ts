/** Who waits for a permit, as the tables and the messages tell: what the checks of fairness count by. */
import type { JobMessage } from '../../../services/ports.ts'
import type { JobFacts } from '../book.ts'
import type { Move } from '../moves.ts'
import type { Witness } from './check.ts'

export interface Waiting {
  readonly jobId: string
  readonly pool: string
  readonly owner: string
  readonly tier: string
  /** From when on it may start and was in its lane. */
  readonly since: number
}
/** After this the dispatcher has heard of a record: its bell is written and the next poll has read it. */
const HEARD_MS = 400

export class Backlog {
  private readonly waiting = new Map<string, Waiting>()

  constructor(private readonly w: Witness) {}

  move(move: Move, job: JobFacts | undefined): void {
    const put = move.put[0]?.item
    if (put?.['state'] !== 'queued' || !put) return void this.waiting.delete(move.jobId)
    const { pool, owner, tier } = put as unknown as Waiting
    const at = Number(put.sk.slice(0, 13))
    if (pool && !job?.end)
      this.waiting.set(move.jobId, { jobId: move.jobId, pool, owner, tier, since: Math.max(at, this.w.now()) })
  }

  /** What a message's job was waiting as. */
  take(job: JobMessage['jobs'][number]): Waiting | undefined {
    const its = this.waiting.get(job.key.jobId)
    this.waiting.delete(job.key.jobId)
    return its
  }

  /** Those of a pool that the dispatcher has known as ready for a while. */
  ready(pool: string): Waiting[] {
    const known = this.w.now() - HEARD_MS
    return [...this.waiting.values()].filter((one) => one.pool === pool && one.since <= known)
  }
}
