/** `npm run bench -- [SCENARIO ...] [--json]`: runs scenarios and prints what they measured, machine and date beside it. */
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { first } from './first.ts'
import type { Figure } from './scenario.ts'

const SCENARIOS = [first]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
})

const help = () =>
  [
    'npm run bench -- [SCENARIO ...] [--json]',
    '',
    ...SCENARIOS.map((s) => `  ${s.name.padEnd(12)} ${s.describe}`),
  ].join('\n')

const machine = () =>
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${process.platform}, Node ${process.versions.node}`

const rounded = (n: number): string => (Math.abs(n) >= 100 ? n.toFixed(0) : n.toFixed(2))
const table = (figures: readonly Figure[]): string =>
  figures.map((f) => `| ${f.scenario} | ${f.variant} | ${f.metric} | ${rounded(f.value)} | ${f.unit} |`).join('\n')

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
  for (const scenario of chosen) figures.push(...(await scenario.run()))
  process.stdout.write(
    values.json
      ? `${JSON.stringify(figures, null, 2)}\n`
      : `${machine()}\n\n| scenario | variant | metric | value | unit |\n|---|---|---|---|---|\n${table(figures)}\n`,
  )
  return 0
}

process.exitCode = await main()
