import { describe, expect, it } from 'vitest'
import { liveItem } from '../../adapters/records.ts'
import type { LiveRecord } from '../../core/job.ts'
import type { Transition } from '../../services/ports.ts'
import { onEveryEngine, type Stores } from '../support/engines.ts'
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
  JOB,
  NOW,
  OWNER,
  POOL,
} from '../support/records.ts'
import { changesNothing } from './outcomes.ts'

const stands = (on: () => Stores, record: LiveRecord) => on().plant('live', liveItem(record))
const given = async (on: () => Stores, record: LiveRecord) => {
  await on().jobs.create({ input: anInput() })
  await stands(on, record)
}
const parts = async (on: () => Stores) => await on().jobs.load({ jobId: JOB, now: NOW })
const bells = async (on: () => Stores) => (await on().rings.bells({ pool: POOL, limit: 10 })).bells
const liveRecords = async (on: () => Stores) => (await on().everything()).filter((i) => i.table === 'live')

const retry = aQueued({ fence: 2, attempt: 1, key: aKey({ at: NOW + 8_000 }) })
const settle: Transition = { from: aRunning(), end: anEnd({ result: 'Dear Grace' }) }

describe('a transition to an end', () =>
  onEveryEngine((on) => {
    it('takes the live record away and writes the end, once', async () => {
      await given(on, aRunning())
      expect(await on().jobs.transition(settle)).toBe('done')
      expect(await liveRecords(on)).toEqual([])
      expect(await parts(on)).toEqual({ input: anInput(), end: anEnd({ result: 'Dear Grace' }) })
      expect(await changesNothing(on, () => on().jobs.transition(settle))).toBe('stale')
    })

    it('does not write a second end, even of a record that came to stand there again', async () => {
      await given(on, aRunning())
      await on().jobs.transition(settle)
      await stands(on, aRunning({ fence: 7 }))
      const again = { from: aRunning({ fence: 7 }), end: anEnd({ outcome: 'failed' as const }) }
      const { from } = again
      const to = aDeadLetter({ fence: 7 })
      expect(await changesNothing(on, () => on().jobs.transition({ from, end: anEnd({ fence: 7 }) }))).toBe('stale')
      expect(await changesNothing(on, () => on().jobs.transition({ ...again, to }))).toBe('stale')
    })

    it('answers cancelled where that was asked for, and goes through as the cancellation', async () => {
      await given(on, aRunning({ cancelRequested: true }))
      expect(await changesNothing(on, () => on().jobs.transition(settle))).toBe('cancelled')
      const end = anEnd({ outcome: 'cancelled', usage: { outputTokens: 90 } })
      expect(await on().jobs.transition({ from: aRunning(), end, evenIfCancelled: true })).toBe('done')
      expect((await parts(on))?.end).toEqual(end)
    })

    it('of a stale writer is stale even where the present one was asked to end', async () => {
      await given(on, aRunning({ fence: 2, cancelRequested: true }))
      expect(await changesNothing(on, () => on().jobs.transition(settle))).toBe('stale')
    })

    it('does not end a job that has moved, by a first put that lands where it entered', async () => {
      await given(on, aRunning())
      const inReview = anInReview()
      await on().jobs.transition({ from: aRunning(), to: inReview, draft: aDraft() })
      await stands(on, aQueued())
      const end = anEnd({ outcome: 'cancelled', fence: 0 })
      expect(await changesNothing(on, () => on().jobs.transition({ from: aQueued(), end }))).toBe('stale')
    })

    it('cancels at once what does not run, and tells the dispatcher', async () => {
      await given(on, aQueued())
      const bell = {
        v: 1,
        id: 'b',
        t: 'left',
        tier: 'high',
        owner: OWNER,
        jobId: JOB,
        at: NOW,
        state: 'cancelled',
      } as const
      const end = anEnd({ outcome: 'cancelled', fence: 0 })
      expect(await on().jobs.transition({ from: aQueued(), end, bell })).toBe('done')
      expect(await bells(on)).toEqual([bell])
    })
  }))

