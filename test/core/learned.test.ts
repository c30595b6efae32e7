import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keptOf, type Lengths, NO_LENGTHS, recalled, shareOf, withInput, withLength } from '../../core/learned.ts'

const heard = (tokens: readonly number[], from: Lengths = NO_LENGTHS): Lengths => tokens.reduce(withLength, from)
const times = (n: number, tokens: number): number[] => Array.from({ length: n }, () => tokens)

describe('what is enough for a kind', () => {
  it('is not known before a hundred calls', () => {
    expect(heard(times(99, 200)).enough).toBeUndefined()
    expect(heard(times(100, 200)).enough).toBeDefined()
  })

  it('is no less than what ninety-nine of a hundred calls used, and at most a quarter more than the longest', () => {
    const drawn = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 100, maxLength: 400 })
    fc.assert(
      fc.property(drawn, (tokens) => {
        const most = heard(tokens).enough as number
        expect(tokens.filter((n) => n > most).length).toBeLessThanOrEqual(0.01 * tokens.length)
        expect(most).toBeLessThanOrEqual(1.25 * Math.max(...tokens) + 3)
      }),
    )
  })

  it('follows calls that grow within some ten, and calls that shrink within some thousand', () => {
    const short = heard(times(500, 100))
    expect(heard(times(10, 1_000), short).enough).toBeGreaterThanOrEqual(1_000)
    const grown = heard(times(500, 1_000), short)
    expect(heard(times(6_000, 100), grown).enough).toBeLessThan(150)
  })

  it('is the same for the next holder', () => {
    const known = heard([...times(300, 100), ...times(10, 900)])
    expect(recalled(keptOf(known)).enough).toBe(known.enough)
  })

  it('remembers of many calls so many that new ones are heard', () => {
    const next = recalled(keptOf(heard(times(900, 2_000))))
    expect(heard(times(6_000, 100), next).enough).toBeLessThan(150)
  })
})

describe('the share of an estimate that is reserved for input', () => {
  const seen = (n: number, used: number, estimated: number) =>
    Array.from({ length: n }).reduce<Lengths>((known) => withInput(known, used, estimated), NO_LENGTHS)

  it('is all of it before a hundred calls', () => {
    expect(shareOf(undefined)).toBe(1)
    expect(shareOf(seen(99, 50, 100))).toBe(1)
  })

  it('is a tenth to a fifth more than was used of it, whatever the size of the input', () => {
    for (const estimated of [1_000, 100_000]) {
      const share = shareOf(seen(200, estimated / 2, estimated))
      expect(share).toBeGreaterThanOrEqual(0.55)
      expect(share).toBeLessThan(0.61)
    }
  })

  it('is never more than the whole, though more was used', () => {
    expect(shareOf(seen(200, 300, 100))).toBe(1)
  })
})
