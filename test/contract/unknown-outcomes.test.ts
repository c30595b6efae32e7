/** Every write through every fault: it is answered truthfully, and lands once however often it was sent. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import { memoryStores, onDynoxide, type Stores } from '../support/engines.ts'
import {
  aBell,
  aKey,
  aLeader,
  anInput,
  anOverview,
  anOwner,
  anOwnerRecord,
  aQueued,
  aRunning,
  JOB,
  LANE,
  NOW,
  OWNER,
  POOL,
  somePeople,
} from '../support/records.ts'
import { befall, FAULTS, type Fault } from './faults.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { changesNothing } from './outcomes.ts'

/** Whoever waits before trying again waits a random while: of all of them, the shortest. */
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0))

/** As the tables show it, but for the mark that each writing of a ledger has of its own. */
const shown = async (on: Stores) =>
  (await on.everything()).map(({ table, item: { mark: _, ...item } }) => ({ table, ...item }))

/** What comes of it where nothing goes wrong: the memory adapter's word. */
async function undisturbed({ given, act }: Operation) {
  const on = memoryStores(new MemoryTables())
  await given?.(on)
  return { outcome: await act(on), state: await shown(on) }
}

const through = OPERATIONS.flatMap((o) => FAULTS.map((f) => [o.name, f, o] as const))

describe('a write through a fault', () =>
  onDynoxide((on) => {
    it.each(through)('%s, %s', async (_, fault, operation) => {
      const expected = await undisturbed(operation)
      await operation.given?.(on())
      const faults = befall(on().tables, [fault])
      const outcome = await operation.act(on())
      const truths = [expected.outcome, ...(fault === 'unheard' ? [operation.orIfUnheard] : [])]
      expect(truths).toContainEqual(outcome)
      expect(faults.sent()).toBeGreaterThan(1)
      await faults.arrive()
      expect(await shown(on())).toEqual(expected.state)
    })

    it.each(OPERATIONS.map((o) => [o.name, o] as const))('%s, through one after the other', async (_, operation) => {
      const expected = await undisturbed(operation)
      await operation.given?.(on())
      const faults = befall(on().tables, ['conflict', 'delayed', 'unheard'])
      expect([expected.outcome, operation.orIfUnheard]).toContainEqual(await operation.act(on()))
      await faults.arrive()
      expect(await shown(on())).toEqual(expected.state)
    })
  }))

describe('a write that is never answered', () =>
  onDynoxide((on) => {
    const always = (fault: Fault) => Array<Fault>(99).fill(fault)

    it.each(OPERATIONS.map((o) => [o.name, o] as const))(
      '%s, throws, and does not go on for ever',
      async (_, { given, act }) => {
        await given?.(on())
        const faults = befall(on().tables, always('unsent'))
        await changesNothing(on, () => expect(act(on())).rejects.toThrow('socket hang up'))
        expect(faults.sent()).toBeLessThan(10)
      },
    )

    it.each(['conflict', 'throttled in part'] as const)('by a transaction, always %s, throws', async (fault) => {
      await on().jobs.enter({ record: aQueued() })
      befall(on().tables, always(fault))
      await changesNothing(on, () => expect(on().jobs.reenter({ record: aQueued() })).rejects.toThrow())
      await changesNothing(on, () => expect(on().jobs.requestCancel({ record: aRunning() })).rejects.toThrow())
    })

    it('a claim is known by its nonce when it is made again', async () => {
      await on().jobs.enter({ record: aQueued() })
      befall(on().tables, ['unheard', 'unheard', 'unheard', 'unheard'])
      const claim = { key: aKey(), fence: 0, nonce: 'mine', leaseUntil: NOW + 9_000, now: NOW }
      await expect(on().jobs.claim(claim)).rejects.toThrow('no answer')
      expect(await on().jobs.claim({ ...claim, nonce: 'another' })).toEqual({ kind: 'refused' })
      expect(await on().jobs.claim(claim)).toMatchObject({ kind: 'claimed', record: { fence: 1, crashes: 0 } })
    })
  }))

