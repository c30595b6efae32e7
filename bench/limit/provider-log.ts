/** A simulated provider in its own process whose log is read: the counts are the provider's, never the system's. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Arrival as LoggedCall } from '../../local/simulated-provider/tally.ts'
import { type Provider, startProvider } from '../processes.ts'
import type { ProviderOrder } from '../provider.ts'

export interface Allowance {
  readonly requests: number
  readonly windowMs: number
}
export interface LoggingProvider extends Provider {
  /** Every call that arrived, in the order of arrival. */
  log(): LoggedCall[]
  /** Resolves when so many calls were admitted, or at `untilEpochMs`. */
  admittedAll(calls: number, untilEpochMs: number): Promise<void>
}

type Logged = Allowance & Partial<Pick<ProviderOrder, 'refusedCount' | 'tokens' | 'counting' | 'latencyMs'>>

/** A constant: what a call takes plays no part in when it may start. */
const LATENCY_MS = 1_000
const LOOK_EVERY_MS = 200

export async function loggingProvider(p: Logged): Promise<LoggingProvider> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-log-'))
  const file = join(folder, 'calls.jsonl')
  const provider = await startProvider({ refusedCount: false, latencyMs: LATENCY_MS, ...p, logFile: file })
  return {
    ...provider,
    log: () =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as LoggedCall),
    async admittedAll(calls, untilEpochMs) {
      while (Date.now() < untilEpochMs && (await provider.stats()).admitted < calls) await sleep(LOOK_EVERY_MS)
    },
    async stop() {
      await provider.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
