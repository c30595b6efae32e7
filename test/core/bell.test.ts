import { describe, expect, it } from 'vitest'
import { Bell, enteredBell, headOf } from '../../core/bell.ts'
import { aJob, NOW } from '../support/builders.ts'

describe('a bell', () => {
  it('tells all that the dispatcher needs, so that it need not read the record', () => {
    const job = aJob({ tier: 'high', owner: 'ann', fence: 7, attempt: 2, crashes: 1, tokens: 321, inputTokens: 300 })
    expect(enteredBell('b1', job)).toEqual({
      v: 1,
      id: 'b1',
      t: 'entered',
      tier: 'high',
      owner: 'ann',
      head: {
        jobId: job.key.jobId,
        at: job.key.at,
        fence: 7,
        tokens: 321,
        inputTokens: 300,
        kind: 'reply',
        attempt: 2,
        crashes: 1,
      },
    })
  })

  it('is read back as what was written, whatever it tells', () => {
    const job = aJob()
    const common = { v: 1, id: 'b' } as const
    const bells: Bell[] = [
      enteredBell('b', job),
      { ...common, t: 'left', tier: 'low', owner: 'ann', jobId: 'j', at: NOW, state: 'cancelled' },
      {
        ...common,
        t: 'settled',
        jobs: [{ jobId: 'j', fence: 1, what: 'back', nextFence: 3 }],
        slackMs: -5,
        refused: 1,
        quietUntil: NOW,
      },
      { ...common, t: 'stopped' },
      { ...common, t: 'resumed' },
    ]
    for (const bell of bells) expect(Bell.parse(JSON.parse(JSON.stringify(bell)))).toEqual(bell)
  })

  it('that nobody knows is refused, not guessed at', () => {
    expect(Bell.safeParse({ v: 1, id: 'b', t: 'unheard-of' }).success).toBe(false)
    expect(Bell.safeParse({ v: 2, id: 'b', t: 'stopped' }).success).toBe(false)
  })

  it('takes the place of the record as it stands now, not as it was submitted', () => {
    const job = aJob({ submittedAt: NOW })
    expect(headOf({ ...job, key: { ...job.key, at: NOW + 5000 } }).at).toBe(NOW + 5000)
  })
})
