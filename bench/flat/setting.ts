/** What every part of `flat` runs against: 300 calls in any 6 s, answers of 1 KB after 0.1 s, ends counted as written. */
import { settingsFor, until } from '../load.ts'
import type { Cost } from '../metering.ts'
import type { PlantOrder } from '../plant.ts'
import { type MeasuredSystem, startMeasured, startProvider } from '../processes.ts'
import type { Figure } from '../scenario.ts'

const LIMIT = { requests: 300, windowMs: 6_000 }
/** Slots a second that even pacing offers: the ledger's window is longer than the provider's by the guard (150 ms). */
export const PER_SECOND = (LIMIT.requests / (LIMIT.windowMs + 150)) * 1000
const ANSWER = { latencyMs: 100, textBytes: 1_000 }

export interface Bench extends MeasuredSystem {
  /** Jobs whose end has been written since the system started. */
  ended(): number
}

export async function withSystem<T>(
  p: { plant?: Omit<PlantOrder, 'data'> },
  run: (bench: Bench) => Promise<T>,
): Promise<T> {
  const provider = await startProvider({ ...LIMIT, ...ANSWER })
  let ended = 0
  const order = {
    settings: settingsFor({ provider: provider.url, ...LIMIT }),
    engine: 'dynoxide',
    metered: true,
    watched: true,
  } as const
  const system = await startMeasured({ ...order, ...p }, (seen) => {
    if (seen.kind === 'ended') ended++
  })
  try {
    return await run({ ...system, ended: () => ended })
  } finally {
    await system.stop()
    await provider.stop()
  }
}

/** A start on many owners reads their lanes first. */
const START_AT_MOST_MS = 300_000
export const untilEnded = (bench: Bench, n: number): Promise<void> =>
  until(() => bench.ended() >= n, START_AT_MOST_MS + (n / PER_SECOND) * 4_000, `the end of ${n} jobs`)

const UNITS = { requests: 'requests', writeUnits: 'WRU', readUnits: 'RRU' } as const
export const COSTS = ['requests', 'writeUnits', 'readUnits'] as const

const METRICS = { requests: 'requests', writeUnits: 'write_units', readUnits: 'read_units' } as const

/** The three figures of a cost, their names made from `requests`, `write_units`, `read_units`. */
export const costFigures = (cost: Cost, variant: string, named: (metric: string) => string): Figure[] =>
  COSTS.map((of) => figure(variant, named(METRICS[of]), cost[of], UNITS[of]))

export const figure = (variant: string, metric: string, value: number, unit: string): Figure => ({
  scenario: 'flat',
  variant,
  metric,
  value,
  unit,
})
