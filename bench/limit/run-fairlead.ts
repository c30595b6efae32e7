/** One trace through Fairlead: provider, system and load are processes of their own. */
import type { SettingsInput } from '../../core/settings.ts'
import { type Forked, forked } from '../forked.ts'
import { settingsFor } from '../load.ts'
import { startMeasured } from '../processes.ts'
import type { SubmitOrder, Submitted } from '../submitter.ts'
import type { Arrival } from '../workload.ts'
import type { Trace } from './measures.ts'
import { type Allowance, loggingProvider } from './provider-log.ts'
import { traceOf } from './trace.ts'

export interface Setup extends Allowance {
  readonly order: 'weighted' | 'strict' | 'owners'
  readonly pacing: 'even' | 'burst'
  readonly guard: { readonly refusalMs: number; readonly skewMs: number; readonly networkMs: number }
}

/** Three traces' worth: whoever has not drained by then will not. */
const DRAIN_AT_MOST_MS = 180_000

export async function runFairlead(
  setup: Setup,
  arrivals: readonly Arrival[],
  watchMs: number = DRAIN_AT_MOST_MS,
): Promise<Trace> {
  const provider = await loggingProvider(setup)
  const system = await startMeasured({ settings: settingsOf(setup, provider.url), engine: 'dynoxide' })
  let load: Forked<Submitted> | undefined
  try {
    load = forked<SubmitOrder, Submitted>('./submitter.ts', { ...system.access, trace: arrivals }, watchMs)
    const { startedAt, jobs } = await load.answer
    await provider.admittedAll(arrivals.length, startedAt + watchMs)
    const endedAt = Date.now()
    return traceOf({ arrivals, idOf: (i) => jobs[i]?.id ?? '', log: provider.log(), startedAt, endedAt })
  } finally {
    load?.stop()
    await system.stop()
    await provider.stop()
  }
}

export function settingsOf({ requests, windowMs, ...pool }: Setup, provider: string): SettingsInput {
  const settings = settingsFor({ provider, requests, windowMs })
  return { ...settings, pools: { main: { ...(settings.pools['main'] as SettingsInput['pools'][string]), ...pool } } }
}
