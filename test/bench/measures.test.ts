import { describe, expect, test } from 'vitest'
import {
  drainMs,
  jainFirst,
  servedWithin,
  type Trace,
  type TracedJob,
  utilisation,
  waitsS,
} from '../../bench/limit/measures.ts'
import { traceOf } from '../../bench/limit/trace.ts'
import { jain, percentile, worstWindow } from '../../bench/statistics.ts'
import { BIG_OWNER } from '../../bench/workload.ts'

const aJob = (j: Partial<TracedJob> = {}): TracedJob => ({ atMs: 0, owner: 'a', tier: 'low', admittedMs: 10, ...j })
const unserved = ({ admittedMs: _, ...rest }: TracedJob): TracedJob => rest
const aTrace = (jobs: TracedJob[], endMs = 1_000): Trace => ({
  jobs,
  admittedMs: jobs.flatMap((j) => j.admittedMs ?? []).sort((a, b) => a - b),
  refusedMs: [],
  endMs,
})

describe("Jain's index", () => {
  test('is 1 for equal shares and 1/n where one has all', () => {
    expect(jain([12, 12, 12])).toBe(1)
    expect(jain([30, 0, 0])).toBeCloseTo(1 / 3)
  })

  test('counts an owner that was always waiting and got nothing', () => {
    const jobs = [aJob(), aJob({ admittedMs: 20 }), aJob({ owner: 'b', admittedMs: 30 })]
    expect(jainFirst(2, aTrace(jobs))).toEqual({ index: 1, owners: 1 })
    expect(jainFirst(2, aTrace([...jobs, aJob({ admittedMs: 40 })]))).toEqual({ index: 0.5, owners: 2 })
  })

  test('leaves out an owner whose work ran out or came later', () => {
    const steady = [aJob(), aJob({ admittedMs: 30 }), aJob({ admittedMs: 90 })]
    const late = aJob({ owner: 'late', atMs: 5, admittedMs: 95 })
    const gap = [aJob({ owner: 'gap', admittedMs: 15 }), aJob({ owner: 'gap', atMs: 20, admittedMs: 99 })]
    expect(jainFirst(3, aTrace([...steady, late, ...gap])).owners).toBe(1)
  })
})

describe('utilisation', () => {
  const limit = { requests: 10, windowMs: 100 }

  test('is 1 for calls exactly as far apart as the limit says, from the first of them', () => {
    const jobs = Array.from({ length: 21 }, (_, i) => aJob({ admittedMs: 500 + i * 10 }))
    expect(utilisation(aTrace(jobs), limit)).toBe(1)
  })

  test('falls by what a gap took', () => {
    const jobs = [0, 10, 20, 60, 70, 80].map((admittedMs) => aJob({ admittedMs }))
    expect(utilisation(aTrace(jobs), limit)).toBe(5 / 8)
  })

  test('of a backlog that outlasts the measurement ends when it was told to', () => {
    const jobs = Array.from({ length: 100 }, (_, i) => aJob({ admittedMs: 7 + i * 10 }))
    expect(utilisation(aTrace(jobs), { ...limit, untilMs: (first) => first + 500 })).toBe(1)
  })
})

describe('waits', () => {
  test('count from when a job was due', () => {
    const jobs = [aJob({ tier: 'high', atMs: 1_000, admittedMs: 3_000 }), aJob({ owner: BIG_OWNER, admittedMs: 9_000 })]
    expect(waitsS(aTrace(jobs), 0.95)).toEqual({ high: 2, smallOwners: 2, all: 9 })
  })

  test('of a job left over are at least the time that was watched, and so is the drain', () => {
    const trace = aTrace([aJob(), unserved(aJob({ tier: 'high', atMs: 400 }))])
    expect(waitsS(trace, 0.5).high).toBe(0.6)
    expect(drainMs(trace)).toBe(1_000)
    expect(servedWithin(trace, 1_000)).toBe(1)
  })

  test('percentiles are of the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect([0.5, 0.95, 1].map((share) => percentile(hundred, share))).toEqual([50, 95, 100])
    expect(percentile([], 0.5)).toBeNaN()
  })
})

test('a window is half open: a call exactly one window later is in the next', () => {
  expect(worstWindow([0, 1, 100], 100)).toBe(2)
  expect(worstWindow([0, 1, 99], 100)).toBe(3)
  expect(worstWindow([], 100)).toBe(0)
})

test("a trace joins arrivals with the provider's log by job, first admission counting", () => {
  const log = [
    { at: 1_005, job: 'x', status: 429 },
    { at: 1_010, job: 'x', status: 200 },
    { at: 1_020, job: 'x', status: 200 },
  ]
  const arrivals = [aJob(), aJob()].map(unserved)
  const trace = traceOf({ arrivals, idOf: (i) => 'xy'[i] as string, log, startedAt: 1_000, endedAt: 2_000 })
  expect(trace.jobs.map((j) => j.admittedMs)).toEqual([10, undefined])
  expect([trace.admittedMs, trace.refusedMs, trace.endMs]).toEqual([[10, 20], [5], 1_000])
})
