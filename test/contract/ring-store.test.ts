import { describe, expect, it } from 'vitest'
import { bellKey, ownerKey, ownerRecordKey } from '../../adapters/keys.ts'
import type { Bell } from '../../core/bell.ts'
import type { OwnerRecord } from '../../core/owner-record.ts'
import { LEAVE_AT_ONCE } from '../../services/ports.ts'
import { onEveryEngine } from '../support/engines.ts'
import { aBell, aLedgerRecord, anOwner, anOwnerRecord, aQueued, LANE, NOW, OWNER, POOL } from '../support/records.ts'
import { changesNothing } from './outcomes.ts'

const owned = (n: number) => Array.from({ length: n }, (_, i) => anOwner({ owner: `owner-${i}` }))
const byName = (a: { owner: string }, b: { owner: string }) => (a.owner < b.owner ? -1 : 1)

describe('bells', () =>
  onEveryEngine((on) => {
    const heard = async (limit = 1_000) => await on().rings.bells({ pool: POOL, limit })

    it('are heard oldest first, as they were rung', async () => {
      const settled: Bell = {
        v: 1,
        id: 'bell-000002',
        t: 'settled',
        jobs: [{ jobId: 'j', fence: 3, what: 'back', nextFence: 5 }],
        slackMs: -4,
      }
      for (const bell of [aBell(3), settled, aBell(1)]) await on().rings.ring({ pool: POOL, bell })
      expect(await heard()).toEqual({ bells: [aBell(1), settled, aBell(3)], unreadable: [] })
      expect((await heard(2)).bells).toEqual([aBell(1), settled])
    })

    it('of twenty at once are all heard', async () => {
      const bells = Array.from({ length: 20 }, (_, i) => aBell(i))
      await Promise.all(bells.map((bell) => on().rings.ring({ pool: POOL, bell })))
      expect((await heard()).bells).toEqual(bells)
    })

    it('rung twice are one', async () => {
      for (let i = 0; i < 2; i++) await on().rings.ring({ pool: POOL, bell: aBell() })
      expect((await heard()).bells).toEqual([aBell()])
    })

    it('are heard until they are deleted; what was rung meanwhile stays', async () => {
      const bells = Array.from({ length: 60 }, (_, i) => aBell(i))
      await Promise.all(bells.map((bell) => on().rings.ring({ pool: POOL, bell })))
      const first = await heard(55)
      await on().rings.ring({ pool: POOL, bell: aBell(99) })
      await on().rings.deleteBells({ pool: POOL, ids: first.bells.map((b) => b.id) })
      expect((await heard()).bells).toEqual([...bells.slice(55), aBell(99)])
    })

    it('that are gone, or none at all, may be deleted', async () => {
      await on().rings.deleteBells({ pool: POOL, ids: ['never-rung'] })
      await on().rings.deleteBells({ pool: POOL, ids: [] })
      expect(await heard()).toEqual({ bells: [], unreadable: [] })
    })

    it('that do not parse are told apart, and can be deleted as the others', async () => {
      await on().rings.ring({ pool: POOL, bell: aBell(2) })
      await on().plant('rings', { ...bellKey(POOL, 'bell-000001'), ...aBell(1), v: 2 })
      await on().plant('rings', { ...bellKey(POOL, 'bell-000003'), v: 1, t: 'unheard-of' })
      expect(await heard()).toEqual({ bells: [aBell(2)], unreadable: ['bell-000001', 'bell-000003'] })
      // What newer code has rung, and will hear itself, hides nothing from older code.
      expect(await heard(1)).toEqual({ bells: [aBell(2)], unreadable: ['bell-000001'] })
      await on().rings.deleteBells({ pool: POOL, ids: (await heard()).unreadable })
      expect(await heard()).toEqual({ bells: [aBell(2)], unreadable: [] })
    })

    it('are of one pool', async () => {
      await on().rings.ring({ pool: 'other', bell: aBell() })
      await on().rings.deleteBells({ pool: POOL, ids: [aBell().id] })
      expect((await heard()).bells).toEqual([])
      expect((await on().rings.bells({ pool: 'other', limit: 9 })).bells).toEqual([aBell()])
    })
  }))

