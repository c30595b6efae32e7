import { describe, expect, it } from 'vitest'
import { liveItem } from '../../adapters/records.ts'
import type { LiveRecord } from '../../core/job.ts'
import { onEveryEngine, type Stores } from '../support/engines.ts'
import { aDeadLetter, aKey, anInReview, aQueued, aRunning, NOW } from '../support/records.ts'
import { changesNothing, theOne } from './outcomes.ts'

const LEASE_UNTIL = NOW + 60_000
const aClaim = (p: Partial<Parameters<Stores['jobs']['claim']>[0]> = {}) => ({
  key: aKey(),
  fence: 0,
  nonce: 'mine',
  leaseUntil: LEASE_UNTIL,
  now: NOW,
  ...p,
})
const twenty = Array.from({ length: 20 }, (_, i) => `worker-${i}`)
const stands = (on: () => Stores, record: LiveRecord) => on().plant('live', liveItem(record))
const standing = async (on: () => Stores, key = aKey()) => (await on().jobs.live({ keys: [key] }))[0]

describe('claim', () =>
  onEveryEngine((on) => {
    it('takes a queued record under the next fence, with nonce and lease', async () => {
      await stands(on, aQueued({ fence: 4, attempt: 2 }))
      const record = aRunning({ fence: 5, attempt: 2, nonce: 'mine', leaseUntil: LEASE_UNTIL })
      expect(await on().jobs.claim(aClaim({ fence: 4 }))).toEqual({ kind: 'claimed', record })
      expect(await standing(on)).toEqual(record)
    })

    it('is won by exactly one of twenty at once', async () => {
      await stands(on, aQueued())
      const outcomes = await Promise.all(twenty.map((nonce) => on().jobs.claim(aClaim({ nonce }))))
      const winner = theOne(outcomes, (o) => o.kind === 'claimed')
      expect(await standing(on)).toMatchObject({ state: 'running', fence: 1, crashes: 0, nonce: twenty[winner] })
    })

    it('is won by exactly one of twenty at once when a lease has run out', async () => {
      await stands(on, aRunning({ leaseUntil: NOW - 1 }))
      const outcomes = await Promise.all(twenty.map((nonce) => on().jobs.claim(aClaim({ fence: 1, nonce }))))
      const winner = theOne(outcomes, (o) => o.kind === 'claimed')
      expect(await standing(on)).toMatchObject({ fence: 2, crashes: 1, nonce: twenty[winner] })
    })

    it('counts a crash for every lease that ran out, and none otherwise', async () => {
      await on().jobs.enter({ record: aQueued() })
      for (const [fence, crashes] of [
        [0, 0],
        [1, 1],
        [2, 2],
      ] as const) {
        const now = NOW + fence * 100
        const claim = await on().jobs.claim(aClaim({ fence, nonce: `n${fence}`, now, leaseUntil: now + 50 }))
        expect(claim).toMatchObject({ kind: 'claimed', record: { crashes, attempt: 0, fence: fence + 1 } })
      }
    })

    it('keeps what a running record was asked: to end', async () => {
      await stands(on, aRunning({ leaseUntil: NOW - 1, cancelRequested: true }))
      const claim = await on().jobs.claim(aClaim({ fence: 1 }))
      expect(claim).toMatchObject({ kind: 'claimed', record: { cancelRequested: true } })
    })

    it('is known again by its nonce', async () => {
      await stands(on, aQueued())
      const first = await on().jobs.claim(aClaim())
      expect(await changesNothing(on, () => on().jobs.claim(aClaim()))).toEqual(first)
    })

    it.each<[string, LiveRecord, Partial<Parameters<typeof aClaim>[0]>]>([
      ['at an older fence', aQueued({ fence: 2 }), { fence: 1 }],
      ['at a fence that has not been', aQueued({ fence: 2 }), { fence: 3 }],
      ['while the lease lasts', aRunning({ leaseUntil: NOW + 1 }), { fence: 1 }],
      ['in the lease’s last moment', aRunning({ leaseUntil: NOW }), { fence: 1 }],
      ['out of lease, at an older fence', aRunning({ fence: 2, leaseUntil: NOW - 1 }), { fence: 1 }],
      ['by the nonce of the lease that lasts', aRunning({ nonce: 'mine', leaseUntil: NOW + 1 }), { fence: 1 }],
      ['a draft in review', anInReview({ key: aKey() }), { fence: 1 }],
      ['a dead letter', aDeadLetter({ key: aKey() }), { fence: 1 }],
      ['at another time of the lane', aQueued({ key: aKey({ at: NOW + 1 }) }), {}],
    ])('is refused %s, and changes nothing', async (_, record, claim) => {
      await stands(on, record)
      const outcome = await changesNothing(on, () => on().jobs.claim(aClaim(claim)))
      expect(outcome).toEqual({ kind: 'refused' })
    })

    it('is refused where nothing stands, and puts nothing there', async () => {
      expect(await changesNothing(on, () => on().jobs.claim(aClaim()))).toEqual({ kind: 'refused' })
    })
  }))
