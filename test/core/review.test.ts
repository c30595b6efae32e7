import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reviewTeam } from '../../core/review.ts'

const units = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const sampled = (rate: number, unit: number) => reviewTeam({ policy: 'sample', rate, team: 'sales' }, unit)

describe('whether a draft needs a person', () => {
  it('is never so without a policy, and always so where review is required', () => {
    fc.assert(
      fc.property(units, (unit) => {
        expect(reviewTeam({ policy: 'none' }, unit)).toBeUndefined()
        expect(reviewTeam({ policy: 'required', team: 'sales' }, unit)).toBe('sales')
      }),
    )
  })

  it('is drawn for the share that the rate says', () => {
    fc.assert(
      fc.property(units, units, (rate, unit) => {
        expect(sampled(rate, unit)).toBe(unit < rate ? 'sales' : undefined)
      }),
    )
  })

  it('is drawn for none at rate 0 and for all at rate 1', () => {
    fc.assert(
      fc.property(units, (unit) => {
        expect(sampled(0, unit)).toBeUndefined()
        expect(sampled(1, unit)).toBe('sales')
      }),
    )
  })
})
