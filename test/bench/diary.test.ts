import { describe, expect, it } from 'vitest'
import type { Called } from '../../bench/provider.ts'
import { Diary } from '../../bench/tasks.ts'

const call = (jobId: string, takesMs: number, hangs = false): Called => ({
  kind: 'called',
  jobId,
  at: 0,
  takesMs,
  hangs,
})

/** Submitted at 1,000, claimed at 1,100. */
function submitted(diary: Diary, jobId: string): void {
  diary.of(jobId).submittedAt = 1_000
  diary.see({ kind: 'claimed', jobId, at: 1_100 })
}

describe('what the queue adds to a call', () => {
  it("is the time from the submit to the written end, less the provider's", () => {
    const diary = new Diary()
    submitted(diary, 'a')
    diary.called(call('a', 5_000))
    diary.see({ kind: 'ended', jobId: 'a', at: 6_300 })
    expect(diary.addedMs()).toEqual([300])
  })

  it('is told neither of jobs that hung, nor of those called twice, nor of those that have not ended', () => {
    const diary = new Diary()
    for (const jobId of ['hung', 'twice', 'open']) submitted(diary, jobId)
    diary.called(call('hung', 5_000, true))
    diary.called(call('twice', 5_000))
    diary.called(call('twice', 5_000))
    diary.called(call('open', 5_000))
    for (const jobId of ['hung', 'twice']) diary.see({ kind: 'ended', jobId, at: 60_000 })
    expect(diary.addedMs()).toEqual([])
  })
})

describe('a diary', () => {
  it('knows of an end that was seen before the submit was answered', async () => {
    const diary = new Diary()
    diary.see({ kind: 'ended', jobId: 'a', at: 2_000 })
    await expect(diary.ended('a')).resolves.toBeUndefined()
  })

  it("takes an invocation from its message's first claim to its bell", () => {
    const diary = new Diary()
    for (const [jobId, at] of [
      ['a', 1_200],
      ['b', 1_100],
    ] as const)
      diary.see({ kind: 'claimed', jobId, at })
    diary.see({ kind: 'settled', jobIds: ['a', 'b'], at: 9_000 })
    expect(diary.invocations).toEqual([{ from: 1_100, to: 9_000 }])
  })

  it('counts no invocation that claimed nothing', () => {
    const diary = new Diary()
    diary.see({ kind: 'settled', jobIds: ['late'], at: 9_000 })
    expect(diary.invocations).toEqual([])
  })
})
