/** Owners, pools, and the picture of it all. */
import * as z from 'zod'
import { OwnerName } from '../../core/settings.ts'
import { IfMatchHeader, PageQuery, PoolPatchBody } from '../../lambdas/shared/schemas.ts'
import { answers, poolId, tagged } from './operations.ts'
import { OwnerShown, Pool, PoolAndSettings } from './shown.ts'

export const POOLS_PATHS = {
  '/health': {
    get: {
      summary: 'The API answers; it looks at nothing behind it',
      responses: answers(200, z.object({ status: z.literal('ok') }), 'It does'),
    },
  },
  '/v1/owners': {
    get: {
      summary: 'Owners, by name: their use beside their caps and their due',
      requestParams: { query: PageQuery },
      responses: answers(
        200,
        z.object({ owners: z.array(OwnerShown), cursor: z.string().optional() }),
        'Those that have work, or had it in the last minutes',
      ),
    },
  },
  '/v1/owners/{id}': {
    get: {
      summary: 'One owner, whether it has work or not',
      requestParams: { path: z.object({ id: OwnerName }) },
      responses: answers(200, OwnerShown, 'The owner'),
    },
  },
  '/v1/pools': {
    get: {
      summary: 'Pools and their limits',
      responses: answers(200, z.object({ pools: z.array(Pool) }), 'Pools'),
    },
  },
  '/v1/pools/{id}': {
    get: {
      summary: 'A pool, its settings and where each comes from; its ETag is of the settings alone',
      requestParams: { path: poolId },
      responses: answers(200, PoolAndSettings, 'The pool', tagged),
    },
    patch: {
      summary: 'Change settings while the pool runs, or take changes away',
      requestParams: { path: poolId, header: IfMatchHeader },
      requestBody: {
        content: {
          'application/merge-patch+json': { schema: PoolPatchBody },
          'application/json': { schema: PoolPatchBody },
        },
      },
      responses: answers(200, PoolAndSettings, 'In force for the next permits', tagged),
    },
  },
  '/v1/pools/{id}/resume': {
    post: {
      summary: 'Let a stopped pool run again',
      requestParams: { path: poolId },
      responses: answers(200, z.object({ pool: z.string(), state: z.string() }), 'Running'),
    },
  },
  '/v1/overview': {
    get: {
      summary: 'The live picture, two seconds old at most, a minute while no dispatcher runs',
      responses: {
        ...answers(200, z.object({ pools: z.record(z.string(), z.unknown()) }), 'By pool', tagged),
        304: { description: 'As it was under the ETag that If-None-Match names', headers: tagged },
      },
    },
  },
  '/v1/openapi.json': {
    get: { summary: 'This document', responses: answers(200, z.record(z.string(), z.unknown()), 'OpenAPI 3.1') },
  },
}
