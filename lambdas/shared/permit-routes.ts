/** Permits for calls that people make themselves: asked for, waited for, settled or given back. */
import type { Hono } from 'hono'
import type { Deps } from '../../services/deps.ts'
import { askPermit } from '../../services/permits/ask.ts'
import { getPermit, releasePermit, settlePermit } from '../../services/permits/standing.ts'
import type { PermitView } from '../../services/permits/wait.ts'
import { body, checked, type HttpContext, type HttpEnv } from './http.ts'
import { problem } from './problems.ts'
import { JobIdParam, PermitBody, UsageBody, WaitQuery } from './schemas.ts'
import { sentKey } from './submit-routes.ts'

export function permitRoutes(deps: Deps, app: Hono<HttpEnv>): void {
  app.post('/v1/pools/:id/permits', (c) => askRoute(deps, c))
  app.get('/v1/pools/:id/permits/:permit', async (c) => {
    const query = checked(WaitQuery, c.req.query(), 'query')
    if (!query.ok) return problem(c, query)
    const at = placeOf(c)
    if (!at.ok) return problem(c, at)
    const found = await getPermit(deps, c.get('caller'), at.value, { waitS: query.value.wait })
    return found.ok ? c.json(shown(deps, found.permit), 200, askAgain(found.permit)) : problem(c, found)
  })
  app.post('/v1/pools/:id/permits/:permit/settle', async (c) => {
    const at = placeOf(c)
    if (!at.ok) return problem(c, at)
    const usage = await body(c, UsageBody)
    if (!usage.ok) return problem(c, usage)
    const done = await settlePermit(deps, c.get('caller'), at.value, usage.value)
    return done.ok ? c.json({ id: done.id, state: 'closed' }) : problem(c, done)
  })
  app.post('/v1/pools/:id/permits/:permit/release', async (c) => {
    const at = placeOf(c)
    if (!at.ok) return problem(c, at)
    const done = await releasePermit(deps, c.get('caller'), at.value)
    return done.ok ? c.json({ id: done.id, state: 'released' }) : problem(c, done)
  })
}

async function askRoute(deps: Deps, c: HttpContext): Promise<Response> {
  const headers = sentKey(c)
  if (!headers.ok) return problem(c, headers)
  const query = checked(WaitQuery, c.req.query(), 'query')
  if (!query.ok) return problem(c, query)
  const request = await body(c, PermitBody)
  if (!request.ok) return problem(c, request)
  const { useWithinS, lastsS, ...tokens } = request.value
  const pool = c.req.param('id') as string
  const done = await askPermit(deps, c.get('caller'), pool, {
    ...tokens,
    useWithinMs: Math.round(useWithinS * 1_000),
    lastsMs: Math.round(lastsS * 1_000),
    waitS: query.value.wait,
    idempotencyKey: headers.value['idempotency-key'],
  })
  if (!done.ok) return problem(c, done)
  const Location = `/v1/pools/${pool}/permits/${done.permit.id}`
  return c.json(shown(deps, done.permit), STATUS[done.permit.state], { Location, ...askAgain(done.permit) })
}

/** Closed: the key's call has been made. */
const STATUS = { waiting: 202, granted: 201, closed: 200 } as const
/** Well before whoever does not ask is forgotten. */
const ASK_WITHIN_S = 10
function askAgain({ state, expectedWithinMs }: PermitView): Record<string, string> {
  if (state !== 'waiting') return {}
  const expected = expectedWithinMs === undefined ? ASK_WITHIN_S : Math.ceil(expectedWithinMs / 1_000)
  return { 'Retry-After': String(Math.min(ASK_WITHIN_S, Math.max(1, expected))) }
}

/** How long is left is told too: the clock of whoever asks may be another. */
function shown(deps: Deps, { useBy, ...permit }: PermitView): object {
  if (useBy === undefined) return permit
  return { ...permit, useBy: new Date(useBy).toISOString(), useWithinMs: Math.max(0, useBy - deps.clock.now()) }
}

function placeOf(c: HttpContext) {
  const id = checked(JobIdParam, c.req.param('permit'), 'permit')
  return id.ok ? { ok: true as const, value: { pool: c.req.param('id') as string, id: id.value } } : id
}
