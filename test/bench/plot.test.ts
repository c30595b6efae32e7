import { expect, test } from 'vitest'
import { admittedPlot } from '../../bench/limit/plot-admitted.ts'
import { waitsPlot } from '../../bench/limit/plot-waits.ts'
import { along } from '../../bench/plot.ts'

test('a value lies on a scale in proportion, or to its logarithm, and never beyond the ends', () => {
  const scale = { from: 1, to: 100, ticks: [] }
  expect(along(50.5, scale)).toBe(0.5)
  expect(along(10, { ...scale, log: true })).toBeCloseTo(0.5)
  expect([along(0, { ...scale, log: true }), along(1_000, scale)]).toEqual([0, 1])
})

test('a plot says in words what it shows, for who cannot see it', () => {
  const jobs = [{ atMs: 0, owner: 'owner-1', tier: 'high' as const, admittedMs: 2_000 }]
  const trace = { jobs, admittedMs: [2_000], refusedMs: [500, 600], endMs: 3_000 }
  const traces = { ours: new Map([['weighted, even', trace]]), naive: new Map([['naive: <backoff>', trace]]) }
  expect(admittedPlot(traces)).toContain('naive: &lt;backoff&gt;: 1 admitted, the last after 2 s, 2 refused.</desc>')
  expect(waitsPlot(traces)).toContain(
    'weighted, even: high tier p50 2.0 s, p95 2.0 s; small owners p50 2.0 s, p95 2.0 s.',
  )
})
