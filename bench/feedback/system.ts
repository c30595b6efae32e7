/** A system and its provider with a backlog, for as long as it is measured. */
import type { SettingsInput } from '../../core/settings.ts'
import { type LoggingProvider, loggingProvider } from '../limit/provider-log.ts'
import { inBatches, jobsOf, settingsFor } from '../load.ts'
import { type MeasuredSystem, startMeasured } from '../processes.ts'
import type { Figure } from '../scenario.ts'

export const LIMIT = { requests: 300, windowMs: 6_000 }
export const LATENCY_MS = 500
export const WARM_MS = 12_000
const OWNERS = 10

export const figure = (variant: string, metric: string, value: number, unit: string): Figure => ({
  scenario: 'feedback',
  variant,
  metric,
  value,
  unit,
})

export interface Measured {
  readonly provider: LoggingProvider
  readonly system: MeasuredSystem
}
interface Run {
  readonly jobs: number
  /** Whether what the provider says is followed. */
  readonly follows: boolean
  readonly change?: (settings: SettingsInput) => SettingsInput
}

export async function withSystem(
  { jobs, follows, change = (settings) => settings }: Run,
  measure: (measured: Measured) => Promise<Figure[]>,
): Promise<Figure[]> {
  const provider = await loggingProvider({ ...LIMIT, latencyMs: LATENCY_MS })
  try {
    const settings = settingsFor({ provider: provider.url, ...LIMIT })
    const main = { ...(settings.pools['main'] as SettingsInput['pools'][string]), feedback: follows }
    const system = await startMeasured({ settings: change({ ...settings, pools: { main } }), engine: 'journal' })
    try {
      await inBatches(system.api, jobsOf(jobs, OWNERS))
      return await measure({ provider, system })
    } finally {
      await system.stop()
    }
  } finally {
    await provider.stop()
  }
}
