/** Several runs of the same figures into one: the worst where there is a bar to reach, else the median. */
import { type Direction, directionOf } from './bars.ts'
import type { Figure, Options } from './scenario.ts'

/** One figure for each (scenario, variant, metric) of the runs, in the order in which they first appear. */
export function worst(
  figuresOfRuns: readonly (readonly Figure[])[],
  direction: (figure: Figure) => Direction = directionOf,
): Figure[] {
  const seen = new Map<string, Figure[]>()
  for (const figure of figuresOfRuns.flat()) {
    const key = JSON.stringify([figure.scenario, figure.variant, figure.metric])
    seen.set(key, [...(seen.get(key) ?? []), figure])
  }
  return [...seen.values()].map((same) => {
    const [first] = same as [Figure]
    const values = same.map(({ value }) => value)
    return { ...first, value: worstOf(values, direction(first)) }
  })
}

function worstOf(values: readonly number[], direction: Direction): number {
  if (direction === 'lower-is-better') return Math.max(...values)
  if (direction === 'higher-is-better') return Math.min(...values)
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] as number
}

/** Measures as often as asked, one after the other, and tells the worst. */
export async function worstOfRuns(options: Options, once: (run: number) => Promise<Figure[]>): Promise<Figure[]> {
  const runs: Figure[][] = []
  for (let run = 1; run <= options.runs; run++) runs.push(await once(run))
  return worst(runs)
}
