import { describe, expect, it } from 'vitest'
import { leaderKey } from '../../adapters/keys.ts'
import { leaderItem } from '../../adapters/records.ts'
import { onEveryEngine } from '../support/engines.ts'
import { aLeader, aQueued, aRunning, NOW } from '../support/records.ts'
import { changesNothing, theOne } from './outcomes.ts'

const { cacheKey, expiresAt } = aLeader()
const another = (jobId: string, fence = 1) => aLeader({ jobId, fence, at: NOW + 10 })

describe('the leader of those who ask the same', () =>
  onEveryEngine((on) => {
    const leader = (now = NOW) => on().jobs.leader({ cacheKey, now })

    it('is nobody until one leads, and then that one', async () => {
      expect(await leader()).toBeUndefined()
      expect(await on().jobs.lead({ leader: aLeader() })).toBe('leads')
      expect(await leader()).toEqual(aLeader())
      expect(await on().jobs.leader({ cacheKey: 'of another question', now: NOW })).toBeUndefined()
    })

    it('is one of twenty that find nobody', async () => {
      const all = Array.from({ length: 20 }, (_, i) => another(`job-${i}`))
      const outcomes = await Promise.all(all.map((one) => on().jobs.lead({ leader: one })))
      expect(await leader()).toEqual(all[theOne(outcomes, (o) => o === 'leads')])
    })

    it('is one of twenty that found the same before them', async () => {
      await on().jobs.lead({ leader: aLeader() })
      const all = Array.from({ length: 20 }, (_, i) => another(`job-${i + 2}`))
      const outcomes = await Promise.all(all.map((one) => on().jobs.lead({ leader: one, instead: aLeader() })))
      expect(await leader()).toEqual(all[theOne(outcomes, (o) => o === 'leads')])
    })

    it.each([
      ['to one that found nobody', undefined],
      ['to one that found another', another('job-9')],
      ['to one that found an earlier claim of it', aLeader({ fence: 0 })],
    ])('does not give way %s', async (_, instead) => {
      await on().jobs.lead({ leader: aLeader() })
      const lead = () => on().jobs.lead({ leader: another('job-2'), ...(instead ? { instead } : {}) })
      expect(await changesNothing(on, lead)).toBe('taken')
    })

    it('is known again where its first word was not heard', async () => {
      await on().jobs.lead({ leader: aLeader() })
      expect(await on().jobs.lead({ leader: aLeader() })).toBe('leads')
      expect(await on().jobs.lead({ leader: aLeader(), instead: another('job-2') })).toBe('leads')
    })

    it('is its latest claim, which an earlier one of the same job that comes late is not taken for', async () => {
      await on().jobs.lead({ leader: aLeader() })
      const late = () => on().jobs.lead({ leader: aLeader({ fence: 0 }), instead: another('job-2') })
      expect(await changesNothing(on, late)).toBe('taken')
    })

    it('is nobody once it has expired, to readers and to who would lead', async () => {
      await on().jobs.lead({ leader: aLeader() })
      expect(await leader(expiresAt)).toBeUndefined()
      const next = aLeader({ jobId: 'job-2', at: expiresAt, expiresAt: expiresAt + 9 })
      expect(await on().jobs.lead({ leader: next })).toBe('leads')
      expect(await leader(expiresAt)).toEqual(next)
    })

    it('throws where it does not parse, and is left as it is', async () => {
      await on().plant('jobs', { ...leaderItem(aLeader()), v: 9 })
      await expect(leader()).rejects.toMatchObject({ code: 'unreadable-record' })
      expect((await on().everything()).map(({ item }) => item.pk)).toEqual([leaderKey(cacheKey).pk])
    })
  }))

describe('a job that waits for an identical one', () =>
  onEveryEngine((on) => {
    it('waits for it no more once it is claimed, whatever becomes of the claim', async () => {
      await on().jobs.enter({ record: aQueued({ awaits: true }) })
      const claim = { key: aQueued().key, fence: 0, nonce: 'nonce-1', leaseUntil: NOW + 60_000, now: NOW }
      expect(await on().jobs.claim(claim)).toEqual({ kind: 'claimed', record: aRunning() })
      expect(await on().jobs.release({ record: aRunning() })).toBe('released')
      expect(await on().jobs.live({ keys: [aQueued().key] })).toEqual([aQueued({ fence: 2 })])
    })
  }))
