import { describe, expect, it } from 'vitest'
import { overridesKey } from '../../adapters/keys.ts'
import { NO_OVERRIDES, type Overrides } from '../../core/overrides.ts'
import { onEveryEngine } from '../support/engines.ts'
import { aChangedBell, POOL, someOverrides } from '../support/records.ts'
import { changesNothing, theOne } from './outcomes.ts'

describe('what was changed of a pool’s settings', () =>
  onEveryEngine((on) => {
    const read = (pool = POOL) => on().capacity.overrides({ pool })
    const change = (p: Partial<Overrides> = {}, bell = aChangedBell(p.version)) =>
      on().capacity.override({ pool: POOL, overrides: someOverrides(p), bell })

    it('is nothing at first, and then the last change, of its own pool', async () => {
      expect(await read()).toEqual(NO_OVERRIDES)
      expect(await change()).toBe('written')
      expect(await change({ version: 2, fields: {}, changed: {} })).toBe('written')
      expect(await read()).toEqual({ v: 1, version: 2, fields: {}, changed: {} })
      expect(await read('other')).toEqual(NO_OVERRIDES)
    })

    it('comes with its bell, and neither comes where another was quicker', async () => {
      for (const version of [1, 2, 3]) await change({ version }, aChangedBell(1))
      const bells = async () => (await on().rings.bells({ pool: POOL, limit: 9 })).bells
      expect(await bells()).toEqual([aChangedBell()])
      for (const version of [1, 2, 3, 5]) {
        const late = () => change({ version, fields: { requests: 7 } }, aChangedBell(9))
        expect(await changesNothing(on, late)).toBe('stale')
      }
      expect(await bells()).toEqual([aChangedBell()])
    })

    it('is changed by exactly one of twenty at once', async () => {
      const twenty = Array.from({ length: 20 }, (_, n) => change({ fields: { requests: n + 1 } }, aChangedBell(n)))
      const outcomes = await Promise.all(twenty)
      const winner = theOne(outcomes, (o) => o === 'written')
      expect((await read()).fields).toEqual({ requests: winner + 1 })
      expect((await on().rings.bells({ pool: POOL, limit: 99 })).bells).toEqual([aChangedBell(winner)])
    })

    it('that does not parse changes nothing, says that it is there, and is written over', async () => {
      await on().plant('capacity', { ...overridesKey(POOL), version: 4, fields: 'none of ours' })
      expect(await read()).toMatchObject({ version: 4, fields: { 'the record of its changes': true } })
      expect(await change({ version: 5 })).toBe('written')
      expect(await read()).toEqual(someOverrides({ version: 5 }))
    })
  }))
