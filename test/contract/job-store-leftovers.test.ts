/** An idempotency key names the same job id when it is used anew after retention: what the earlier job left is not its. */
import { beforeEach, describe, expect, it } from 'vitest'
import { approvalKey, draftKey, endKey } from '../../adapters/keys.ts'
import { atItem, expiring, type Item, liveItem, stored } from '../../adapters/records.ts'
import { onEveryEngine } from '../support/engines.ts'
import {
  aBell,
  aDeadLetter,
  aDraft,
  aKey,
  anApproval,
  anEnd,
  anInput,
  anInReview,
  aQueued,
  aRunning,
  DAY_MS,
  JOB,
  NOW,
} from '../support/records.ts'

const LATER = NOW + 100 * DAY_MS
const born = { submittedAt: LATER, expiresAt: LATER + 90 * DAY_MS }
const key = aKey({ at: LATER })
const input = anInput({ ...born, key, hash: 'another', input: { to: 'Ada' } })
const running = aRunning({ ...born, key })
const moved = aQueued({ ...born, fence: 2, key: aKey({ at: LATER + 8_000 }) })
const end = anEnd({ ...born, result: 'new' })
const inReview = anInReview({ ...born, key: { ...anInReview().key, at: LATER + 1 } })

/** As code wrote it that did not say whose it was. */
const bare = ({ submittedAt: _, ...item }: Item): Item => item as Item

describe('a job whose id an earlier one had', () =>
  onEveryEngine((on) => {
    const present = async () => (await on().jobs.load({ jobId: JOB, now: LATER })) ?? 'absent'

    /** All that the earlier job may leave: an end is kept longer than the input, and nothing is swept in time. */
    beforeEach(async () => {
      await on().jobs.create({ input: anInput() })
      await on().plant('jobs', atItem(aQueued({ key: aKey({ at: NOW + 7 }) })))
      await on().plant('jobs', expiring(endKey(JOB), anEnd({ expiresAt: LATER + DAY_MS })))
      await on().plant('jobs', expiring(draftKey(JOB, 1), aDraft({ expiresAt: LATER + DAY_MS })))
      await on().plant('approvals', stored(approvalKey(JOB, 1), anApproval()))
    })

    it('is created where the earlier input has expired, and not a moment before', async () => {
      const { expiresAt } = anInput()
      const early = { ...input, submittedAt: expiresAt - 1 }
      expect(await on().jobs.create({ input: early })).toEqual({ kind: 'exists', input: anInput() })
      expect(await on().jobs.create({ input: { ...input, submittedAt: expiresAt } })).toEqual({ kind: 'created' })
    })

    it('has none of the parts of the earlier one', async () => {
      await on().jobs.create({ input })
      expect(await present()).toEqual({ input })
    })

    it('enters again after a lost answer, as if nothing had been left', async () => {
      await on().jobs.create({ input })
      expect(await on().jobs.reenter({ record: aQueued({ ...born, key }) })).toBe('entered')
    })

    it('is cancelled where it entered, though the earlier one had moved', async () => {
      await on().jobs.create({ input })
      const queued = aQueued({ ...born, key })
      await on().plant('live', liveItem(queued))
      const cancelled = anEnd({ ...born, outcome: 'cancelled', fence: 0 })
      expect(await on().jobs.transition({ from: queued, end: cancelled })).toBe('done')
      expect(await present()).toMatchObject({ end: { outcome: 'cancelled' } })
    })

    it('moves, is reviewed and approved, and ends', async () => {
      await on().jobs.create({ input })
      await on().plant('live', liveItem(running))
      const draft = aDraft({ ...born, text: 'new' })
      expect(await on().jobs.transition({ from: running, to: inReview, draft })).toBe('done')
      expect(await present()).toEqual({ input, at: inReview.key, draft })
      const approval = anApproval({ submittedAt: LATER })
      expect(await on().jobs.transition({ from: inReview, end, approval })).toBe('done')
      expect(await present()).toEqual({ input, at: inReview.key, draft, end })
    })

    it('ends though it never entered', async () => {
      await on().jobs.create({ input })
      expect(await on().jobs.endUnentered({ key, end })).toBe('done')
      expect(await present()).toEqual({ input, end })
    })

    it('keeps its end when a dead letter of the earlier one is redriven late', async () => {
      await on().jobs.create({ input })
      const letter = aDeadLetter()
      await on().plant('live', liveItem(letter))
      await on().jobs.endUnentered({ key, end })
      const back = aQueued({ fence: 2, key: aKey({ at: NOW + 9 }) })
      expect(await on().jobs.transition({ from: letter, to: back, reopen: true })).toBe('stale')
      expect(await present()).toEqual({ input, end })
    })

    it('is as safe from what code before it left, which did not say whose it was', async () => {
      await on().plant('jobs', bare(atItem(aQueued({ key: aKey({ at: NOW + 7 }) }))))
      await on().plant('jobs', bare(expiring(endKey(JOB), anEnd({ expiresAt: LATER + DAY_MS }))))
      await on().plant('jobs', bare(expiring(draftKey(JOB, 1), aDraft({ expiresAt: LATER + DAY_MS }))))
      await on().jobs.create({ input })
      expect(await present()).toEqual({ input })
      await on().plant('live', liveItem(running))
      const draft = aDraft({ ...born, text: 'new' })
      expect(await on().jobs.transition({ from: running, to: inReview, draft })).toBe('done')
      expect(await on().jobs.transition({ from: inReview, end, approval: anApproval({ submittedAt: LATER }) })).toBe(
        'done',
      )
    })

    it('is not taken for an earlier one by what code before it left of the job itself, in the moment of its submit', async () => {
      await on().jobs.create({ input })
      await on().plant('live', liveItem(running))
      await on().plant('jobs', bare(expiring(endKey(JOB), { ...end, endedAt: LATER })))
      expect(await on().jobs.transition({ from: running, end })).toBe('stale')
    })

    it('is redriven from an end that code before it wrote', async () => {
      const letter = aDeadLetter()
      await on().plant('live', liveItem(letter))
      await on().plant('jobs', bare(expiring(endKey(JOB), anEnd())))
      const back = aQueued({ fence: letter.fence + 1, key: aKey({ at: NOW + 9 }) })
      expect(await on().jobs.transition({ from: letter, to: back, reopen: true })).toBe('done')
    })

    it('is not touched by a worker of the earlier one that comes back', async () => {
      await on().jobs.create({ input })
      await on().plant('live', liveItem(running))
      await on().jobs.transition({ from: running, to: moved, bell: aBell(1, moved) })
      const old = aRunning()
      await on().plant('live', liveItem(old))
      const back = aQueued({ fence: 2, key: aKey({ at: NOW + 9 }) })
      expect(await on().jobs.transition({ from: old, to: back })).toBe('stale')
      expect(await present()).toEqual({ input, at: moved.key })
      const ended = { ...moved, state: 'running' as const, nonce: 'n', leaseUntil: LATER }
      await on().plant('live', liveItem(ended))
      expect(await on().jobs.transition({ from: ended, end })).toBe('done')
      expect(await on().jobs.transition({ from: old, end: anEnd() })).toBe('stale')
      expect(await present()).toEqual({ input, at: moved.key, end })
    })
  }))
