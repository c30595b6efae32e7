/** Figures as people read them: a table with the bar of each and whether it is met, and the machine above it. */
import { cpus, loadavg, totalmem } from 'node:os'
import { barFor, meets } from './bars.ts'
import type { Outside } from './check.ts'
import type { Figure } from './scenario.ts'

export const machine = (): string =>
  `${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${process.platform}, Node ${process.versions.node}`

/** The load average tells a figure of a busy machine from one of a quiet machine. */
export const circumstances = (runs: number): string =>
  `${new Date().toISOString().slice(0, 10)}, ${machine()}, load average ${loadavg()[0]?.toFixed(1)} at the end; the worst of ${runs} ${runs === 1 ? 'run' : 'runs'}`

const rounded = (n: number): string => (Math.abs(n) >= 100 ? n.toFixed(0) : n.toFixed(Math.abs(n) < 2 ? 3 : 2))
const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`

function barCells(f: Figure): [string, string] {
  const bar = barFor(f)
  if (!bar) return ['', '']
  return [`${bar.direction === 'lower-is-better' ? '≤' : '≥'} ${bar.bar}`, meets(f.value, bar) ? 'met' : 'NOT MET']
}

export const table = (figures: readonly Figure[]): string =>
  [
    row('scenario', 'variant', 'metric', 'value', 'unit', 'bar', ''),
    row(...Array.from({ length: 7 }, () => '---')),
    ...figures.map((f) => row(f.scenario, f.variant, f.metric, rounded(f.value), f.unit, ...barCells(f))),
  ].join('\n')

export const outsideTable = (found: readonly Outside[]): string =>
  [
    row('scenario', 'variant', 'metric', 'value', 'but'),
    row(...Array.from({ length: 5 }, () => '---')),
    ...found.map(({ figure: f, why }) => row(f.scenario, f.variant, f.metric, rounded(f.value), why)),
  ].join('\n')
