/** Drafts and decisions. */
import * as z from 'zod'
import { DecisionBody, PageQuery } from '../../lambdas/shared/schemas.ts'
import { answers, id, takes } from './operations.ts'
import { Job, ReviewRow, StateOf } from './shown.ts'

export const REVIEWS_PATHS = {
  '/v1/reviews': {
    get: {
      summary: 'Drafts that wait for a person',
      requestParams: { query: PageQuery },
      responses: answers(200, z.object({ reviews: z.array(ReviewRow), cursor: z.string().optional() }), 'A page'),
    },
  },
  '/v1/reviews/{id}': {
    get: {
      summary: 'A draft in review, or what came of it once it was decided; of other jobs nothing',
      requestParams: { path: id },
      responses: answers(200, Job, 'The job, with its draft while it waits'),
    },
  },
  '/v1/reviews/{id}/approve': {
    post: {
      summary: 'Approve a draft version: it is released without a second model call',
      requestParams: { path: id },
      requestBody: takes(DecisionBody),
      responses: answers(200, StateOf, 'Released'),
    },
  },
  '/v1/reviews/{id}/reject': {
    post: {
      summary: 'Reject a draft version',
      requestParams: { path: id },
      requestBody: takes(DecisionBody),
      responses: answers(200, StateOf, 'Rejected'),
    },
  },
}
