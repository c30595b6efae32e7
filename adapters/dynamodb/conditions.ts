/** The named pieces that conditions on jobs are built from. */
import type { Running } from '../../core/job.ts'

export const ABSENT = 'attribute_not_exists(pk)'
/** Nothing there, or what an earlier job of this id left (core/job.ts, `submittedAt`). */
export const NOT_MINE_YET = `${ABSENT} OR submittedAt < :submittedAt OR endedAt < :submittedAt OR createdAt < :submittedAt`
/** The same where a job may write again over its own: only over a later job's it may not. */
export const NOT_OF_LATER = 'attribute_not_exists(submittedAt) OR submittedAt <= :submittedAt'
export const submitted = (submittedAt: number) => ({ ExpressionAttributeValues: { ':submittedAt': submittedAt } })
/** There, and not a later job's. */
export const MINE_OR_EARLIER =
  'attribute_exists(pk) AND (attribute_not_exists(submittedAt) OR submittedAt <= :submittedAt)'
export const AT_FENCE = '#state = :state AND fence = :fence'
export const NOT_CANCELLED = 'attribute_not_exists(cancelRequested)'
export const MINE = `${AT_FENCE} AND nonce = :nonce`
/** `state` is a word of DynamoDB's own. */
export const STATE = { '#state': 'state' } as const
/** Has the item that stood in the way handed back, so that nothing is read again to learn why. */
export const ALL_OLD = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const

/** The values of MINE. */
export const mine = (r: Running) => ({ ':state': 'running', ':fence': r.fence, ':nonce': r.nonce })
