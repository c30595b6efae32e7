import { describe, expect, it } from 'vitest'
import { ledgerKey, overviewKey } from '../../adapters/keys.ts'
import { onEveryEngine } from '../support/engines.ts'
import { aLedgerRecord, anOverview, NOW, POOL } from '../support/records.ts'
import { changesNothing, theOne } from './outcomes.ts'

const LEASE_MS = 30_000
const twenty = Array.from({ length: 20 }, (_, i) => `holder-${i}`)
const ask = (p: { holder?: string; now?: number } = {}) => ({
  pool: POOL,
  holder: p.holder ?? 'me',
  now: p.now ?? NOW,
  leaseMs: LEASE_MS,
})

describe('a pool’s lease', () =>
  onEveryEngine((on) => {
    const holds = (p: Parameters<typeof aLedgerRecord>[0] = {}) =>
      on().plant('capacity', { ...ledgerKey(POOL), ...aLedgerRecord(p) })

    it('of a new pool is taken in the epoch of its moment', async () => {
      expect(await on().capacity.lease({ pool: POOL })).toBeUndefined()
      expect(await on().capacity.acquire(ask())).toMatchObject({
        kind: 'held',
        record: { epoch: NOW, version: 1, holder: 'me', state: 'held', until: NOW + LEASE_MS },
      })
      expect(await on().capacity.lease({ pool: POOL })).toEqual({ state: 'held', until: NOW + LEASE_MS })
    })

    it('of a new pool is taken by exactly one of twenty at once', async () => {
      const outcomes = await Promise.all(twenty.map((holder) => on().capacity.acquire(ask({ holder }))))
      const winner = theOne(outcomes, (o) => o.kind === 'held')
      expect(outcomes[winner]).toMatchObject({ record: { epoch: NOW, holder: twenty[winner] } })
      expect(await on().capacity.acquire(ask())).toEqual({ kind: 'taken', until: NOW + LEASE_MS })
    })

    it('that has run out is taken by exactly one of twenty at once, in the next epoch', async () => {
      await holds({ epoch: 7, until: NOW })
      const outcomes = await Promise.all(twenty.map((holder) => on().capacity.acquire(ask({ holder }))))
      const winner = theOne(outcomes, (o) => o.kind === 'held')
      expect(outcomes[winner]).toMatchObject({ record: { epoch: 8, holder: twenty[winner] } })
    })

    it('hands over all that the last holder wrote', async () => {
      await holds({ epoch: 3, version: 9, until: NOW })
      expect(await on().capacity.acquire(ask())).toEqual({
        kind: 'held',
        record: aLedgerRecord({ epoch: 4, version: 10, holder: 'me', until: NOW + LEASE_MS }),
      })
    })

    it.each(['held', 'ending'] as const)('that is %s is nobody else’s before its time', async (state) => {
      await holds({ state, until: NOW + 1 })
      const outcome = await changesNothing(on, () => on().capacity.acquire(ask()))
      expect(outcome).toEqual({ kind: 'taken', until: NOW + 1 })
      expect(await on().capacity.lease({ pool: POOL })).toEqual({ state, until: NOW + 1 })
    })

    it('has the changes of what owners have used beside it', async () => {
      expect(await on().capacity.changes({ pool: POOL })).toEqual([])
      const uses = [[1, 4, 'ann', NOW + 12.5, 1, 250] as const, [2, 1, 'bob', NOW, 0, -7] as const]
      await holds({ uses })
      expect(await on().capacity.changes({ pool: POOL })).toEqual(uses)
    })

    it('that is free is anybody’s at once', async () => {
      await holds({ state: 'free', until: NOW + 1_000 })
      expect(await on().capacity.acquire(ask())).toMatchObject({
        kind: 'held',
        record: { epoch: NOW + 1, state: 'held' },
      })
    })

    it('is of one pool', async () => {
      await holds()
      expect((await on().capacity.acquire({ ...ask(), pool: 'other' })).kind).toBe('held')
    })
  }))

