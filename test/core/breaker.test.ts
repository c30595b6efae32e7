import { describe, expect, it } from 'vitest'
import { acquit, type Evidence, isDoubted, OPEN_AFTER, testify } from '../../core/breaker.ts'

const failing = (calls: readonly { jobId?: string; failed?: string }[]): { evidence: Evidence; opened: boolean } => {
  const evidence: Evidence = new Map()
  const opened = calls.map(({ jobId = 'a', failed = 'overloaded' }, i) =>
    testify(evidence, { jobId, fence: i, failed, slot: i }),
  )
  return { evidence, opened: opened.at(-1) ?? false }
}
const times = (n: number, failed: string, jobId?: string) =>
  Array.from({ length: n }, (_, i) => ({ failed, jobId: jobId ?? `job-${i}` }))

describe('a provider is taken to be down', () => {
  it.each(['overloaded', 'network'])('by so many calls in a row that meet %s, though all are one job’s', (failed) => {
    expect(failing(times(OPEN_AFTER - 1, failed, 'a')).opened).toBe(false)
    expect(failing(times(OPEN_AFTER, failed, 'a')).opened).toBe(true)
  })

  it.each(['server', 'timeout'])('by %s only where so many jobs meet it: one’s content may be its cause', (failed) => {
    expect(failing(times(100, failed, 'a')).opened).toBe(false)
    expect(failing(times(OPEN_AFTER, failed)).opened).toBe(true)
  })

  it('by nothing that an answer to a later call disproves', () => {
    const { evidence } = failing(times(OPEN_AFTER, 'server'))
    acquit(evidence, OPEN_AFTER - 2)
    expect([...evidence.values()]).toEqual([OPEN_AFTER - 1])
  })
})

describe('a job’s failure is doubted', () => {
  it('where another failed, or the provider was overloaded or not reached, and not by its own failure', () => {
    expect(isDoubted(failing([]).evidence, 'a')).toBe(false)
    expect(isDoubted(failing(times(3, 'server', 'a')).evidence, 'a')).toBe(false)
    expect(isDoubted(failing(times(1, 'server', 'b')).evidence, 'a')).toBe(true)
    expect(isDoubted(failing(times(1, 'network', 'a')).evidence, 'a')).toBe(true)
  })
})
