import { describe, expect, test } from 'vitest'
import { floorMs } from '../../bench/floor.ts'
import { BIG_OWNER, FLOOD, workload } from '../../bench/workload.ts'

const share = <T>(items: readonly T[], is: (item: T) => boolean) => items.filter(is).length / items.length

describe('the flood', () => {
  const flood = workload(FLOOD)

  test('is the same for the same seed, and another for another', () => {
    expect(workload(FLOOD)).toEqual(flood)
    expect(workload({ ...FLOOD, seed: FLOOD.seed + 1 })).not.toEqual(flood)
  })

  test('has 3,000 jobs of 50 owners, one of whom has 60 % and the others equally many', () => {
    expect(flood).toHaveLength(3_000)
    const counts = [...new Set(flood.map((a) => a.owner))].map((o) => flood.filter((a) => a.owner === o).length)
    expect(counts).toHaveLength(50)
    expect(share(flood, (a) => a.owner === BIG_OWNER)).toBe(0.6)
    expect(new Set(counts)).toEqual(new Set([1_800, 24, 25]))
  })

  test('has tiers of 20, 30 and 50 %', () => {
    expect(share(flood, (a) => a.tier === 'high')).toBe(0.2)
    expect(share(flood, (a) => a.tier === 'medium')).toBe(0.3)
    expect(share(flood, (a) => a.tier === 'low')).toBe(0.5)
  })

  test('comes by two thirds at once, and the rest within 40 s, in order of time', () => {
    const times = flood.map((a) => a.atMs)
    expect(share(times, (at) => at === 0)).toBeCloseTo(2 / 3)
    expect(Math.max(...times)).toBeLessThanOrEqual(40_000)
    expect([...times].sort((a, b) => a - b)).toEqual(times)
  })

  test('cannot be drained in less than 60 s evenly, or 54 s in bursts, at 300 calls in any 6 s', () => {
    expect(floorMs(flood, { requests: 300, windowMs: 6_000, pacing: 'even' })).toBeCloseTo(59_980)
    expect(floorMs(flood, { requests: 300, windowMs: 6_000, pacing: 'burst' })).toBe(54_000)
  })
})

describe('the floor of a trace', () => {
  const at = (...times: number[]) => times.map((atMs) => ({ atMs }))

  test('of a trace that never waits is its last arrival', () => {
    expect(floorMs(at(0, 500, 900), { requests: 2, windowMs: 400, pacing: 'even' })).toBe(900)
  })

  test('in bursts holds the window full from its first call', () => {
    expect(floorMs(at(0, 0, 0, 0, 0), { requests: 2, windowMs: 100, pacing: 'burst' })).toBe(200)
    expect(floorMs(at(0, 90, 95), { requests: 2, windowMs: 100, pacing: 'burst' })).toBe(100)
  })
})
