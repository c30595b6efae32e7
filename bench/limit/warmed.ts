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
const AT_MOST_MS = 30_000
/** All of it: each pool's jobs, those of the measured one at its own pace, and the rest. */
export const warmAtMostMs = (restMs: number): number => 3 * AT_MOST_MS + 3 * restMs

export const warmProvider = (): Promise<Provider> => startProvider({ ...ALLOWED, latencyMs: 0 })

export function withWarmPool({ pools, kinds, ...rest }: SettingsInput, provider: string): SettingsInput {
  const [pool, kind] = [pools['main'], kinds['low']]
  if (!pool || !kind) throw new Error('the settings measured with have a pool main and a kind low')
  const warm = { ...pool, ...ALLOWED, provider: { kind: 'openai-compatible' as const, baseUrl: provider } }
  return { ...rest, pools: { ...pools, [POOL]: warm }, kinds: { ...kinds, [POOL]: { ...kind, pool: POOL } } }
}

/** `restMs`: the measured pool's window and its guard. */
export async function warmUp(api: ApiClient, restMs: number): Promise<void> {
  await through(api, { pool: POOL, kind: POOL, jobs: JOBS, atMostMs: AT_MOST_MS })
  await through(api, { pool: 'main', kind: 'low', jobs: MEASURED_POOLS_JOBS, atMostMs: AT_MOST_MS + 2 * restMs })
  await sleep(restMs)
}

interface Warming {
  readonly pool: string
  readonly kind: string
  readonly jobs: number
  readonly atMostMs: number
}

async function through(api: ApiClient, { pool, kind, jobs, atMostMs }: Warming): Promise<void> {
  const all = Array.from({ length: jobs }, (_, i) => jobOf(kind, `warm-${i % OWNERS}`))
  await inBatches(api, all, SUBMITTERS)
  await untilDone(api, pool, jobs, atMostMs)
}
