/** A job as the API shows it. */
import type { Cached, Draft, JobError, JobState, Served, Usage } from '../core/job.ts'
import type { Deps } from './deps.ts'
import type { FoundJob } from './find-job.ts'
import { why } from './why.ts'

const iso = (ms: number): string => new Date(ms).toISOString()
const errorView = (e: JobError) => ({ ...e, at: iso(e.at) })

const cachedView = (cached: Cached | undefined) =>
  cached ? { cached: { jobId: cached.jobId, at: iso(cached.at) } } : {}
const draftView = ({ version, text, hash, model, fallback, createdAt, cached }: Draft) => ({
  version,
  text,
  hash,
  model,
  ...(fallback ? { fallback } : {}),
  createdAt: iso(createdAt),
  ...cachedView(cached),
})

export interface JobView {
  id: string
  owner: string
  kind: string
  pool: string
  tier: string
  state: JobState | 'submitted'
  submittedAt: string
  startsAt?: string
  attempts: number
  waiting?: { reason: string; sentence: string; until?: string }
  draft?: {
    version: number
    text: string
    hash: string
    model: string
    fallback?: Served
    createdAt: string
    cached?: { jobId: string; at: string }
  }
  result?: string
  /** That served it; with `fallback` by another pool than its own, and why. */
  model?: string
  fallback?: Served
  usage?: Usage
  cached?: { jobId: string; at: string }
  approvedBy?: string
  reason?: string
  endedAt?: string
  errors: ReturnType<typeof errorView>[]
}

export async function viewJob(deps: Deps, { parts, live }: FoundJob): Promise<JobView> {
  const { input, end, draft } = parts
  const base = {
    id: input.jobId,
    owner: input.owner,
    kind: input.kind,
    pool: input.pool,
    tier: input.tier,
    submittedAt: iso(input.submittedAt),
  }
  if (end) {
    const { result, model, fallback, usage, approvedBy, reason, cached } = end
    return {
      ...base,
      state: end.outcome,
      attempts: end.attempts,
      ...defined({ result, model, fallback, usage, ...cachedView(cached), approvedBy, reason }),
      endedAt: iso(end.endedAt),
      errors: end.errors.map(errorView),
    }
  }
  if (!live) return { ...base, state: 'submitted', attempts: 0, errors: [] }
  const waits = await why(deps, live)
  return {
    ...base,
    state: live.state,
    attempts: live.attempt,
    ...(live.state === 'queued' ? { startsAt: iso(live.key.at) } : {}),
    ...(waits
      ? { waiting: { ...waits, ...(waits.until ? { until: iso(waits.until) } : {}) } as JobView['waiting'] }
      : {}),
    ...(live.state === 'in-review' && draft ? { draft: draftView(draft) } : {}),
    errors: live.errors.map(errorView),
  } as JobView
}

function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined)) as never
}
