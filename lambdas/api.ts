/** The API function: parse, call one service, answer. */

import type { Hono } from 'hono'
import { etag } from 'hono/etag'
import { OwnerName } from '../core/settings.ts'
import { cancel } from '../services/cancel.ts'
import { changePool } from '../services/change-pool.ts'
import { getJob } from '../services/get-job.ts'
import { listJobs } from '../services/list-jobs.ts'
import { owner, owners } from '../services/owners.ts'
import { overview, pool, pools, resume } from '../services/pools.ts'
import { redrive } from '../services/redrive.ts'
import { fromEnvironment } from './shared/compose.ts'
import type { FunctionDeps } from './shared/deps.ts'
import { body, checked, type HttpContext, type HttpEnv, httpApp, MERGE_PATCH } from './shared/http.ts'
import { type HttpHandler, httpHandler } from './shared/http-handler.ts'
import openapi from './shared/openapi.json' with { type: 'json' }
import { permitRoutes } from './shared/permit-routes.ts'
import { problem } from './shared/problems.ts'
import { JobIdParam, ListQuery, PageQuery, PoolPatchBody, WaitQuery } from './shared/schemas.ts'
import { submitBatchRoute, submitRoute } from './shared/submit-routes.ts'

export function apiApp(deps: FunctionDeps): Hono<HttpEnv> {
  const app = httpApp(deps)
  const withId = (run: (c: HttpContext, id: string) => Promise<Response>) => (c: HttpContext) => {
    const id = checked(JobIdParam, c.req.param('id'), 'id')
    return id.ok ? run(c, id.value) : problem(c, id)
  }
  app.get('/health', (c) => c.json({ status: 'ok' }))
  app.get('/v1/openapi.json', (c) => c.json(openapi))
  app.post('/v1/jobs', (c) => submitRoute(deps, c))
  app.post('/v1/jobs/batch', (c) => submitBatchRoute(deps, c))
  app.get('/v1/jobs', async (c) => {
    const query = checked(ListQuery, c.req.query(), 'query')
    if (!query.ok) return problem(c, query)
    const list = await listJobs(deps, c.get('caller'), query.value)
    return list.ok ? c.json({ jobs: list.jobs, ...(list.cursor ? { cursor: list.cursor } : {}) }) : problem(c, list)
  })
  app.get(
    '/v1/jobs/:id',
    withId(async (c, id) => {
      const query = checked(WaitQuery, c.req.query(), 'query')
      if (!query.ok) return problem(c, query)
      const found = await getJob(deps, c.get('caller'), id, { waitS: query.value.wait })
      return found.ok ? c.json(found.job) : problem(c, found)
    }),
  )
  app.post(
    '/v1/jobs/:id/cancel',
    withId(async (c, id) => {
      const done = await cancel(deps, c.get('caller'), id)
      return done.ok ? c.json({ id, state: done.state }, done.state === 'cancelling' ? 202 : 200) : problem(c, done)
    }),
  )
  app.post(
    '/v1/jobs/:id/redrive',
    withId(async (c, id) => {
      const done = await redrive(deps, c.get('caller'), id)
      return done.ok ? c.json({ id, state: 'queued' }, 202, { Location: `/v1/jobs/${id}` }) : problem(c, done)
    }),
  )
  app.get('/v1/pools', async (c) => {
    const seen = await pools(deps, c.get('caller'))
    return seen.ok ? c.json({ pools: seen.pools }) : problem(c, seen)
  })
  app.get('/v1/pools/:id', async (c) => {
    const seen = await pool(deps, c.get('caller'), c.req.param('id'))
    return seen.ok ? c.json(seen.pool, 200, { ETag: seen.etag }) : problem(c, seen)
  })
  app.patch('/v1/pools/:id', async (c) => {
    const patch = await body(c, PoolPatchBody, MERGE_PATCH)
    if (!patch.ok) return problem(c, patch)
    const change = { patch: patch.value, ifMatch: c.req.header('if-match') }
    const done = await changePool(deps, c.get('caller'), c.req.param('id'), change)
    return done.ok ? c.json(done.pool, 200, { ETag: done.etag }) : problem(c, done)
  })
  app.post('/v1/pools/:id/resume', async (c) => {
    const done = await resume(deps, c.get('caller'), c.req.param('id'))
    return done.ok ? c.json({ pool: done.pool, state: 'running' }) : problem(c, done)
  })
  app.get('/v1/owners', async (c) => {
    const query = checked(PageQuery, c.req.query(), 'query')
    if (!query.ok) return problem(c, query)
    const seen = await owners(deps, c.get('caller'), query.value)
    return seen.ok ? c.json({ owners: seen.owners, ...(seen.cursor ? { cursor: seen.cursor } : {}) }) : problem(c, seen)
  })
  app.get('/v1/owners/:id', async (c) => {
    const id = checked(OwnerName, c.req.param('id'), 'id')
    if (!id.ok) return problem(c, id)
    const seen = await owner(deps, c.get('caller'), id.value)
    return seen.ok ? c.json(seen.owner) : problem(c, seen)
  })
  permitRoutes(deps, app)
  app.get('/v1/overview', etag(), async (c) => {
    const seen = await overview(deps, c.get('caller'))
    return seen.ok ? c.json({ pools: seen.pools }) : problem(c, seen)
  })
  return app
}

export const handler: HttpHandler = httpHandler(apiApp, fromEnvironment)
