/** The approval function: drafts in review, and a person's decision on them. It alone may write an approval. */
import type { Hono } from 'hono'
import { listReviews } from '../services/list-reviews.ts'
import { decide, getReview } from '../services/review.ts'
import { fromEnvironment } from './shared/compose.ts'
import type { FunctionDeps } from './shared/deps.ts'
import { body, checked, type HttpContext, type HttpEnv, httpApp } from './shared/http.ts'
import { type HttpHandler, httpHandler } from './shared/http-handler.ts'
import { problem } from './shared/problems.ts'
import { DecisionBody, JobIdParam, PageQuery } from './shared/schemas.ts'

export function approvalApp(deps: FunctionDeps): Hono<HttpEnv> {
  const app = httpApp(deps)
  const decision = (kind: 'approved' | 'rejected') => async (c: HttpContext) => {
    const id = checked(JobIdParam, c.req.param('id'), 'id')
    if (!id.ok) return problem(c, id)
    const request = await body(c, DecisionBody)
    if (!request.ok) return problem(c, request)
    const done = await decide(deps, c.get('caller'), id.value, { decision: kind, ...request.value })
    return done.ok ? c.json({ id: id.value, state: done.state }) : problem(c, done)
  }
  app.get('/v1/reviews', async (c) => {
    const query = checked(PageQuery, c.req.query(), 'query')
    if (!query.ok) return problem(c, query)
    const list = await listReviews(deps, c.get('caller'), query.value)
    return list.ok
      ? c.json({ reviews: list.reviews, ...(list.cursor ? { cursor: list.cursor } : {}) })
      : problem(c, list)
  })
  app.get('/v1/reviews/:id', async (c) => {
    const id = checked(JobIdParam, c.req.param('id'), 'id')
    if (!id.ok) return problem(c, id)
    const found = await getReview(deps, c.get('caller'), id.value)
    return found.ok ? c.json(found.job) : problem(c, found)
  })
  app.post('/v1/reviews/:id/approve', decision('approved'))
  app.post('/v1/reviews/:id/reject', decision('rejected'))
  return app
}

export const handler: HttpHandler = httpHandler(approvalApp, fromEnvironment)
