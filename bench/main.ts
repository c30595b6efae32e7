/** `npm run bench -- [SCENARIO ...] [--json]`: runs scenarios and prints what they measured, machine and date beside it. */
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { concurrency } from './concurrency.ts'
import { flat } from './flat.ts'
import type { Figure, Options } from './scenario.ts'
import { throughput } from './throughput.ts'
import { wake } from './wake.ts'

const SCENARIOS = [flat, throughput, concurrency, wake]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    full: { type: 'boolean', default: false },
    real: { type: 'boolean', default: false },
    runs: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h' },
  },
})

const help = () =>
  [
    'npm run bench -- [SCENARIO ...] [--json] [--full] [--real] [--runs N]',
    '',
    ...SCENARIOS.map((s) => `  ${s.name.padEnd(12)} ${s.describe}`),
  ].join('\n')

const machine = () =>
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${process.platform}, Node ${process.versions.node}`

const rounded = (n: number): string => (Math.abs(n) >= 100 ? n.toFixed(0) : n.toFixed(2))
const table = (figures: readonly Figure[]): string =>
  figures.map((f) => `| ${f.scenario} | ${f.variant} | ${f.metric} | ${rounded(f.value)} | ${f.unit} |`).join('\n')

const optionsOf = (): Options => ({
  full: values.full,
  real: values.real,
  runs: Number(values.runs),
  say: (line) => void process.stderr.write(`${line}\n`),
})

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(`${help()}\n`)
    return 0
  }
  const unknown = positionals.find((name) => !SCENARIOS.some((s) => s.name === name))
  if (unknown !== undefined) {
    process.stderr.write(`There is no scenario ${unknown}.\n${help()}\n`)
    return 2
  }
  const chosen = SCENARIOS.filter((s) => positionals.length === 0 || positionals.includes(s.name))
  const figures: Figure[] = []
  for (const scenario of chosen) figures.push(...(await scenario.run(optionsOf())))
  process.stdout.write(
    values.json
      ? `${JSON.stringify(figures, null, 2)}\n`
      : `${machine()}\n\n| scenario | variant | metric | value | unit |\n|---|---|---|---|---|\n${table(figures)}\n`,
  )
  return 0
}

process.exitCode = await main()
