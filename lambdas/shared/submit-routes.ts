/** Submit and batch: one job or up to a hundred, each entry answered for itself. */
import type { Overview } from '../../core/overview.ts'
import { recentOverview } from '../../services/backlog.ts'
import { tellBroken } from '../../services/broken.ts'
import type { Deps } from '../../services/deps.ts'
import { type SubmitRequest, submit } from '../../services/submit.ts'
import { type Submitted, submitBatch } from '../../services/submit-batch.ts'
import { body, checked, type HttpContext, whereOf } from './http.ts'
import { problem, problemOf, STATUS, type Wrong } from './problems.ts'
import { BatchBody, BatchEntry, IdempotencyHeader, SubmitBody } from './schemas.ts'

const startAt = (iso: string | undefined) => (iso === undefined ? undefined : Date.parse(iso))

/** Says in advance how much more may wait (RateLimit headers, draft-ietf-httpapi-ratelimit-headers). */
async function sayLimit(deps: Deps, c: HttpContext, kind: string, owner: string): Promise<void> {
  const overview = await recentOverview(deps, deps.settings.kinds[kind]?.pool ?? '')
  const atMost = deps.settings.backlogPerOwner
  const more = overview && moreOf(overview, owner, atMost)
  c.header('RateLimit-Policy', `"backlog";q=${atMost}`)
  if (more !== undefined) c.header('RateLimit', `"backlog";r=${more}`)
}

/** The picture has the busiest owners, and names all whose backlog is full. Of any other it knows nothing, unless it has all. */
function moreOf({ full, owners, ownersLive }: Overview, owner: string, atMost: number): number | undefined {
  if (full.includes(owner)) return 0
  const shown = owners.find((o) => o.owner === owner)
  if (!shown && ownersLive > owners.length) return undefined
  return Math.max(0, atMost - (shown?.queued ?? 0))
}

/** As it was sent: the adapter writes anew what is not ASCII, and another key than the caller's would be taken. */
export function sentKey(c: HttpContext) {
  const { headers = {} } = c.env.event as { headers?: Record<string, string | undefined> }
  const [, key] = Object.entries(headers).find(([name]) => name.toLowerCase() === 'idempotency-key') ?? []
  return checked(IdempotencyHeader, { 'idempotency-key': key }, 'header')
}

export async function submitRoute(deps: Deps, c: HttpContext): Promise<Response> {
  const headers = sentKey(c)
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
  const headers = sentKey(c)
  if (!headers.ok) return problem(c, headers)
  const request = await body(c, BatchBody)
  if (!request.ok) return problem(c, request)
  const entries = request.value.jobs.map((raw, i) => entryOf(raw, i, headers.value['idempotency-key']))
  const good = entries.flatMap((entry) => (entry.ok ? [entry.request] : []))
  const answers = (await submitBatch(deps, c.get('caller'), good)).values()
  const results = entries.map((entry, i) => {
    if (!entry.ok) return wrongEntry(entry, i)
    return entryAnswer(deps, c, answers.next().value as Submitted, i)
  })
  return c.json({ results }, 200)
}

const placeOf = (i: number) => `jobs.${i}`

function wrongEntry(wrong: Wrong, i: number): object {
  const place = placeOf(i)
  return problemOf({ ...wrong, at: !wrong.at || wrong.at === place ? place : `${place}.${wrong.at}` })
}

/** Each entry may have a key of its own; else the header's key and its place make one. */
function entryOf(
  raw: unknown,
  i: number,
  batchKey: string | undefined,
): { ok: true; request: SubmitRequest } | (Wrong & { ok: false }) {
  const job = checked(BatchEntry, raw, placeOf(i))
  if (!job.ok) return job
  const { key, ...request } = job.value
  const idempotencyKey = key ?? (batchKey === undefined ? undefined : `${batchKey}:${i}`)
  return { ok: true, request: { ...request, startAt: startAt(request.startAt), idempotencyKey } }
}

function entryAnswer(deps: Deps, c: HttpContext, done: Submitted, i: number): object {
  if (done.ok === true) return { status: 202, id: done.jobId, repeated: done.repeated }
  if (done.ok === false) return wrongEntry(done, i)
  tellBroken(deps, 'RequestsBroken', done.error, { ...whereOf(c), entry: String(i) })
  const remedy = `Repeat entry ${i} under the same key (${STATUS.internal}).`
  return wrongEntry({ code: 'internal', detail: 'Something broke here.', remedy }, i)
}
