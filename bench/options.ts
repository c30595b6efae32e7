/** What `npm run bench` can be told. A fault is one line. */
import { parseArgs } from 'node:util'
import type { Options, Scenario } from './scenario.ts'

export interface Asked {
  /** Names; empty means all. */
  readonly scenarios: readonly string[]
  readonly json: boolean
  readonly check: boolean
  readonly options: Omit<Options, 'say'>
}
export type Parsed = { kind: 'run'; asked: Asked } | { kind: 'help' } | { kind: 'fault'; line: string }

const FLAGS = {
  json: { type: 'boolean', default: false },
  full: { type: 'boolean', default: false },
  real: { type: 'boolean', default: false },
  runs: { type: 'string', default: '3' },
  plots: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** Beyond it, a typing mistake would measure for days. */
const RUNS_AT_MOST = 20

export function parseBenchOptions(args: readonly string[], names: readonly string[]): Parsed {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: FLAGS, allowPositionals: true })
    if (values.help) return { kind: 'help' }
    const unknown = positionals.find((name) => !names.includes(name))
    if (unknown !== undefined) return fault(`There is no scenario ${unknown}; there are ${names.join(', ')}.`)
    const runs = /^\d+$/.test(values.runs) ? Number(values.runs) : 0
    if (runs < 1 || runs > RUNS_AT_MOST) return fault(`--runs takes a whole number from 1 to ${RUNS_AT_MOST}.`)
    const { json, check, full, real, plots } = values
    return { kind: 'run', asked: { scenarios: positionals, json, check, options: { full, real, runs, plots } } }
  } catch (error) {
    // Node's text goes on with advice about `--`, which is no help here.
    return fault(`${(error as Error).message.split('. ')[0]}.`)
  }
}

const fault = (line: string): Parsed => ({ kind: 'fault', line: `${line} See npm run bench -- --help.` })

export const help = (scenarios: readonly Scenario[]): string => `Measures Fairlead, beside the naive ways.

  npm run bench -- [SCENARIO ...] [options]

${scenarios.map((s) => `  ${s.name.padEnd(12)} ${s.describe}`).join('\n')}

Without a name all of them run, at their short sizes.

  --json      one JSON array of {scenario, variant, metric, value, unit} instead of a table
  --runs N    measure each figure N times; tell the worst where there is a bar, else the median (3)
  --full      also the sizes that take long
  --real      limit: instead of the short trace, 300 calls in any 60 s for ten minutes
  --plots     limit: draw docs/benchmarks/*.svg from this run
  --check     compare with the bars and with bench/ranges.json; exit 1 if something is outside
  --help      this text`
