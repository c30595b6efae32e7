/** Jobs. */
import * as z from 'zod'
import {
  BATCH_AT_MOST,
  BatchEntry,
  IdempotencyHeader,
  ListQuery,
  SubmitBody,
  WaitQuery,
} from '../../lambdas/shared/schemas.ts'
import { answers, id, json, limits, located, problem, takes } from './operations.ts'
import { Accepted, Job, Listed, Problem, StateOf } from './shown.ts'

export const JOBS_PATHS = {
  '/v1/jobs': {
    post: {
      summary: 'Submit a job',
      requestParams: { header: IdempotencyHeader },
      requestBody: takes(SubmitBody),
      responses: {
        202: json(Accepted, 'Accepted: it is never lost', located.extend(limits)),
        default: problem({ ...limits, 'RateLimit-Policy': limits['RateLimit-Policy'].optional() }),
      },
    },
    get: {
      summary: "List an owner's live jobs, what needs attention, or what is in flight",
      requestParams: { query: ListQuery },
      responses: answers(200, z.object({ jobs: z.array(Listed), cursor: z.string().optional() }), 'A page'),
    },
  },
  '/v1/jobs/batch': {
    post: {
      summary: `Submit up to ${BATCH_AT_MOST} jobs; each entry is answered for itself`,
      requestParams: { header: IdempotencyHeader },
      requestBody: takes(z.object({ jobs: z.array(BatchEntry).min(1).max(BATCH_AT_MOST) })),
      responses: answers(
        200,
        z.object({ results: z.array(z.union([Accepted.extend({ status: z.literal(202) }), Problem])) }),
        'One answer per entry, in order',
      ),
    },
  },
  '/v1/jobs/{id}': {
    get: {
      summary: 'A job, its state, why it waits, its result',
      requestParams: { path: id, query: WaitQuery },
      responses: answers(200, Job, 'The job'),
    },
  },
  '/v1/jobs/{id}/cancel': {
    post: {
      summary: 'Cancel a job',
      requestParams: { path: id },
      responses: {
        ...answers(200, StateOf, 'Cancelled'),
        202: json(StateOf, 'It runs, and will end as cancelled'),
      },
    },
  },
  '/v1/jobs/{id}/redrive': {
    post: {
      summary: 'Put a failed job back into its lane',
      requestParams: { path: id },
      responses: answers(202, StateOf, 'Queued again', located),
    },
  },
}
