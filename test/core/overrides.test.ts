import { describe, expect, it } from 'vitest'
import {
  inForce,
  laidOver,
  mergePatch,
  NO_OVERRIDES,
  type Overrides,
  PoolPatch,
  patched,
} from '../../core/overrides.ts'
import { PoolSettings } from '../../core/settings.ts'
import { aPool, NOW } from '../support/builders.ts'

const file = aPool({ requests: 300, day: { windowMs: 86_400_000, requests: 9_000, history: 'empty' } })
const laid = (fields: Record<string, unknown>): Overrides => ({ ...NO_OVERRIDES, version: 1, fields })

describe('a merge patch', () => {
  // RFC 7396, appendix A, but for arrays and for what it leaves empty, of which settings have none.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: 'c' }, { a: { b: 'c' } }, { a: { b: 'c' } }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: 1 }, {}, { a: 1 }],
    [{ a: { b: 1 } }, { a: { b: null } }, {}],
  ])('%j under %j is %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result)
  })
})

describe('settings in force', () => {
  it('are the configuration’s where nothing was changed', () => {
    expect(inForce(file, NO_OVERRIDES)).toEqual({ settings: file, overrides: NO_OVERRIDES, ignored: [] })
  })

  it('are the changed ones where something was, and the configuration’s beside them', () => {
    const { settings } = inForce(file, laid({ requests: 100, tiers: { low: 1 }, day: { requests: 50 } }))
    expect(settings).toEqual({
      ...file,
      requests: 100,
      tiers: { ...file.tiers, low: 1 },
      day: { ...file.day, requests: 50 },
    })
  })

  it('leave out, field by field, what is wrong by today’s configuration or this code, and say so', () => {
    const found = inForce(file, laid({ requests: 100, tokens: 5, pacing: 'slow', colour: 'red' }))
    expect(found.settings).toEqual({ ...file, requests: 100 })
    expect(found.overrides.fields).toEqual({ requests: 100 })
    expect(found.ignored.map((line) => line.split(':')[0]).sort()).toEqual(['colour', 'pacing', 'tokens'])
  })

  it.each([
    ['a limit of a window', { tokens: 10 }, 'tokens'],
    ['a day', { day: { requests: 10 } }, 'day', aPool()],
    ['a limit of a day', { day: { tokens: 10 } }, 'day.tokens'],
    ['people', { people: { max: 0.2 } }, 'people'],
  ] as const)(
    'cannot gain %s that the configuration has not: nothing of it was counted',
    (_, fields, at, pool = file) => {
      const wrong = laidOver(pool as PoolSettings, fields)
      expect(wrong).toMatchObject({ ok: false, faults: [{ at, message: expect.stringContaining('deploy') }] })
    },
  )

  it('may gain a limit on calls in flight, of which nothing need be counted', () => {
    expect(laidOver(file, { concurrency: 4 })).toMatchObject({ ok: true, settings: { concurrency: 4 } })
  })
})

describe('what can be changed', () => {
  it.each(['provider', 'windowMs', 'guard', 'accounting', 'burndown', 'share', 'history', 'local'])(
    'is not %s, and the refusal says where that is changed',
    (name) => {
      const { error } = PoolPatch.safeParse({ [name]: 'x' })
      expect(error?.issues[0]?.message).toContain(`${name} cannot be changed while the pool runs`)
    },
  )

  it('is of the same kinds and bounds as in the configuration', () => {
    const bad = { requests: 0, pacing: 'slow', tiers: { low: 0 }, people: { max: 2, perPerson: { open: 1_000 } } }
    for (const [name, value] of Object.entries(bad)) {
      expect(PoolPatch.safeParse({ [name]: value }).success).toBe(false)
      expect(PoolSettings.safeParse({ ...file, [name]: value }).success).toBe(false)
    }
  })

  it('names who changed each last, and when', () => {
    const first = patched(NO_OVERRIDES, { requests: 9, order: 'strict' }, { at: NOW, by: 'ann' })
    const second = patched(first, { requests: 7, order: null, tiers: { low: 2 } }, { at: NOW + 1, by: 'bob' })
    expect(first.changed).toEqual({ requests: { at: NOW, by: 'ann' }, order: { at: NOW, by: 'ann' } })
    expect(second).toEqual({
      v: 1,
      version: 2,
      fields: { requests: 7, tiers: { low: 2 } },
      changed: { requests: { at: NOW + 1, by: 'bob' }, tiers: { at: NOW + 1, by: 'bob' } },
    })
  })
})
