/**
 * A service that has run for a while. Its code is compiled, and its client's: that takes a JavaScript engine some hundred
 * jobs, which go through a pool and a provider of their own. Then some go through the pool that is measured, so that its
 * dispatcher knows what sending takes, and it rests until its window is empty again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SettingsInput } from '../../core/settings.ts'
import type { ApiClient } from '../../local/api-client.ts'
import { inBatches, jobOf, untilDone } from '../load.ts'
import { type Provider, startProvider } from '../processes.ts'

const POOL = 'warm'
const JOBS = 2_000
/** The provider's count of them is no part of the trace. */
export const MEASURED_POOLS_JOBS = 300
const OWNERS = 50
/** As the flood: its connections then stand. */
const SUBMITTERS = 20
const ALLOWED = { requests: 100_000, windowMs: 6_000 }
export const WARM_AT_MOST_MS = 90_000

export const warmProvider = (): Promise<Provider> => startProvider({ ...ALLOWED, latencyMs: 0 })

export function withWarmPool({ pools, kinds, ...rest }: SettingsInput, provider: string): SettingsInput {
  const [pool, kind] = [pools['main'], kinds['low']]
  if (!pool || !kind) throw new Error('the settings measured with have a pool main and a kind low')
  const warm = { ...pool, ...ALLOWED, provider: { kind: 'openai-compatible' as const, baseUrl: provider } }
  return { ...rest, pools: { ...pools, [POOL]: warm }, kinds: { ...kinds, [POOL]: { ...kind, pool: POOL } } }
}

/** `restMs`: the measured pool's window and its guard. */
export async function warmUp(api: ApiClient, restMs: number): Promise<void> {
  await through(api, POOL, POOL, JOBS)
  await through(api, 'main', 'low', MEASURED_POOLS_JOBS)
  await sleep(restMs)
}

async function through(api: ApiClient, pool: string, kind: string, n: number): Promise<void> {
  const jobs = Array.from({ length: n }, (_, i) => jobOf(kind, `warm-${i % OWNERS}`))
  await inBatches(api, jobs, SUBMITTERS)
  await untilDone(api, pool, n, WARM_AT_MOST_MS / 3)
}