describe('a write that is heard late', () =>
  onDynoxide((on) => {
    it('claim: taken by another meanwhile, it is refused', async () => {
      await on().jobs.enter({ record: aQueued() })
      const claim = { key: aKey(), fence: 0, leaseUntil: NOW + 9_000, now: NOW }
      const faults = befall(on().tables, ['delayed'])
      const [slow, quick] = await Promise.all([
        on().jobs.claim({ ...claim, nonce: 'slow' }),
        on().jobs.claim({ ...claim, nonce: 'quick' }),
      ])
      expect([slow.kind, quick.kind].sort()).toEqual(['claimed', 'refused'])
      await changesNothing(on, faults.arrive)
    })

    it('release: claimed again meanwhile, it is stale and does no harm', async () => {
      await on().plant('live', { ...(await queuedItem(on())), ...running })
      const faults = befall(on().tables, ['delayed'])
      expect(await on().jobs.release({ record: aRunning() })).toBe('released')
      const again = { key: aKey(), fence: 2, nonce: 'again', leaseUntil: NOW + 9_000, now: NOW }
      expect((await on().jobs.claim(again)).kind).toBe('claimed')
      await changesNothing(on, faults.arrive)
      expect(await changesNothing(on, () => on().jobs.release({ record: aRunning() }))).toBe('stale')
    })

    it('the ledger: another holder’s by then, it is lost', async () => {
      const { capacity, tables } = on()
      const first = await capacity.acquire({ pool: POOL, holder: 'slow', now: NOW, leaseMs: 10 })
      if (first.kind !== 'held') throw new Error('the lease is taken')
      const faults = befall(tables, ['delayed', 'unsent', 'unsent', 'unsent'])
      await expect(capacity.write({ pool: POOL, record: { ...first.record, version: 2 } })).rejects.toThrow()
      expect((await capacity.acquire({ pool: POOL, holder: 'next', now: NOW + 10, leaseMs: 10 })).kind).toBe('held')
      await changesNothing(on, faults.arrive)
    })
  }))

const { nonce, leaseUntil, state, fence } = aRunning()
const running = { nonce, leaseUntil, state, fence }
async function queuedItem(on: Stores) {
  await on.jobs.enter({ record: aQueued() })
  const [entered] = await on.everything()
  return entered?.item ?? { pk: '', sk: '' }
}

/** Something of everything that is read. */
async function readable(on: Stores): Promise<void> {
  await on.jobs.create({ input: anInput() })
  await on.jobs.enter({ record: aQueued() })
  await on.jobs.lead({ leader: aLeader() })
  await on.rings.ring({ pool: POOL, bell: aBell() })
  await on.rings.note({ pool: POOL, owners: [anOwner()] })
  await on.rings.keep({ pool: POOL, records: [anOwnerRecord()] })
  await on.capacity.putOverview({ pool: POOL, version: 7, overview: anOverview() })
  await on.plant('capacity', somePeople())
}

const READS: Readonly<Record<string, (on: Stores) => Promise<unknown>>> = {
  'a job': (on) => on.jobs.load({ jobId: JOB, now: NOW }),
  'a record': (on) => on.jobs.live({ keys: [aKey()] }),
  records: (on) => on.jobs.live({ keys: [aKey(), aKey({ jobId: 'other' })] }),
  'a lane': (on) => on.jobs.lane({ lane: LANE, limit: 9 }),
  'a leader': (on) => on.jobs.leader({ cacheKey: aLeader().cacheKey, now: NOW }),
  owners: (on) => on.rings.owners({ pool: POOL }),
  bells: (on) => on.rings.bells({ pool: POOL, limit: 9 }),
  'records of owners': (on) => on.rings.records({ pool: POOL, owners: [OWNER, 'bob'] }),
  'owners in order': (on) => on.rings.ownersAfter({ pool: POOL, after: '', limit: 9 }),
  'the lease': (on) => on.capacity.lease({ pool: POOL }),
  'the picture': (on) => on.capacity.overview({ pool: POOL }),
  'a stop': (on) => on.capacity.stopped({ pool: POOL }),
  'changed settings': (on) => on.capacity.overrides({ pool: POOL }),
  'what people have': (on) => on.people.read({ pool: POOL }),
}

describe('a read', () =>
  onDynoxide((on) => {
    it.each(['unheard', 'unsent', 'throttled', 'throttled in part'] as const)(
      'is answered all the same: %s',
      async (fault) => {
        await readable(on())
        for (const read of Object.values(READS)) {
          const undisturbed = await read(on())
          befall(on().tables, [fault], 'reads')
          expect(await read(on())).toEqual(undisturbed)
        }
      },
    )

    it.each(Object.entries(READS))('is strongly consistent: %s', async (_, read) => {
      await readable(on())
      const { asked } = befall(on().tables, [], 'reads')
      await read(on())
      const consistent = asked().flatMap(({ RequestItems, ConsistentRead }) =>
        RequestItems
          ? Object.values<{ ConsistentRead?: boolean }>(RequestItems).map((t) => t.ConsistentRead)
          : [ConsistentRead],
      )
      expect(consistent.length).toBeGreaterThan(0)
      expect(new Set(consistent)).toEqual(new Set([true]))
    })
  }))
