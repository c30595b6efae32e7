import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reviewTeam } from '../../core/review.ts'

const IDS = 10_000
/** As ULIDs of one burst: alike but for their last letters. */
const alike = Array.from({ length: IDS }, (_, n) => `01JD3K5Z8Q${n.toString(32).toUpperCase().padStart(16, '0')}`)
const sampled = (ids: readonly string[], rate: number): number =>
  ids.filter((id) => reviewTeam({ policy: 'sample', rate, team: 'sales' }, id) === 'sales').length

describe('whether a draft needs a person', () => {
  it('is never so without a policy, and always so where review is required', () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        expect(reviewTeam({ policy: 'none' }, id)).toBeUndefined()
        expect(reviewTeam({ policy: 'required', team: 'sales' }, id)).toBe('sales')
      }),
    )
  })

  // Four standard deviations of a fair draw: one set of ids in 15,000 would miss by chance.
  it.each([0.01, 0.1, 0.25, 0.5, 0.9])(
    'is drawn for a share of %d of ids that differ only in their last letters',
    (rate) => {
      expect(Math.abs(sampled(alike, rate) - IDS * rate)).toBeLessThan(4 * Math.sqrt(IDS * rate * (1 - rate)))
    },
  )

  it('is drawn for none at rate 0 and for all at rate 1', () => {
    expect(sampled(alike, 0)).toBe(0)
    expect(sampled(alike, 1)).toBe(IDS)
  })

  it('is the same whenever it is asked of the same job', () => {
    expect(alike.map((id) => sampled([id], 0.3))).toEqual(alike.map((id) => sampled([id], 0.3)))
  })

  it('includes at a higher rate whoever was included at a lower', () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (id, a, b) => {
          if (sampled([id], Math.min(a, b)) === 1) expect(sampled([id], Math.max(a, b))).toBe(1)
        },
      ),
    )
  })
})
