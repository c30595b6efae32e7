import { describe, expect, test } from 'vitest'
import { BARS, barFor, directionOf, meets } from '../../bench/bars.ts'
import { outside } from '../../bench/check.ts'
import type { Figure } from '../../bench/scenario.ts'
import { worst } from '../../bench/worst.ts'

const aFigure = (f: Partial<Figure> = {}): Figure => ({
  scenario: 'limit',
  variant: 'weighted, even',
  metric: 'utilisation',
  value: 0.975,
  unit: 'of limit',
  ...f,
})
const aRange = (p: { metric?: string; variant?: string; value: number; deviation: number }) => ({
  scenario: 'limit',
  variant: 'weighted, even',
  metric: 'utilisation',
  date: '2026-11-26',
  machine: 'two cores',
  how: 'npm run bench',
  ...p,
})
const runsOf = (metric: string, values: readonly number[]) => values.map((value) => [aFigure({ metric, value })])

describe('of several runs', () => {
  test('the lowest is told where more is better, the highest where less is', () => {
    expect(worst(runsOf('utilisation', [0.98, 0.96, 0.97]))[0]?.value).toBe(0.96)
    expect(worst(runsOf('drain_ratio', [1.01, 1.03, 1.02]))[0]?.value).toBe(1.03)
  })

  test('the median is told where there is no bar', () => {
    expect(worst(runsOf('drain_s', [61, 70, 62]))[0]?.value).toBe(62)
    expect(worst(runsOf('drain_s', [61, 70]))[0]?.value).toBe(61)
  })

  test('variants and metrics stay apart and in their order', () => {
    const run = [aFigure(), aFigure({ variant: 'strict, even' }), aFigure({ metric: 'drain_s' })]
    expect(worst([run, run])).toEqual(run)
  })
})

describe('a bar', () => {
  test('holds for the pacing and order it names', () => {
    expect(barFor(aFigure({ metric: 'drain_ratio' }))?.bar).toBe(1.04)
    expect(barFor(aFigure({ metric: 'drain_ratio', variant: 'owners, burst' }))?.bar).toBe(1.05)
    expect(barFor(aFigure({ metric: 'high_wait_p95_s', variant: 'strict, burst' }))?.bar).toBe(6.6)
    expect(barFor(aFigure({ metric: 'high_wait_p95_s', variant: 'owners, even' }))).toBeUndefined()
    expect(barFor(aFigure({ variant: 'weighted, burst' }))).toBeUndefined()
  })

  test('of a real minute is higher than that of 6 s', () => {
    expect(barFor(aFigure({ variant: 'weighted, even, 300 per 60 s' }))?.bar).toBe(0.985)
    expect(barFor(aFigure())?.bar).toBe(0.97)
  })

  test('is not for the naive ways', () => {
    expect(directionOf(aFigure({ metric: 'refused', variant: 'naive: backoff' }))).toBe('info')
    expect(directionOf(aFigure({ metric: 'refused' }))).toBe('lower-is-better')
  })

  test('on the cost of a job is for owners that have many', () => {
    const figure = aFigure({ scenario: 'flat', metric: 'requests_per_job', variant: 'backlog 1000' })
    expect(barFor(figure)?.bar).toBe(8)
    expect(barFor({ ...figure, variant: 'every job of another owner' })).toBeUndefined()
  })

  test('is met by reaching it', () => {
    for (const bar of BARS) {
      const beyond = bar.direction === 'lower-is-better' ? 0.01 : -0.01
      expect([meets(bar.bar, bar), meets(bar.bar + beyond, bar)]).toEqual([true, false])
    }
  })
})

describe('the check', () => {
  test('finds nothing where every figure meets its bar and is in its range', () => {
    expect(outside([aFigure()], [aRange({ value: 0.975, deviation: 0.002 })])).toEqual([])
  })

  test('names a figure that is short of its bar', () => {
    expect(outside([aFigure({ value: 0.96 })], [])).toEqual([
      { figure: aFigure({ value: 0.96 }), why: 'the bar is at least 0.97' },
    ])
  })

  test('names a figure that meets its bar and is worse than its range', () => {
    const found = outside([aFigure({ value: 0.971 })], [aRange({ value: 0.975, deviation: 0.002 })])
    expect(found.map((o) => o.why)).toEqual(['its range is 0.975 ± 0.002, set 2026-11-26'])
  })

  test('lets a figure be better than its range', () => {
    expect(outside([aFigure({ value: 0.99 })], [aRange({ value: 0.975, deviation: 0.002 })])).toEqual([])
  })

  test('of a figure without a better or worse allows neither side', () => {
    const range = aRange({ metric: 'drain_s', value: 61, deviation: 1 })
    const found = (value: number) => outside([aFigure({ metric: 'drain_s', value })], [range]).length
    expect([59, 60, 62, 63].map(found)).toEqual([1, 0, 0, 1])
  })
})
