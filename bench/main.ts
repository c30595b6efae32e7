/** `npm run bench -- [SCENARIO ...]`: runs scenarios and prints what they measured, machine and date beside it. */
import { outside } from './check.ts'
import { concurrency } from './concurrency.ts'
import { feedback } from './feedback.ts'
import { flat } from './flat.ts'
import { limit } from './limit.ts'
import { type Asked, help, parseBenchOptions } from './options.ts'
import { people } from './people.ts'
import { committedRanges } from './ranges.ts'
import { circumstances, outsideTable, table } from './report.ts'
import { reserve } from './reserve.ts'
import type { Figure, Scenario } from './scenario.ts'
import { throughput } from './throughput.ts'
import { tokens } from './tokens.ts'
import { wake } from './wake.ts'
import { worst } from './worst.ts'

const SCENARIOS: readonly Scenario[] = [limit, tokens, people, reserve, feedback, flat, throughput, concurrency, wake]

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const print = (text: string): void => void process.stdout.write(`${text}\n`)

async function measure({ scenarios, options }: Asked): Promise<Figure[]> {
  const chosen = SCENARIOS.filter((s) => scenarios.length === 0 || scenarios.includes(s.name))
  const figures: Figure[] = []
  for (const scenario of chosen) figures.push(...(await scenario.run({ ...options, say })))
  return worst([figures])
}

/** With --json the verdict goes to stderr: stdout holds one array and nothing else. */
function checked(figures: readonly Figure[], json: boolean): number {
  const found = outside(figures, committedRanges())
  const tell = json ? say : print
  tell(found.length === 0 ? 'Every figure is within its bar and range.' : `\nOutside:\n${outsideTable(found)}`)
  return found.length === 0 ? 0 : 1
}

async function main(): Promise<number> {
  const parsed = parseBenchOptions(
    process.argv.slice(2),
    SCENARIOS.map((s) => s.name),
  )
  if (parsed.kind === 'help') {
    print(help(SCENARIOS))
    return 0
  }
  if (parsed.kind === 'fault') {
    say(parsed.line)
    return 2
  }
  const { asked } = parsed
  const figures = await measure(asked)
  print(asked.json ? JSON.stringify(figures, null, 2) : `${circumstances(asked.options.runs)}\n\n${table(figures)}`)
  return asked.check ? checked(figures, asked.json) : 0
}

process.exitCode = await main()