describe('the ledger', () =>
  onEveryEngine((on) => {
    const acquire = async (p: Parameters<typeof ask>[0] = {}) => {
      const lease = await on().capacity.acquire(ask(p))
      if (lease.kind !== 'held') throw new Error('the lease is taken')
      return lease.record
    }
    const write = (record: Parameters<typeof aLedgerRecord>[0]) =>
      on().capacity.write({ pool: POOL, record: aLedgerRecord(record) })

    it('is written version by version, and read back by the next holder', async () => {
      await acquire()
      const changes = [{ clock: 1 / 3 }, { state: 'ending' }, { state: 'free', lastSlot: NOW + 5, tiers: {} }] as const
      for (const [i, change] of changes.entries()) expect(await write({ version: i + 2, ...change })).toBe('written')
      const { lastSlot, tiers, version } = await acquire({ holder: 'next' })
      expect({ lastSlot, tiers, version }).toEqual({ lastSlot: NOW + 5, tiers: {}, version: 5 })
    })

    it.each([
      ['every byte there is', Uint8Array.from({ length: 256 }, (_, i) => i)],
      ['four kilobytes', Uint8Array.from({ length: 4_096 }, (_, i) => (i * 31) % 256)],
      ['none', new Uint8Array()],
    ])('keeps its bytes: %s', async (_, bytes) => {
      await acquire()
      await write({ ledger: { bytes, first: 17, bucketMs: 50 }, day: { bytes, first: 3, bucketMs: 9_000 } })
      const { ledger, day } = await acquire({ now: NOW + LEASE_MS })
      expect({ ledger, day }).toEqual({
        ledger: { bytes, first: 17, bucketMs: 50 },
        day: { bytes, first: 3, bucketMs: 9_000 },
      })
    })

    it('keeps where the pacing stands, by what is paced, to the fraction of a ms', async () => {
      await acquire()
      const nextOf = { requests: NOW + 1 / 3, tokens: NOW + 2 / 3, input: NOW + 0.1, output: 0 }
      await write({ next: NOW + 1 / 7, nextOf })
      expect(await acquire({ now: NOW + LEASE_MS })).toMatchObject({ next: NOW + 1 / 7, nextOf })
    })

    it('no longer holds a day that is not written any more', async () => {
      await acquire()
      await write({ version: 2 })
      const { day: _, ...rest } = aLedgerRecord({ version: 3 })
      expect(await on().capacity.write({ pool: POOL, record: rest })).toBe('written')
      expect(await acquire({ now: NOW + LEASE_MS })).not.toHaveProperty('day')
    })

    it.each([
      ['an old version', { version: 1 }],
      ['a version that leaves one out', { version: 3 }],
      ['an older epoch', { epoch: NOW - 1 }],
      ['an epoch to come', { epoch: NOW + 1 }],
    ])('is lost under %s, and changes nothing', async (_, p) => {
      await acquire()
      expect(await changesNothing(on, () => write(p))).toBe('lost')
    })

    it('is lost the second time a version is written, by whomever', async () => {
      await acquire()
      expect(await write({ clock: 1 })).toBe('written')
      expect(await changesNothing(on, () => write({ clock: 2 }))).toBe('lost')
      expect(await changesNothing(on, () => write({ clock: 1 }))).toBe('lost')
    })

    it('is lost where nobody took the lease', async () => {
      expect(await changesNothing(on, () => write({ version: 1 }))).toBe('lost')
    })

    it('is lost for the one whose lease was taken over', async () => {
      await acquire()
      await acquire({ holder: 'next', now: NOW + LEASE_MS })
      expect(await changesNothing(on, () => write({ version: 2 }))).toBe('lost')
      expect(await changesNothing(on, () => write({ version: 3 }))).toBe('lost')
    })

    it('of one version is written by exactly one of twenty at once', async () => {
      await acquire()
      const outcomes = await Promise.all(twenty.map((_, clock) => write({ clock })))
      const winner = theOne(outcomes, (o) => o === 'written')
      expect((await acquire({ now: NOW + LEASE_MS })).clock).toBe(winner)
    })

    it('against a takeover, over twenty pools: one of both', async () => {
      const pools = twenty.map((name) => `pool-of-${name}`)
      for (const pool of pools) await on().capacity.acquire({ ...ask(), pool })
      const both = pools.map((pool) =>
        Promise.all([
          on().capacity.write({ pool, record: aLedgerRecord({ until: NOW + 2 * LEASE_MS }) }),
          on().capacity.acquire({ ...ask({ holder: 'next', now: NOW + LEASE_MS }), pool }),
        ]),
      )
      for (const [written, taken] of await Promise.all(both))
        theOne([written === 'written', taken.kind === 'held'], Boolean)
    })
  }))

describe('what else is known of a pool', () =>
  onEveryEngine((on) => {
    it('is its overview, the last one put', async () => {
      expect(await on().capacity.overview({ pool: POOL })).toBeUndefined()
      await on().capacity.putOverview({ pool: POOL, version: 7, overview: anOverview({ limit: 1 }) })
      await on().capacity.putOverview({ pool: POOL, version: 7, overview: anOverview() })
      expect(await on().capacity.overview({ pool: POOL })).toEqual(anOverview())
      expect(await on().capacity.overview({ pool: 'other' })).toBeUndefined()
    })

    it.each([
      ['of an older version of the ledger, though its clock was ahead', 6, 1_000, false],
      ['of the same version, painted before', 7, -1, false],
      ['of the same version, painted since', 7, 1, true],
      ['of a newer version, though its clock is behind', 8, -1_000, true],
      ['of a ledger that began anew a minute ago', 1, 60_001, true],
    ])('gives way to one %s: %i, %i ms: %s', async (_, version, laterMs, replaced) => {
      const [old, late] = [anOverview({ limit: 1 }), anOverview({ limit: 2, at: anOverview().at + laterMs })]
      await on().capacity.putOverview({ pool: POOL, version: 7, overview: old })
      await on().capacity.putOverview({ pool: POOL, version, overview: late })
      expect(await on().capacity.overview({ pool: POOL })).toEqual(replaced ? late : old)
    })

    it('that was stored without a version gives way', async () => {
      await on().plant('capacity', { ...overviewKey(POOL), ...anOverview({ limit: 1 }) })
      await on().capacity.putOverview({ pool: POOL, version: 7, overview: anOverview() })
      expect(await on().capacity.overview({ pool: POOL })).toEqual(anOverview())
    })

    it('is that its provider is down, where nothing is to be mended', async () => {
      const stop = { at: NOW, line: 'it cannot be reached, call after call', down: true } as const
      await on().capacity.stop({ pool: POOL, stop })
      expect(await on().capacity.stopped({ pool: POOL })).toEqual(stop)
    })

    it('is why it was stopped, until it is resumed', async () => {
      const stop = { at: NOW, line: 'the key of main is refused: put a new one into ANTHROPIC_API_KEY' }
      expect(await on().capacity.stopped({ pool: POOL })).toBeUndefined()
      await on().capacity.stop({ pool: POOL, stop: { at: 1, line: 'older' } })
      await on().capacity.stop({ pool: POOL, stop })
      expect(await on().capacity.stopped({ pool: POOL })).toEqual(stop)
      expect(await on().capacity.stopped({ pool: 'other' })).toBeUndefined()
      for (let i = 0; i < 2; i++) await on().capacity.resume({ pool: POOL })
      expect(await on().capacity.stopped({ pool: POOL })).toBeUndefined()
    })
  }))
