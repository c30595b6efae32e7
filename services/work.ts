/**
 * A worker's message: up to ten jobs, all at once, so that waiting for the model is paid once.
 * Whatever happens to one of them, the others settle; the dispatcher is told once, and at once of what cannot wait:
 * jobs that came late, missed their slot or had an answer of the cache, whose capacity serves another, and a provider that asks for quiet.
 */
import { isSaved } from '../core/bell.ts'
import { isProviders } from '../core/breaker.ts'
import { attempt } from './attempt.ts'
import type { Hush } from './call-in-slot.ts'
import type { WorkerDeps } from './deps.ts'
import type { JobMessage } from './ports.ts'
import { type Report, report, type Sent } from './report.ts'

/** A worker whose clock is this far behind the message's cannot tell its slot: it refuses. */
const CLOCK_BEHIND_MS = 250

export async function work(deps: WorkerDeps, message: JobMessage): Promise<void> {
  const now = deps.clock.now()
  const behind = now < message.sentAt - CLOCK_BEHIND_MS
  const isLate = (job: Sent) => behind || now > job.notAfter
  const late = message.jobs.filter(isLate).map((job) => ({ ...report(job, 'late'), slackMs: job.slot - now }))
  const hush: Hush = { until: 0 }
  const attempts = message.jobs.filter((job) => !isLate(job)).map((job) => attempted(deps, message, job, hush))
  const rest = (await Promise.all([toldAtOnce(deps, message.pool, late), ...attempts])).flat()
  await tell(deps, message.pool, rest)
}

/** What is still to be told of a job. Its neighbours may take long, and until quiet is heard all calls are refused. */
async function attempted(deps: WorkerDeps, message: JobMessage, job: Sent, hush: Hush): Promise<Report[]> {
  const done = await attempt(deps, message, job, hush)
  if (!done) return []
  const { limits, breaker } = deps.settings.pools[message.pool]?.feedback ?? {}
  if (limits) hush.until = Math.max(hush.until, done.refusedUntil ?? 0)
  const down = breaker === true && isProviders(done.settled.failed ?? '')
  const waits = done.refusedUntil === undefined && done.settled.what !== 'back' && !isSaved(done.settled) && !down
  return waits ? [done] : toldAtOnce(deps, message.pool, [done])
}

/** Answers what could not be told: it is told again with the rest, for no bell is worth a neighbour's call. */
const toldAtOnce = (deps: WorkerDeps, pool: string, reports: readonly Report[]): Promise<Report[]> =>
  tell(deps, pool, reports).then(
    () => [],
    () => [...reports],
  )

/** Guests' own pools are told apart that their jobs have gone from their lanes, and of nothing that tells of a provider. */
async function tell(deps: WorkerDeps, pool: string, reports: readonly Report[]): Promise<void> {
  if (reports.length === 0) return
  await tellPool(deps, pool, reports)
  const gone = reports.filter(({ home, settled, stays }) => home !== pool && settled.what === 'gone' && !stays)
  for (const home of new Set(gone.map((r) => r.home))) {
    const jobs = gone.flatMap((r) => {
      const { jobId, fence, what, state } = r.settled
      return r.home === home ? [{ jobId, fence, what, ...(state === undefined ? {} : { state }) }] : []
    })
    await deps.doorbell.ring(home, { v: 1, id: deps.random.id(deps.clock.now()), t: 'settled', jobs, by: pool })
  }
}

async function tellPool(deps: WorkerDeps, pool: string, reports: readonly Report[]): Promise<void> {
  const slacks = reports.flatMap((r) => r.slackMs ?? [])
  const quiet = reports.flatMap((r) => r.refusedUntil ?? [])
  const [heard] = reports.filter((r) => r.heard).sort((a, b) => (b.heard?.slot ?? 0) - (a.heard?.slot ?? 0))
  await deps.doorbell.ring(pool, {
    v: 1,
    id: deps.random.id(deps.clock.now()),
    t: 'settled',
    jobs: reports.map((r) => r.settled),
    ...(slacks.length > 0 ? { slackMs: Math.min(...slacks) } : {}),
    ...(quiet.length > 0 ? { refused: quiet.length, quietUntil: Math.max(...quiet) } : {}),
    ...(heard?.heard ? { heard: { jobId: heard.settled.jobId, told: heard.heard.told } } : {}),
  })
}