describe('the ring of owners', () =>
  onEveryEngine((on) => {
    const owners = async (pool = POOL) => (await on().rings.owners({ pool })).toSorted(byName)

    it('gives every note back as it was made, the last one of each owner', async () => {
      await on().rings.note({ pool: POOL, owners: [anOwner({ turn: 1 }), anOwner({ owner: 'bob', tiers: {} })] })
      await on().rings.note({ pool: POOL, owners: [anOwner({ turn: 2 })] })
      expect(await owners()).toEqual([anOwner({ turn: 2 }), anOwner({ owner: 'bob', tiers: {} })])
    })

    it('holds more owners than are noted or read at once', async () => {
      // A Query answers 1 MB at most: long names make it two.
      const many = Array.from({ length: 1_300 }, (_, i) => anOwner({ owner: `${'o'.repeat(900)}-${i}` }))
      await on().rings.note({ pool: POOL, owners: many })
      expect(await owners()).toEqual(many.sort(byName))
    })

    it('of one pool is not that of another', async () => {
      await on().rings.note({ pool: 'other', owners: [anOwner()] })
      expect(await owners()).toEqual([])
    })

    it('still names an owner whose note does not parse, with every tier to be looked at', async () => {
      await on().plant('rings', { ...ownerKey(POOL, OWNER), tiers: 'none of them' })
      const [found] = await owners()
      expect(found).toMatchObject({ owner: OWNER, tiers: { high: { turn: 0 }, medium: { turn: 0 }, low: { turn: 0 } } })
    })
  }))

describe('what is kept of owners', () =>
  onEveryEngine((on) => {
    const note = (...records: OwnerRecord[]) => on().rings.keep({ pool: POOL, records })
    const noted = (...owners: string[]) => on().rings.records({ pool: POOL, owners })

    it('is given back as it was noted, in the order asked for, and nothing of whom nothing is known', async () => {
      await note(anOwnerRecord(), anOwnerRecord({ owner: 'bob', n: 4 }))
      expect(await noted('bob', 'nobody', OWNER)).toEqual([
        anOwnerRecord({ owner: 'bob', n: 4 }),
        undefined,
        anOwnerRecord(),
      ])
      expect(await noted()).toEqual([])
    })

    it.each([
      { which: 'fewer changes of the same holder', late: { epoch: 3, n: 16 } },
      { which: 'more changes of an earlier holder', late: { epoch: 2, n: 900 } },
    ])('stays where one with $which lands late', async ({ late }) => {
      await note(anOwnerRecord({ epoch: 3, n: 17 }))
      await note(anOwnerRecord({ ...late, at: NOW + 9 }))
      expect(await noted(OWNER)).toEqual([anOwnerRecord({ epoch: 3, n: 17 })])
    })

    it.each([
      { which: 'as many changes', next: { epoch: 3, n: 17, at: NOW + 1 } },
      { which: 'more', next: { epoch: 3, n: 18 } },
      { which: 'none yet of the next holder', next: { epoch: 4, n: 0 } },
    ])('is replaced by one with $which', async ({ next }) => {
      await note(anOwnerRecord({ epoch: 3, n: 17 }))
      await note(anOwnerRecord(next))
      expect(await noted(OWNER)).toEqual([anOwnerRecord(next)])
    })

    it('of more owners than one request takes is noted and read', async () => {
      const many = owned(230).map(({ owner }, n) => anOwnerRecord({ owner, n }))
      await note(...many)
      expect(await noted(...many.map(({ owner }) => owner))).toEqual(many)
    })

    it('that does not parse is nothing, and gives way', async () => {
      await on().plant('rings', { ...ownerRecordKey(POOL, OWNER), ...anOwnerRecord(), turns: 'many' })
      expect(await noted(OWNER)).toEqual([undefined])
    })

    it('stays when its owner leaves the ring, and keeps no pool alive', async () => {
      await on().capacity.acquire({ pool: POOL, holder: 'a', now: NOW, leaseMs: 1_000 })
      await on().rings.note({ pool: POOL, owners: [anOwner()] })
      await note(anOwnerRecord())
      await on().rings.leave({ pool: POOL, owners: [OWNER], epoch: NOW })
      expect(await noted(OWNER)).toEqual([anOwnerRecord()])
      expect(await on().rings.pools()).toEqual([])
    })

    it('is of one pool', async () => {
      await on().rings.keep({ pool: 'other', records: [anOwnerRecord()] })
      expect(await noted(OWNER)).toEqual([undefined])
    })
  }))

describe('owners by name', () =>
  onEveryEngine((on) => {
    it('are those of the ring, behind the one named, as many as are asked for', async () => {
      const behind = (name: string, limit = 9) => on().rings.ownersAfter({ pool: POOL, after: name, limit })
      await on().rings.note({ pool: POOL, owners: ['dan', 'bob', 'eve', 'ann'].map((owner) => anOwner({ owner })) })
      await on().rings.note({ pool: 'other', owners: [anOwner({ owner: 'cy' })] })
      expect(await behind('')).toEqual(['ann', 'bob', 'dan', 'eve'])
      expect(await behind('bob', 1)).toEqual(['dan'])
      expect(await behind('c')).toEqual(['dan', 'eve'])
      expect(await behind('eve')).toEqual([])
    })
  }))

