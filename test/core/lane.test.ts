import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TIERS } from '../../core/job.ts'
import { attentionLane, byPlace, laneOf, reviewLane } from '../../core/lane.ts'
import { OwnerName, parseSettings } from '../../core/settings.ts'

const places = fc.record({ at: fc.integer({ min: 0, max: 5 }), jobId: fc.constantFrom('a', 'b', 'c') })

describe('lanes', () => {
  it('are named by pool, tier and owner', () => {
    expect(laneOf({ pool: 'main', tier: 'low', owner: 'ann@example.com' })).toBe('main#low#ann@example.com')
  })

  it('have names that no two owners, tiers or pools share', () => {
    const name = fc.tuple(
      fc.constantFrom('main', 'other'),
      fc.constantFrom(...TIERS),
      fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,6}$/),
    )
    fc.assert(
      fc.property(name, name, (a, b) => {
        const [x, y] = [a, b].map(([pool, tier, owner]) => laneOf({ pool, tier, owner }))
        expect(x === y).toBe(String(a) === String(b))
      }),
    )
  })

  it('of people cannot be mistaken for lanes of a pool', () => {
    for (const pool of [reviewLane('x'), attentionLane('x')].map((lane) => lane.split('#')[0] as string)) {
      const parsed = parseSettings({ pools: { [pool]: { provider: { kind: 'bedrock' }, requests: 1 } }, kinds: {} })
      expect(parsed).toMatchObject({ ok: false, faults: [`pools.${pool}: is a reserved name`] })
    }
    expect(OwnerName.safeParse('a#b').success).toBe(false)
  })
})

describe('the order within a lane', () => {
  it('is by time, then by id', () => {
    const sorted = [
      { at: 2, jobId: 'a' },
      { at: 1, jobId: 'b' },
      { at: 1, jobId: 'a' },
    ].sort(byPlace)
    expect(sorted).toEqual([
      { at: 1, jobId: 'a' },
      { at: 1, jobId: 'b' },
      { at: 2, jobId: 'a' },
    ])
  })

  it('is total: places are equal only if they are the same, and turning them round turns the answer round', () => {
    fc.assert(
      fc.property(places, places, (a, b) => {
        expect(Math.sign(byPlace(a, b))).toBe(-Math.sign(byPlace(b, a)) + 0)
        expect(byPlace(a, b) === 0).toBe(a.at === b.at && a.jobId === b.jobId)
      }),
    )
  })
})
