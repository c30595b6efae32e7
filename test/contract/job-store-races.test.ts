/** Whatever the order in which requests arrive, one wins, and the tables show that one alone. */
import { describe, expect, it } from 'vitest'
import { liveItem } from '../../adapters/records.ts'
import type { LiveRecord } from '../../core/job.ts'
import type { Transition } from '../../services/ports.ts'
import { onEveryEngine } from '../support/engines.ts'
import {
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
} from '../support/records.ts'
import { theOne } from './outcomes.ts'

const twenty = Array.from({ length: 20 }, (_, i) => i)
const cancelled = (jobId = JOB) => anEnd({ jobId, outcome: 'cancelled', fence: 0 })

describe('of twenty at once, one', () =>
  onEveryEngine((on) => {
    const compete = async (from: LiveRecord, step: (i: number) => Transition) => {
      await on().jobs.create({ input: anInput() })
      await on().plant('live', liveItem(from))
      const outcomes = await Promise.all(twenty.map((i) => on().jobs.transition(step(i))))
      const winner = theOne(outcomes, (o) => o === 'done')
      const live = (await on().everything()).filter((i) => i.table === 'live')
      const parts = await on().jobs.load({ jobId: JOB, now: NOW })
      return { winner, live: live.map((i) => i.item), parts }
    }

    it('settles', async () => {
      const { winner, live, parts } = await compete(aRunning(), (i) => ({
        from: aRunning(),
        end: anEnd({ result: `${i}` }),
      }))
      expect(parts?.end?.result).toBe(`${winner}`)
      expect(live).toEqual([])
    })

    it('moves on', async () => {
      const to = (i: number) => aQueued({ fence: 2, key: aKey({ at: NOW + i + 1 }) })
      const { winner, live, parts } = await compete(aRunning(), (i) => ({ from: aRunning(), to: to(i) }))
      expect(live).toEqual([liveItem(to(winner))])
      expect(parts?.at).toEqual(to(winner).key)
    })

    it('brings the draft', async () => {
      const to = (i: number) => anInReview({ key: aKey({ at: NOW + i + 1 }) })
      const step = (i: number) => ({ from: aRunning(), to: to(i), draft: aDraft({ text: `${i}` }) })
      const { winner, live, parts } = await compete(aRunning(), step)
      expect(parts?.draft?.text).toBe(`${winner}`)
      expect(live).toEqual([liveItem(to(winner))])
    })

    it('decides', async () => {
      const { winner, parts } = await compete(anInReview(), (i) => ({
        from: anInReview(),
        end: anEnd({ outcome: i % 2 ? 'succeeded' : 'rejected', fence: i }),
        approval: anApproval({ decision: i % 2 ? 'approved' : 'rejected', by: `${i}` }),
      }))
      expect(parts?.end?.fence).toBe(winner)
      const approvals = (await on().everything()).filter((i) => i.table === 'approvals')
      expect(approvals.map((i) => i.item['by'])).toEqual([`${winner}`])
    })

    it('redrives', async () => {
      await on().jobs.endUnentered({ key: aKey(), end: anEnd({ outcome: 'failed' }) })
      const to = (i: number) => aQueued({ fence: 2, key: aKey({ at: NOW + i + 1 }) })
      const step = (i: number): Transition => ({ from: aDeadLetter(), to: to(i), reopen: true })
      const { winner, live, parts } = await compete(aDeadLetter(), step)
      expect(live).toEqual([liveItem(to(winner))])
      expect(parts?.end).toBeUndefined()
    })
  }))

