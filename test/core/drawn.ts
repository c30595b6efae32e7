/** What properties of ledgers draw: any of the four limits or none, and costs that none of them excludes for ever. */
import fc from 'fast-check'
import type { Cost, Limits } from '../../core/cost.ts'
import type { LedgerShape } from '../../core/ledger.ts'
import { aCost } from '../support/builders.ts'

export const someLimits = fc.record(
  {
    requests: fc.integer({ min: 1, max: 6 }),
    tokens: fc.integer({ min: 20, max: 100 }),
    input: fc.integer({ min: 20, max: 60 }),
    output: fc.integer({ min: 10, max: 40 }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Limits>

export const someShapes = (p: { buckets?: number; bucketMs?: number } = {}): fc.Arbitrary<LedgerShape> =>
  fc.record({
    bucketMs: fc.integer({ min: 1, max: p.bucketMs ?? 20 }),
    buckets: fc.integer({ min: p.buckets ?? 1, max: 12 }),
    limits: someLimits,
  })

export const someCosts: fc.Arbitrary<Cost> = fc
  .record({ tokens: fc.nat(20), input: fc.nat(20), output: fc.nat(10) })
  .map(aCost)
