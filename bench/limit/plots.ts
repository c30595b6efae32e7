/** What the run of `limit` looked like: docs/benchmarks/admitted.svg and docs/benchmarks/waits.svg. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Trace } from './measures.ts'
import { admittedPlot } from './plot-admitted.ts'
import { waitsPlot } from './plot-waits.ts'

export interface Traces {
  /** By variant, in the order in which they are drawn. */
  readonly ours: ReadonlyMap<string, Trace>
  readonly naive: ReadonlyMap<string, Trace>
}

const FOLDER = fileURLToPath(new URL('../../docs/benchmarks/', import.meta.url))

export function drawPlots(traces: Traces): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(`${FOLDER}admitted.svg`, admittedPlot(traces))
  writeFileSync(`${FOLDER}waits.svg`, waitsPlot(traces))
}
