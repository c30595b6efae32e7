/** Work to measure with: seeded, invented, bounded. And the wait until all of it has ended. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Overview } from '../core/overview.ts'
import type { SettingsInput } from '../core/settings.ts'
import type { ApiClient } from '../local/api-client.ts'

export const settingsFor = (p: { provider: string; requests: number; windowMs: number }): SettingsInput => ({
  pools: {
    main: {
      provider: { kind: 'openai-compatible', baseUrl: p.provider },
      local: 'provider',
      requests: p.requests,
      windowMs: p.windowMs,
      // The provider is new, and on this machine.
      history: 'empty',
      guard: { refusalMs: 100, skewMs: 0, networkMs: 50 },
    },
  },
  kinds: Object.fromEntries(
    (['high', 'medium', 'low'] as const).map((tier) => [
      tier,
      { pool: 'main', tier, model: 'simulated', prompt: '{{text}}', maxOutputTokens: 250 },
    ]),
  ),
})

const TEXT = 'An invented line of a conversation that nobody had. '.repeat(20).slice(0, 1000)
/** What every job asks: 1 KB. */
export const INPUT = { text: TEXT }
const KINDS = ['high', 'high', 'medium', 'medium', 'medium', 'low', 'low', 'low', 'low', 'low'] as const

export interface BenchJob {
  readonly kind: string
  readonly owner: string
  readonly input: { text: string }
}
/** Jobs of 1 KB over the owners in turn, tiers 20/30/50. */
export const jobsOf = (n: number, owners: number): BenchJob[] =>
  Array.from({ length: n }, (_, i) => ({
    kind: KINDS[i % KINDS.length] as string,
    owner: `owner-${i % owners}`,
    input: { text: TEXT },
  }))

export async function inBatches(api: ApiClient, jobs: readonly BenchJob[]): Promise<void> {
  for (let i = 0; i < jobs.length; i += 100) await api.post('/v1/jobs/batch', { jobs: jobs.slice(i, i + 100) })
}

export async function oneByOne(api: ApiClient, jobs: readonly BenchJob[], atOnce: number): Promise<void> {
  const queue = jobs.values()
  const submitter = async () => {
    for (const job of queue) await api.post('/v1/jobs', job)
  }
  await Promise.all(Array.from({ length: atOnce }, submitter))
}

const LOOK_EVERY_MS = 100
/** Resolves when so many jobs are done; throws when that takes longer than it may. */
export async function untilDone(api: ApiClient, n: number, atMostMs: number): Promise<void> {
  for (const until = Date.now() + atMostMs; Date.now() < until; await sleep(LOOK_EVERY_MS)) {
    const { pools } = (await api.get('/v1/overview')) as { pools: Record<string, Overview | null> }
    const done = Object.values(pools['main']?.tiers ?? {}).reduce((sum, t) => sum + t.done, 0)
    if (done >= n) return
  }
  throw new Error(`not all of ${n} jobs were done within ${atMostMs} ms`)
}