describe('a move', () =>
  onEveryEngine((on) => {
    it('leaves exactly one live record, says where it is, and rings', async () => {
      await given(on, aRunning())
      expect(await on().jobs.transition({ from: aRunning(), to: retry, bell: aBell(1, retry) })).toBe('done')
      expect(await on().jobs.live({ keys: [aKey(), retry.key] })).toEqual([undefined, retry])
      expect(await liveRecords(on)).toHaveLength(1)
      expect((await parts(on))?.at).toEqual(retry.key)
      expect(await bells(on)).toEqual([aBell(1, retry)])
    })

    it('does not land on another record', async () => {
      await given(on, aRunning())
      await stands(on, { ...retry, tokens: 1 })
      expect(await changesNothing(on, () => on().jobs.transition({ from: aRunning(), to: retry }))).toBe('stale')
    })

    it('into review brings the draft, and one version of it is written only once', async () => {
      await given(on, aRunning())
      expect(await on().jobs.transition({ from: aRunning(), to: anInReview(), draft: aDraft() })).toBe('done')
      expect(await parts(on)).toEqual({ input: anInput(), at: anInReview().key, draft: aDraft() })
      await stands(on, aRunning({ fence: 5 }))
      const second: Transition = {
        from: aRunning({ fence: 5 }),
        to: anInReview({ fence: 5, key: aKey({ at: NOW + 9_000 }) }),
        draft: aDraft({ text: 'another' }),
      }
      expect(await changesNothing(on, () => on().jobs.transition(second))).toBe('stale')
    })

    it('keeps text that holds half a character, with U+FFFD in its place', async () => {
      await given(on, aRunning())
      const draft = aDraft({ text: 'Dear Grace \ud83d' })
      const to = anInReview({ errors: [{ at: NOW, class: 'x', message: 'cut \ud83d' }] })
      expect(await on().jobs.transition({ from: aRunning(), to, draft })).toBe('done')
      expect((await parts(on))?.draft?.text).toBe('Dear Grace \ufffd')
      expect((await on().jobs.live({ keys: [to.key] }))[0]?.errors[0]?.message).toBe('cut \ufffd')
    })
  }))

describe('a decision', () =>
  onEveryEngine((on) => {
    const approve: Transition = { from: anInReview(), end: anEnd({ approvedBy: 'linus' }), approval: anApproval() }
    const approvals = async () => (await on().everything()).filter((i) => i.table === 'approvals').map((i) => i.item)

    it('writes the approval beside the end', async () => {
      await given(on, anInReview())
      expect(await on().jobs.transition(approve)).toBe('done')
      expect(await approvals()).toEqual([{ pk: JOB, sk: '0001', ...anApproval() }])
      expect((await parts(on))?.end?.approvedBy).toBe('linus')
    })

    it('on a version that was decided on is stale', async () => {
      await on().plant('approvals', { pk: JOB, sk: '0001', ...anApproval({ decision: 'rejected' }) })
      await given(on, anInReview())
      expect(await changesNothing(on, () => on().jobs.transition(approve))).toBe('stale')
    })

    it('on a draft that was moved on is stale', async () => {
      await given(on, anInReview({ fence: 2, draftVersion: 2 }))
      expect(await changesNothing(on, () => on().jobs.transition(approve))).toBe('stale')
    })
  }))

describe('a dead letter', () =>
  onEveryEngine((on) => {
    const failed: Transition = {
      from: aRunning(),
      to: aDeadLetter(),
      end: anEnd({ outcome: 'failed', reason: 'refusal' }),
    }
    const again = aQueued({ fence: 2, key: aKey({ at: NOW + 60_000 }) })
    const redrive: Transition = { from: aDeadLetter(), to: again, reopen: true, bell: aBell(2, again) }

    it('stands in its lane with its end, is redriven, runs, and may end anew', async () => {
      await given(on, aRunning())
      expect(await on().jobs.transition(failed)).toBe('done')
      expect((await parts(on))?.end?.reason).toBe('refusal')
      expect(await on().jobs.live({ keys: [aDeadLetter().key] })).toEqual([aDeadLetter()])

      expect(await on().jobs.transition(redrive)).toBe('done')
      expect(await parts(on)).toEqual({ input: anInput(), at: again.key })
      expect(await bells(on)).toEqual([aBell(2, again)])

      const claim = { key: again.key, fence: 2, nonce: 'n', leaseUntil: NOW + 90_000, now: NOW + 60_000 }
      expect((await on().jobs.claim(claim)).kind).toBe('claimed')
      const from = aRunning({ fence: 3, key: again.key })
      expect(await on().jobs.transition({ from, end: anEnd({ fence: 3 }) })).toBe('done')
      expect((await parts(on))?.end).toEqual(anEnd({ fence: 3 }))
      expect(await liveRecords(on)).toEqual([])
    })

    it('is redriven once', async () => {
      await given(on, aRunning())
      await on().jobs.transition(failed)
      await on().jobs.transition(redrive)
      expect(await changesNothing(on, () => on().jobs.transition(redrive))).toBe('stale')
    })

    it('whose end is not there is not redriven', async () => {
      await given(on, aDeadLetter())
      expect(await changesNothing(on, () => on().jobs.transition(redrive))).toBe('stale')
    })
  }))