describe('of two that meet, over twenty jobs', () =>
  onEveryEngine((on) => {
    const ids = twenty.map((i) => `job-${i}`)
    /** Both at once for every job, each first by turns; then what is left of each job. */
    const meet = async <A, B>(
      p: { from: (jobId: string) => LiveRecord; a: (jobId: string) => Promise<A>; b: (jobId: string) => Promise<B> },
      check: (jobId: string, outcome: [A, B]) => Promise<void>,
    ) => {
      for (const jobId of ids) {
        await on().jobs.create({ input: anInput({ jobId }) })
        await on().plant('live', liveItem(p.from(jobId)))
      }
      const both = async (jobId: string, i: number): Promise<[A, B]> => {
        if (i % 2 === 0) return Promise.all([p.a(jobId), p.b(jobId)])
        const [b, a] = await Promise.all([p.b(jobId), p.a(jobId)])
        return [a, b]
      }
      const outcomes = await Promise.all(ids.map(both))
      for (const [i, outcome] of outcomes.entries()) await check(ids[i] as string, outcome)
    }
    const key = (jobId: string) => aKey({ jobId })
    const running = (jobId: string) => aRunning({ key: key(jobId), leaseUntil: NOW - 1 })
    const settle = (jobId: string) => on().jobs.transition({ from: running(jobId), end: anEnd({ jobId }) })
    const claim = (jobId: string, fence = 1) =>
      on().jobs.claim({ key: key(jobId), fence, nonce: 'late', leaseUntil: NOW + 9_000, now: NOW })
    const standing = async (jobId: string) => (await on().jobs.live({ keys: [key(jobId)] }))[0]
    const endOf = async (jobId: string) => (await on().jobs.load({ jobId, now: NOW }))?.end?.outcome

    it('a cancel and a settle: either it was asked for first, or the job has ended', () =>
      meet(
        { from: running, a: (id) => on().jobs.requestCancel({ record: running(id) }), b: settle },
        async (jobId, outcome) => {
          expect([
            ['asked', 'cancelled'],
            ['stale', 'done'],
          ]).toContainEqual(outcome)
          expect(await endOf(jobId)).toBe(outcome[1] === 'done' ? 'succeeded' : undefined)
          expect((await standing(jobId))?.cancelRequested).toBe(outcome[0] === 'asked' ? true : undefined)
        },
      ))

    it('a cancel of what is queued and a claim', () => {
      const from = (jobId: string) => aQueued({ key: key(jobId) })
      const cancel = (jobId: string) => on().jobs.transition({ from: from(jobId), end: cancelled(jobId) })
      return meet({ from, a: cancel, b: (id) => claim(id, 0) }, async (jobId, [cancelling, claiming]) => {
        theOne([cancelling === 'done', claiming.kind === 'claimed'], Boolean)
        expect(await endOf(jobId)).toBe(cancelling === 'done' ? 'cancelled' : undefined)
        expect((await standing(jobId))?.state).toBe(cancelling === 'done' ? undefined : 'running')
      })
    })

    it('a late settle and a claim of the lease that ran out', () =>
      meet({ from: running, a: settle, b: claim }, async (jobId, [settling, claiming]) => {
        theOne([settling === 'done', claiming.kind === 'claimed'], Boolean)
        expect(await endOf(jobId)).toBe(settling === 'done' ? 'succeeded' : undefined)
        expect((await standing(jobId))?.fence).toBe(settling === 'done' ? undefined : 2)
      }))

    it('a settle and a release', () =>
      meet(
        { from: running, a: settle, b: (id) => on().jobs.release({ record: running(id) }) },
        async (jobId, [settling, releasing]) => {
          theOne([settling === 'done', releasing === 'released'], Boolean)
          expect((await standing(jobId))?.state).toBe(settling === 'done' ? undefined : 'queued')
        },
      ))

    it('a repeated submit and a move: the job stands once, where it moved to', () => {
      const to = (jobId: string) => aQueued({ fence: 2, key: aKey({ jobId, at: NOW + 500 }) })
      const move = (jobId: string) => on().jobs.transition({ from: running(jobId), to: to(jobId) })
      const repeat = (jobId: string) => on().jobs.reenter({ record: aQueued({ key: key(jobId) }) })
      return meet({ from: running, a: repeat, b: move }, async (jobId, [repeating, moving]) => {
        expect(['present', 'gone']).toContain(repeating)
        expect(moving).toBe('done')
        expect(await on().jobs.live({ keys: [key(jobId), to(jobId).key] })).toEqual([undefined, to(jobId)])
      })
    })

    it('a repeated submit and an end: the job stays ended', () => {
      const repeat = (jobId: string) => on().jobs.reenter({ record: aQueued({ key: key(jobId) }) })
      return meet({ from: running, a: repeat, b: settle }, async (jobId, [repeating, settling]) => {
        expect(['present', 'gone']).toContain(repeating)
        expect(settling).toBe('done')
        expect(await standing(jobId)).toBeUndefined()
      })
    })

    it('ends of a job and of its revived twin: there is one end', () => {
      const twin = (jobId: string) => aRunning({ key: aKey({ jobId, at: NOW + 1 }), fence: 9 })
      const expire = async (jobId: string) => {
        await on().plant('live', liveItem(twin(jobId)))
        return on().jobs.transition({ from: twin(jobId), end: anEnd({ jobId, outcome: 'expired' }) })
      }
      return meet({ from: running, a: settle, b: expire }, async (jobId, outcome) => {
        const winner = theOne(outcome, (o) => o === 'done')
        expect(await endOf(jobId)).toBe(['succeeded', 'expired'][winner])
      })
    })
  }))
