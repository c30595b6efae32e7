/**
 * A worker's message: up to ten jobs, all at once, so that waiting for the model is paid once.
 * Whatever happens to one of them, the others settle; the dispatcher is told once, and at once of what came late.
 */
import type { Settled } from '../core/bell.ts'
import { attempt } from './attempt.ts'
import type { WorkerDeps } from './deps.ts'
import type { JobMessage } from './ports.ts'

/** What one job of a message came to. */
export interface Report {
  readonly settled: Settled
  /** ms between being ready and the slot. */
  readonly slackMs?: number
  readonly refusedUntil?: number
}

/** A worker whose clock is this far behind the message's cannot tell its slot: it refuses. */
const CLOCK_BEHIND_MS = 250

export async function work(deps: WorkerDeps, message: JobMessage): Promise<void> {
  const behind = deps.clock.now() < message.sentAt - CLOCK_BEHIND_MS
  const late: Report[] = []
  const rest: Promise<Report | undefined>[] = []
  for (const job of message.jobs) {
    if (behind || deps.clock.now() > job.notAfter)
      late.push({
        settled: { jobId: job.key.jobId, fence: job.fence, what: 'late' },
        slackMs: job.slot - deps.clock.now(),
      })
    else rest.push(attempt(deps, message, job))
  }
  if (late.length > 0) await tell(deps, message.pool, late)
  const reports = (await Promise.all(rest)).filter((r): r is Report => r !== undefined)
  if (reports.length > 0) await tell(deps, message.pool, reports)
}

async function tell(deps: WorkerDeps, pool: string, reports: readonly Report[]): Promise<void> {
  const slacks = reports.flatMap((r) => r.slackMs ?? [])
  const quiet = reports.flatMap((r) => r.refusedUntil ?? [])
  await deps.doorbell.ring(pool, {
    v: 1,
    id: deps.random.id(deps.clock.now()),
    t: 'settled',
    jobs: reports.map((r) => r.settled),
    ...(slacks.length > 0 ? { slackMs: Math.min(...slacks) } : {}),
    ...(quiet.length > 0 ? { refused: quiet.length, quietUntil: Math.max(...quiet) } : {}),
  })
}
