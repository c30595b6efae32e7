/** `npm run model`: the larger sizes, with how many states each has; with `--bug NAME`, the shortest way to where it shows. */
import { parseArgs } from 'node:util'
import { explore, type Progress } from './explore.ts'
import { queueModel, type Size } from './model.ts'
import { BUGS, type Bug } from './rules.ts'
import { CATCHES, LARGE, SMALL } from './sizes.ts'

const STATES_AT_MOST = 32_000_000
const TELL_EVERY_MS = 10_000
const HELP = `npm run model                every state of the protocol, in the sizes of test/model/sizes.ts (minutes)
npm run model -- --bug NAME  the shortest way to where a planted mistake shows: ${Object.keys(BUGS).join(', ')}`

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** On long searches, to whoever waits. */
function progress(): (p: Progress) => void {
  let toldAt = performance.now()
  return ({ states, depth, waiting }) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return
    toldAt = performance.now()
    process.stderr.write(`  ${depth} steps deep: ${inWords(states)} states, ${inWords(waiting)} to look at\n`)
  }
}

const inWords = (n: number): string => n.toLocaleString('en')

function exploreAll(): number {
  let violations = 0
  for (const [name, size] of Object.entries<Size>({ ...SMALL, ...LARGE })) {
    const began = performance.now()
    const { states, depth, violation } = explore(queueModel(size), STATES_AT_MOST, progress())
    const seconds = Math.round((performance.now() - began) / 1_000)
    say(`${name}: ${inWords(states)} states, ${depth} steps deep, ${seconds} s: ${violation?.what ?? 'all well'}`)
    for (const step of violation?.path ?? []) say(`  ${step}`)
    if (violation) violations++
  }
  return violations > 0 ? 1 : 0
}

function show(bug: Bug): number {
  const { violation } = explore(queueModel(CATCHES[bug].size, bug), STATES_AT_MOST)
  say(violation ? `${violation.what}, after\n  ${violation.path.join('\n  ')}` : `${bug}: not found`)
  return violation ? 0 : 1
}

function main(): number {
  try {
    const { values } = parseArgs({ options: { bug: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
    if (values.help) say(HELP)
    else if (values.bug === undefined) return exploreAll()
    else if (values.bug in BUGS) return show(values.bug as Bug)
    else throw new Error(`there is no bug ${values.bug}`)
    return 0
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${HELP}\n`)
    return 2
  }
}

process.exitCode = main()
