/** Which figures are outside: short of their bar, or farther from their committed range than it allows. */
import { barFor, type Direction, directionOf, meets } from './bars.ts'
import type { Range } from './ranges.ts'
import type { Figure } from './scenario.ts'

export interface Outside {
  readonly figure: Figure
  readonly why: string
}

const same = (a: Figure, b: Range): boolean =>
  a.scenario === b.scenario && a.variant === b.variant && a.metric === b.metric

export function outside(figures: readonly Figure[], ranges: readonly Range[]): Outside[] {
  return figures.flatMap((figure) => {
    const bar = barFor(figure)
    const range = ranges.find((r) => same(figure, r))
    const found: Outside[] = []
    if (bar && !meets(figure.value, bar))
      found.push({ figure, why: `the bar is at ${bar.direction === 'lower-is-better' ? 'most' : 'least'} ${bar.bar}` })
    if (range && beyond(figure.value, range, directionOf(figure)))
      found.push({ figure, why: `its range is ${range.value} ± ${range.deviation}, set ${range.date}` })
    return found
  })
}

/** Better than the range is no fault where there is a better; where there is none, any change is worth a look. */
function beyond(value: number, range: Range, direction: Direction): boolean {
  const off = value - range.value
  if (direction === 'lower-is-better') return off > range.deviation
  if (direction === 'higher-is-better') return -off > range.deviation
  return Math.abs(off) > range.deviation
}
