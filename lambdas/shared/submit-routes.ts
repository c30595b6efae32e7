/** Submit and batch: one job or up to a hundred, each entry answered for itself. */
import { recentOverview } from '../../services/backlog.ts'
import type { Deps } from '../../services/deps.ts'
import { submit } from '../../services/submit.ts'
import { body, checked, type HttpContext } from './http.ts'
import { problem, problemOf, STATUS, type Wrong } from './problems.ts'
import { BatchBody, BatchEntry, IdempotencyHeader, SubmitBody } from './schemas.ts'

/** So many entries of a batch are written at once: a batch must not starve the other requests of its process. */
const ENTRIES_AT_ONCE = 10

const startAt = (iso: string | undefined) => (iso === undefined ? undefined : Date.parse(iso))

/** Says in advance how much more may wait (RateLimit headers, draft-ietf-httpapi-ratelimit-headers). */
async function sayLimit(deps: Deps, c: HttpContext, kind: string, owner: string): Promise<void> {
  const overview = await recentOverview(deps, deps.settings.kinds[kind]?.pool ?? '')
  const queued = overview?.owners.find((o) => o.owner === owner)?.queued ?? 0
  c.header('RateLimit-Policy', `"backlog";q=${deps.settings.backlogPerOwner}`)
  c.header('RateLimit', `"backlog";r=${Math.max(0, deps.settings.backlogPerOwner - queued)}`)
}

export async function submitRoute(deps: Deps, c: HttpContext): Promise<Response> {
  const headers = checked(IdempotencyHeader, { 'idempotency-key': c.req.header('idempotency-key') }, 'header')
  if (!headers.ok) return problem(c, headers)
  const request = await body(c, SubmitBody)
  if (!request.ok) return problem(c, request)
  const caller = c.get('caller')
  const { value } = request
  const idempotencyKey = headers.value['idempotency-key']
  const done = await submit(deps, caller, { ...value, startAt: startAt(value.startAt), idempotencyKey })
  // Of a kind that there is not, or an owner of somebody else, there is nothing to say.
  if (done.ok || done.code === 'backlog-full') await sayLimit(deps, c, value.kind, value.owner ?? caller.owner)
  if (!done.ok) return problem(c, done)
  return c.json({ id: done.jobId, repeated: done.repeated }, 202, { Location: `/v1/jobs/${done.jobId}` })
}

export async function submitBatchRoute(deps: Deps, c: HttpContext): Promise<Response> {
  const headers = checked(IdempotencyHeader, { 'idempotency-key': c.req.header('idempotency-key') }, 'header')
  if (!headers.ok) return problem(c, headers)
  const request = await body(c, BatchBody)
  if (!request.ok) return problem(c, request)
  const { jobs } = request.value
  const results: unknown[] = []
  for (let i = 0; i < jobs.length; i += ENTRIES_AT_ONCE) {
    const some = jobs.slice(i, i + ENTRIES_AT_ONCE)
    results.push(
      ...(await Promise.all(some.map((job, k) => entry(deps, c, job, i + k, headers.value['idempotency-key'])))),
    )
  }
  return c.json({ results }, 200)
}

async function entry(
  deps: Deps,
  c: HttpContext,
  raw: unknown,
  i: number,
  batchKey: string | undefined,
): Promise<unknown> {
  const place = `jobs.${i}`
  const wrong = (r: Wrong) => problemOf({ ...r, at: !r.at || r.at === place ? place : `${place}.${r.at}` })
  const job = checked(BatchEntry, raw, place)
  if (!job.ok) return wrong(job)
  const { key, ...request } = job.value
  const idempotencyKey = key ?? (batchKey === undefined ? undefined : `${batchKey}:${i}`)
  try {
    const done = await submit(deps, c.get('caller'), { ...request, startAt: startAt(request.startAt), idempotencyKey })
    return done.ok ? { status: 202, id: done.jobId, repeated: done.repeated } : wrong(done)
  } catch {
    deps.meter.count('RequestsBroken', 1, { error: 'batch-entry' })
    return wrong({
      code: 'internal',
      detail: 'Something broke here.',
      remedy: `Repeat entry ${i} under the same key (${STATUS.internal}).`,
    })
  }
}
