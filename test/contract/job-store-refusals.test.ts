/** What a transition refuses, and that refusing writes nothing. */
import { describe, expect, it } from 'vitest'
import { liveItem } from '../../adapters/records.ts'
import { IllegalEdge, type LiveRecord } from '../../core/job.ts'
import { laneOf } from '../../core/lane.ts'
import { BadTransition } from '../../services/edges.ts'
import type { Transition } from '../../services/ports.ts'
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
  NOW,
  OWNER,
  POOL,
} from '../support/records.ts'
import { changesNothing } from './outcomes.ts'

const retry = aQueued({ fence: 2, attempt: 1, key: aKey({ at: NOW + 8_000 }) })
const settle: Transition = { from: aRunning(), end: anEnd() }

describe('a stale fence changes nothing', () =>
  onEveryEngine((on) => {
    const steps: [string, Transition][] = [
      ['settle', settle],
      ['settle as cancelled', { from: aRunning(), end: anEnd({ outcome: 'cancelled' }), evenIfCancelled: true }],
      ['retry', { from: aRunning(), to: retry, bell: aBell() }],
      ['into review', { from: aRunning(), to: anInReview(), draft: aDraft() }],
      ['dead letter', { from: aRunning(), to: aDeadLetter(), end: anEnd({ outcome: 'failed' }) }],
    ]
    const now: [string, LiveRecord | undefined][] = [
      ['claimed again', aRunning({ fence: 2, nonce: 'another' })],
      ['released', aQueued({ fence: 2 })],
      ['queued at the same fence', aQueued({ fence: 1 })],
      ['gone', undefined],
    ]
    it.each(steps.flatMap(([step, t]) => now.map(([what, record]) => [step, what, t, record] as const)))(
      '%s, of what is %s',
      async (_, __, t, record) => {
        await on().jobs.create({ input: anInput() })
        if (record) await on().plant('live', liveItem(record))
        expect(await changesNothing(on, () => on().jobs.transition(t))).toBe('stale')
      },
    )
  }))

describe('what no job may do throws before anything is written', () =>
  onEveryEngine((on) => {
    const elsewhere = { lane: laneOf({ pool: POOL, tier: 'low', owner: OWNER }) }
    it.each<[string, Transition, new (...args: never[]) => Error]>([
      ['succeed without having run', { from: aQueued(), end: anEnd() }, IllegalEdge],
      ['go into review without having run', { from: aQueued(), to: anInReview() }, IllegalEdge],
      ['succeed from review without an approval', { from: anInReview(), end: anEnd() }, IllegalEdge],
      [
        'succeed from review by a rejection',
        { from: anInReview(), end: anEnd(), approval: anApproval({ decision: 'rejected' }) },
        IllegalEdge,
      ],
      ['go nowhere', { from: aRunning() }, BadTransition],
      ['go on and end', { from: aRunning(), to: retry, end: anEnd() }, BadTransition],
      ['be a dead letter without an end', { from: aRunning(), to: aDeadLetter() }, BadTransition],
      [
        'become another',
        { from: aRunning(), to: aQueued({ fence: 2, key: aKey({ jobId: 'job-2', ...elsewhere }) }) },
        BadTransition,
      ],
    ])('%s', async (_, t, error) => {
      await on().jobs.create({ input: anInput() })
      await on().plant('live', liveItem(t.from))
      await changesNothing(on, () => expect(on().jobs.transition(t)).rejects.toBeInstanceOf(error))
    })
  }))
