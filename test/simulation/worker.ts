/** The simulator's own process: it is told seeds, runs them, and tells what came of each (runner.ts). */
import { runSeed, type SeedResult } from './run-seed.ts'

export interface Order {
  readonly seeds: readonly number[]
  readonly trace: boolean
}

async function run({ seeds, trace }: Order): Promise<void> {
  const results: SeedResult[] = []
  for (const seed of seeds) results.push(await runSeed(seed, { trace }))
  process.send?.(results)
}

process.on('message', (order: Order) => void run(order))
process.on('disconnect', () => process.exit())