describe('leaving the ring', () =>
  onEveryEngine((on) => {
    const acquire = (holder: string, now = NOW) => on().capacity.acquire({ pool: POOL, holder, now, leaseMs: 1_000 })
    const leave = (epoch: number, owners = [OWNER]) => on().rings.leave({ pool: POOL, owners, epoch })
    const names = async () => (await on().rings.owners({ pool: POOL })).map((o) => o.owner)

    it('takes out the owners named, in the holder’s epoch', async () => {
      await acquire('a')
      await on().rings.note({ pool: POOL, owners: [anOwner(), anOwner({ owner: 'bob' })] })
      expect(await leave(NOW)).toBe('left')
      expect(await names()).toEqual(['bob'])
      expect(await leave(NOW)).toBe('left')
    })

    it('takes out as many at once as the port allows', async () => {
      await acquire('a')
      await on().rings.note({ pool: POOL, owners: owned(LEAVE_AT_ONCE + 1) })
      const leaving = owned(LEAVE_AT_ONCE).map((o) => o.owner)
      expect(await leave(NOW, leaving)).toBe('left')
      expect(await names()).toEqual([`owner-${LEAVE_AT_ONCE}`])
    })

    it.each([1, 3])('is lost at epoch %i where the second holds, and changes nothing', async (epoch) => {
      await on().plant('capacity', { pk: POOL, sk: 'ledger', ...aLedgerRecord({ epoch: 2 }) })
      await on().rings.note({ pool: POOL, owners: [anOwner()] })
      expect(await changesNothing(on, () => leave(epoch))).toBe('lost')
    })

    it('is lost where nobody ever held the lease', async () => {
      await on().rings.note({ pool: POOL, owners: [anOwner()] })
      expect(await changesNothing(on, () => leave(NOW))).toBe('lost')
    })

    it('against a takeover: a zombie takes nobody out who entered after its look', async () => {
      await acquire('zombie')
      await on().rings.note({ pool: POOL, owners: [anOwner()] })
      expect((await on().jobs.lane({ lane: LANE, limit: 1 })).records).toEqual([])

      await on().jobs.enter({ record: aQueued() })
      await on().rings.ring({ pool: POOL, bell: aBell() })
      const successor = await acquire('successor', NOW + 1_000)
      expect(successor).toMatchObject({ kind: 'held', record: { epoch: NOW + 1 } })
      await on().rings.note({ pool: POOL, owners: [anOwner()] })
      await on().rings.deleteBells({ pool: POOL, ids: [aBell().id] })

      expect(await leave(NOW)).toBe('lost')
      expect(await names()).toEqual([OWNER])
    })

    it('against whoever enters: the bell is there, whichever came first', async () => {
      await acquire('a')
      await on().rings.note({ pool: POOL, owners: owned(20) })
      const enters = owned(20).map(async (_, i) => {
        await on().rings.ring({ pool: POOL, bell: aBell(i) })
      })
      const leaves = owned(20).map((o) => leave(NOW, [o.owner]))
      await Promise.all([...leaves, ...enters])
      expect(await names()).toEqual([])
      expect((await on().rings.bells({ pool: POOL, limit: 99 })).bells).toHaveLength(20)
    })

    it('against a takeover, over twenty pools: lost, or before it', async () => {
      const pools = Array.from({ length: 20 }, (_, i) => `pool-${i}`)
      for (const pool of pools) {
        await on().capacity.acquire({ pool, holder: 'a', now: NOW, leaseMs: 1 })
        await on().rings.note({ pool, owners: [anOwner()] })
      }
      const both = pools.map((pool) =>
        Promise.all([
          on().rings.leave({ pool, owners: [OWNER], epoch: NOW }),
          on().capacity.acquire({ pool, holder: 'b', now: NOW + 1, leaseMs: 1 }),
        ]),
      )
      for (const [i, [left, taken]] of (await Promise.all(both)).entries()) {
        const pool = pools[i] as string
        expect(taken.kind).toBe('held')
        expect(await on().rings.owners({ pool })).toHaveLength(left === 'left' ? 0 : 1)
        expect(await on().rings.leave({ pool, owners: [OWNER], epoch: NOW })).toBe('lost')
      }
    })
  }))

describe('the pools of a ring', () =>
  onEveryEngine((on) => {
    it('are all that have an owner or a bell, each once, whatever is configured', async () => {
      expect(await on().rings.pools()).toEqual([])
      await on().rings.note({ pool: POOL, owners: owned(3) })
      await on().rings.ring({ pool: POOL, bell: aBell() })
      await on().rings.ring({ pool: 'removed', bell: aBell() })
      await on().rings.note({ pool: 'before', owners: owned(1) })
      expect(await on().rings.pools()).toEqual(['before', POOL, 'removed'].sort())
    })
  }))
