import { describe, expect, it } from 'vitest'
import { changeOf } from '../../../adapters/dynamodb/people-update.ts'
import { NOTHING } from '../../../core/cost.ts'
import { GRANTS_AT_ONCE } from '../../../core/people-plan.ts'
import { CHANGES_AT_ONCE } from '../../../services/dispatch/people-served.ts'

/** DynamoDB, "Service, account, and table quotas": 4 KB for an expression, 300 operators in an update. */
const EXPRESSION_BYTES = 4_096
const OPERATORS = 300

describe('the largest change that a holder makes in one write', () => {
  const some = (what: string, n: number) => Array.from({ length: n }, (_, i) => `${what}${i}`)
  const people = (what: string) => some(what, CHANGES_AT_ONCE)
  const { UpdateExpression, ConditionExpression } = changeOf({
    epoch: 7,
    seq: 3,
    change: {
      stock: { ...NOTHING, requests: -1, tokens: -1, input: -1, output: -1 },
      goodUntil: 0,
      granted: some('granted', GRANTS_AT_ONCE),
      at: 0,
      counted: people('counted'),
      over: people('over').map((id) => ({ id, person: `of-${id}`, waiting: true })),
      aged: Object.fromEntries(people('aged').map((person) => [person, 2])),
      gone: people('gone'),
    },
  }).expressions()

  it('is one that DynamoDB takes', () => {
    for (const expression of [UpdateExpression, ConditionExpression]) {
      expect(Buffer.byteLength(expression)).toBeLessThanOrEqual(EXPRESSION_BYTES)
      expect(expression.split(/ AND | OR |[<>=+]+|attribute_/).length).toBeLessThanOrEqual(OPERATORS)
    }
  })
})
