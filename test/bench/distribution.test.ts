import { describe, expect, it } from 'vitest'
import { arrivals, lognormal, percentile } from '../../bench/distribution.ts'
import { randomFrom } from '../../local/simulated-provider/latency.ts'

const LATENCY = { p50Ms: 5_000, p99Ms: 30_000, atMostMs: 55_000 }
const drawn = (n: number, seed = 1) => {
  const draw = lognormal(LATENCY, randomFrom(seed))
  return Array.from({ length: n }, draw)
}

describe('times of a lognormal', () => {
  it('have the median and the tail that were asked for', () => {
    const times = drawn(50_000)
    expect(percentile(times, 0.5)).toBeGreaterThan(4_900)
    expect(percentile(times, 0.5)).toBeLessThan(5_100)
    expect(percentile(times, 0.99)).toBeGreaterThan(28_500)
    expect(percentile(times, 0.99)).toBeLessThan(31_500)
  })

  it('never exceed the most they may be', () => {
    expect(Math.max(...drawn(50_000))).toBe(LATENCY.atMostMs)
  })

  it('are the same for the same seed, and others for another', () => {
    expect(drawn(100)).toEqual(drawn(100))
    expect(drawn(100, 2)).not.toEqual(drawn(100))
  })
})

describe('a percentile', () => {
  it('is the least value that the share asked for does not exceed', () => {
    const values = [30, 10, 20, 40]
    expect(percentile(values, 0.5)).toBe(20)
    expect(percentile(values, 0.51)).toBe(30)
    expect(percentile(values, 1)).toBe(40)
    expect(percentile(values, 0)).toBe(10)
  })

  it('of nothing is not a number, and changes nothing in what it is taken of', () => {
    expect(percentile([], 0.5)).toBeNaN()
    const values = [2, 1]
    percentile(values, 0.5)
    expect(values).toEqual([2, 1])
  })
})

describe('arrivals', () => {
  it('are as many as asked for, in order, over about the time asked for', () => {
    const at = arrivals({ perMinute: 1_000, minutes: 5 }, randomFrom(1))
    expect(at).toHaveLength(5_000)
    expect(at).toEqual([...at].sort((a, b) => a - b))
    expect((at.at(-1) as number) / 300_000).toBeGreaterThan(0.95)
    expect((at.at(-1) as number) / 300_000).toBeLessThan(1.05)
  })
})
