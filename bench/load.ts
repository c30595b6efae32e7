/** Work to measure with: invented, bounded. And the wait until all of it has ended. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Overview } from '../core/overview.ts'
import type { SettingsInput } from '../core/settings.ts'
import type { ApiClient } from '../local/api-client.ts'

export interface PoolLoad {
  readonly provider: string
  readonly requests: number
  readonly windowMs: number
  readonly timeoutMs?: number
}

export const settingsFor = (p: PoolLoad): SettingsInput => ({
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
      {
        pool: 'main',
        tier,
        model: 'simulated',
        prompt: '{{text}}',
        maxOutputTokens: 250,
        ...(p.timeoutMs === undefined ? {} : { timeoutMs: p.timeoutMs }),
      },
    ]),
  ),
  // Of what is measured nothing is refused for being much.
  backlogPerOwner: 10_000_000,
})

export const TEXT = 'An invented line of a conversation that nobody had. '.repeat(20).slice(0, 1000)
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
  Array.from({ length: n }, (_, i) => jobOf(KINDS[i % KINDS.length] as string, `owner-${i % owners}`))
export const jobOf = (kind: string, owner: string): BenchJob => ({ kind, owner, input: { text: TEXT } })

export async function submit(api: ApiClient, job: BenchJob): Promise<string> {
  return ((await api.post('/v1/jobs', job)) as { id: string }).id
}

const BATCH = 100
/** Batches of a hundred, several on their way at once. */
export async function inBatches(api: ApiClient, jobs: readonly BenchJob[], atOnce = 1): Promise<void> {
  const starts = Array.from({ length: Math.ceil(jobs.length / BATCH) }, (_, i) => i * BATCH).values()
  await several(atOnce, starts, async (from) => {
    await api.post('/v1/jobs/batch', { jobs: jobs.slice(from, from + BATCH) })
  })
}

export const oneByOne = (api: ApiClient, jobs: readonly BenchJob[], atOnce: number): Promise<void> =>
  several(atOnce, jobs.values(), async (job) => void (await submit(api, job)))

async function several<T>(atOnce: number, queue: Iterable<T>, run: (thing: T) => Promise<void>): Promise<void> {
  const submitter = async () => {
    for (const thing of queue) await run(thing)
  }
  await Promise.all(Array.from({ length: atOnce }, submitter))
}

/** Each at its moment, in ms from now, or as soon after it as fewer than `atOnce` are on their way. */
export async function atMoments(
  moments: readonly number[],
  run: (i: number) => Promise<void>,
  atOnce: number,
): Promise<void> {
  const began = performance.now()
  await several(atOnce, moments.entries(), async ([i, at]) => {
    await sleep(Math.max(0, at - (performance.now() - began)))
    await run(i)
  })
}

const LOOK_EVERY_MS = 100
/** Resolves when so many jobs are done; throws when that takes longer than it may. */
export const untilDone = (api: ApiClient, pool: string, n: number, atMostMs: number): Promise<void> =>
  until(async () => (await doneIn(api, pool)) >= n, atMostMs, `all of ${n} jobs to be done`)

async function doneIn(api: ApiClient, pool: string): Promise<number> {
  const { pools } = (await api.get('/v1/overview')) as { pools: Record<string, Overview | null> }
  return Object.values(pools[pool]?.tiers ?? {}).reduce((sum, t) => sum + t.done, 0)
}

export async function until(true_: () => boolean | Promise<boolean>, atMostMs: number, what: string): Promise<void> {
  for (const end = Date.now() + atMostMs; Date.now() < end; await sleep(LOOK_EVERY_MS)) if (await true_()) return
  throw new Error(`waited ${atMostMs} ms in vain for ${what}`)
}
