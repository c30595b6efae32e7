/** What the holder of a record may do with it where it stands, and nobody else. */
import { describe, expect, it } from 'vitest'
import { liveItem } from '../../adapters/records.ts'
import type { LiveRecord } from '../../core/job.ts'
import { onEveryEngine, type Stores } from '../support/engines.ts'
import { aKey, anInReview, aQueued, aRunning, NOW } from '../support/records.ts'
import { changesNothing, theOne } from './outcomes.ts'

const aClaim = (fence: number) => ({ key: aKey(), fence, nonce: 'mine', leaseUntil: NOW + 60_000, now: NOW })
const stands = (on: () => Stores, record: LiveRecord) => on().plant('live', liveItem(record))
const standing = async (on: () => Stores) => (await on().jobs.live({ keys: [aKey()] }))[0]

describe('release', () =>
  onEveryEngine((on) => {
    const errors = [{ at: NOW, class: 'throttled', status: 429, message: 'slow down' }]

    it('puts the record back where it stood under the next fence, with what it carries', async () => {
      const carried = { attempt: 1, crashes: 1, errors }
      await stands(on, aRunning(carried))
      expect(await on().jobs.release({ record: aRunning() })).toBe('released')
      expect(await standing(on)).toEqual(aQueued({ fence: 2, ...carried }))
    })

    it('lets the record be claimed at the new fence and at no older one', async () => {
      await stands(on, aRunning())
      await on().jobs.release({ record: aRunning() })
      for (const fence of [0, 1]) expect(await on().jobs.claim(aClaim(fence))).toEqual({ kind: 'refused' })
      expect((await on().jobs.claim(aClaim(2))).kind).toBe('claimed')
    })

    it('is known again by its fence', async () => {
      await stands(on, aRunning())
      await on().jobs.release({ record: aRunning() })
      expect(await changesNothing(on, () => on().jobs.release({ record: aRunning() }))).toBe('released')
    })

    it('says that a cancel was asked for, and leaves the ending of it to the worker', async () => {
      await stands(on, aRunning({ cancelRequested: true }))
      expect(await changesNothing(on, () => on().jobs.release({ record: aRunning() }))).toBe('cancelled')
    })

    it.each<[string, LiveRecord]>([
      ['another holds it', aRunning({ nonce: 'another' })],
      ['another holds it and was asked to end it', aRunning({ nonce: 'another', cancelRequested: true })],
      ['it was claimed again', aRunning({ fence: 2, nonce: 'another' })],
      ['it was claimed and released again', aQueued({ fence: 3 })],
      ['it is queued at the very fence', aQueued({ fence: 1 })],
    ])('is stale where %s, and changes nothing', async (_, record) => {
      await stands(on, record)
      expect(await changesNothing(on, () => on().jobs.release({ record: aRunning() }))).toBe('stale')
    })

    it('is stale where nothing stands, and puts nothing there', async () => {
      expect(await changesNothing(on, () => on().jobs.release({ record: aRunning() }))).toBe('stale')
    })

    it('against a claim of the lease that ran out: the record is one’s or the other’s', async () => {
      const record = aRunning({ leaseUntil: NOW - 1 })
      await stands(on, record)
      const [released, claimed] = await Promise.all([on().jobs.release({ record }), on().jobs.claim(aClaim(1))])
      theOne([released === 'released', claimed.kind === 'claimed'], Boolean)
      expect(await standing(on)).toMatchObject({ fence: 2, state: released === 'released' ? 'queued' : 'running' })
    })
  }))

describe('discard', () =>
  onEveryEngine((on) => {
    it('takes away the record that one holds', async () => {
      await stands(on, aRunning({ cancelRequested: true }))
      await on().jobs.discard({ record: aRunning() })
      expect(await on().everything()).toEqual([])
    })

    it.each<[string, LiveRecord]>([
      ['another’s', aRunning({ nonce: 'another' })],
      ['one claimed again', aRunning({ fence: 2 })],
      ['a queued one', aQueued({ fence: 1 })],
    ])('does not take away %s', async (_, record) => {
      await stands(on, record)
      await changesNothing(on, () => on().jobs.discard({ record: aRunning() }))
    })

    it('of what is gone is no error', async () => {
      await on().jobs.discard({ record: aRunning() })
    })
  }))

describe('asking a worker to end', () =>
  onEveryEngine((on) => {
    it('marks the running record, however often', async () => {
      await stands(on, aRunning())
      expect(await on().jobs.requestCancel({ record: aRunning() })).toBe('asked')
      expect(await on().jobs.requestCancel({ record: aRunning() })).toBe('asked')
      expect(await standing(on)).toEqual(aRunning({ cancelRequested: true }))
    })

    it.each<[string, LiveRecord | undefined]>([
      ['is queued', aQueued({ fence: 1 })],
      ['was claimed again', aRunning({ fence: 2 })],
      ['is in review', anInReview({ key: aKey() })],
      ['is gone', undefined],
    ])('is stale where it %s, and changes nothing', async (_, record) => {
      if (record) await stands(on, record)
      expect(await changesNothing(on, () => on().jobs.requestCancel({ record: aRunning() }))).toBe('stale')
    })
  }))
