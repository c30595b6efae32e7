/** The simulator's own process: it is told seeds, runs them, and tells what came of each (runner.ts). */
import { setFlagsFromString } from 'node:v8'
import { runSeed, type SeedResult } from './run-seed.ts'

/**
 * Code that runs a thousand times a second in a thousand shapes is compiled anew again and again: with every call inlined
 * that is a quarter of all CPU time of the first two hundred schedules. A V8 that does not know the flag goes without.
 */
setFlagsFromString('--no-turbo-inlining')

export interface Order {
  readonly seeds: readonly number[]
  readonly trace: boolean
}

async function run({ seeds, trace }: Order): Promise<void> {
  const results: SeedResult[] = []
  for (const seed of seeds) results.push(await runSeed(seed, { trace }).catch((error) => crashed(seed, error)))
  process.send?.(results)
}

/** Of the simulation's own: nothing else is known of such a schedule. */
const crashed = (seed: number, error: Error): SeedResult => ({
  seed,
  violation: { check: 'crashed', message: String(error.stack), at: 0 },
  ...{ hash: '', jobs: 0, calls: 0, faults: 0, ms: 0, counts: {}, edges: {}, trace: [] },
})

process.on('message', (order: Order) => void run(order))
process.on('disconnect', () => process.exit())
