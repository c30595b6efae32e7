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
import { MEASURED_POOLS_JOBS, warmAtMostMs, warmProvider, withWarmPool } from './warmed.ts'

export interface Setup extends Allowance {
  readonly order: 'weighted' | 'strict' | 'owners'
  readonly pacing: 'even' | 'burst'
  readonly guard: { readonly refusalMs: number; readonly skewMs: number; readonly networkMs: number }
}

export interface OurTrace extends Trace {
  /** From the trace's start until the API had accepted all that came at the start. */
  readonly acceptedMs: number
  /** Submits that the API first answered with an error. */
  readonly repeatedSubmits: number
}

/** To start a process, and to end one. */
const SLACK_MS = 30_000

/** Three traces' worth: whoever has not drained by then will not. */
const DRAIN_AT_MOST_MS = 180_000

export async function runFairlead(
  setup: Setup,
  arrivals: readonly Arrival[],
  watchMs: number = DRAIN_AT_MOST_MS,
): Promise<OurTrace> {
  const provider = await loggingProvider(setup)
  const other = await warmProvider()
  const settings = withWarmPool(settingsOf(setup, provider.url), other.url)
  const system = await startMeasured({ settings, engine: 'journal' })
  let load: Forked<Submitted> | undefined
  try {
    load = forked<SubmitOrder, Submitted>(
      './submitter.ts',
      { ...system.access, warmUp: { restMs: restMs(setup) }, trace: arrivals, capMs: watchMs },
      warmAtMostMs(restMs(setup)) + watchMs + SLACK_MS,
    )
    const { startedAt, jobIds, floodAcceptedAt, repeated } = await load.answer
    await provider.admittedAll(MEASURED_POOLS_JOBS + arrivals.length, startedAt + watchMs)
    const endedAt = Date.now()
    const log = provider.log().filter(({ at }) => at >= startedAt)
    const trace = traceOf({ arrivals, idOf: (i) => jobIds[i] ?? '', log, startedAt, endedAt })
    return { ...trace, acceptedMs: floodAcceptedAt - startedAt, repeatedSubmits: repeated }
  } finally {
    load?.stop()
    await system.stop()
    await Promise.all([provider.stop(), other.stop()])
  }
}

const restMs = ({ windowMs, guard }: Setup): number => windowMs + guard.refusalMs + guard.skewMs + guard.networkMs

export function settingsOf({ requests, windowMs, ...pool }: Setup, provider: string): SettingsInput {
  const settings = settingsFor({ provider, requests, windowMs })
  return { ...settings, pools: { main: { ...(settings.pools['main'] as SettingsInput['pools'][string]), ...pool } } }
}
