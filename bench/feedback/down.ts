/** A provider that is down for two minutes, alone and with another pool that some kinds may go to meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SettingsInput } from '../../core/settings.ts'
import type { ApiClient } from '../../local/api-client.ts'
import { type LoggingProvider, loggingProvider } from '../limit/provider-log.ts'
import { untilDone } from '../load.ts'
import type { Figure } from '../scenario.ts'
import { figure, LATENCY_MS, LIMIT, type Measured, WARM_MS, withSystem } from './system.ts'

const DOWN_MS = 120_000
const DONE_WITHIN_MS = 120_000
const JOBS = 2_000
/** The most calls in any second of the first three after its return, by the pace of the limit. */
const RETURN_MS = 3_000

const ALONE = 'down for 120 s'
export const down = (): Promise<Figure[]> =>
  withSystem({ jobs: JOBS, follows: true }, async ({ provider, system }) => {
    const back = await outage(provider)
    await untilDone(system.api, 'main', JOBS, DONE_WITHIN_MS)
    return [...(await kept(ALONE, JOBS, system.api, [provider])), ...returned(provider, back)]
  })

async function outage(provider: LoggingProvider): Promise<number> {
  await sleep(WARM_MS)
  provider.change({ down: true })
  await sleep(DOWN_MS)
  provider.change({ down: false })
  return Date.now()
}

const answered = (provider: LoggingProvider) => provider.log().filter(({ status }) => status === 200)

async function kept(variant: string, jobs: number, api: ApiClient, by: readonly LoggingProvider[]): Promise<Figure[]> {
  const { jobs: failed } = (await api.get('/v1/jobs?attention=failed')) as { jobs: unknown[] }
  const served = new Set(by.flatMap(answered).map(({ job }) => job)).size
  return [figure(variant, 'lost', jobs - served, 'jobs'), figure(variant, 'failed', failed.length, 'jobs')]
}

function returned(provider: LoggingProvider, back: number): Figure[] {
  const after = answered(provider).flatMap(({ at }) => (at >= back ? [at] : []))
  const first = after[0] as number
  const perSecond = Array.from({ length: RETURN_MS / 1_000 }, (_, s) =>
    after.filter((at) => at >= first + s * 1_000 && at < first + (s + 1) * 1_000),
  )
  const pace = (LIMIT.requests * 1_000) / LIMIT.windowMs
  const refused = provider.log().filter(({ status }) => status === 503).length
  return [
    figure(ALONE, 'return_peak', Math.max(...perSecond.map((calls) => calls.length)) / pace, 'of the pace'),
    figure(ALONE, 'back_s', (first - back) / 1_000, 's'),
    figure(ALONE, 'calls_while_down', refused, 'calls'),
  ]
}

const WITH_FALLBACK = 'down for 120 s, another pool for half of the jobs'
const SECOND = { requests: 50, windowMs: 6_000 }
/** More of those that may go than both take before the outage is over. */
const MANY = 4_000
/** The breaker opens, and what may go is offered. */
const OFFERED_WITHIN_MS = 15_000
const STAYS = 'low'

export async function downWithFallback(): Promise<Figure[]> {
  const second = await loggingProvider({ ...SECOND, latencyMs: LATENCY_MS })
  try {
    const change = (settings: SettingsInput) => withSecond(settings, second.url)
    return await withSystem({ jobs: MANY, follows: true, change }, (measured) => elsewhere(measured, second))
  } finally {
    await second.stop()
  }
}

function withSecond(settings: SettingsInput, baseUrl: string): SettingsInput {
  const main = settings.pools['main'] as SettingsInput['pools'][string]
  const second = { ...main, ...SECOND, provider: { kind: 'openai-compatible', baseUrl } as const }
  const kinds = Object.entries(settings.kinds).map(([id, kind]) => {
    const fallback = [{ pool: 'second', model: 'simulated' }]
    return [id, id === STAYS ? kind : { ...kind, fallback }] as const
  })
  return { ...settings, pools: { main, second }, kinds: Object.fromEntries(kinds) }
}

async function elsewhere({ provider, system }: Measured, second: LoggingProvider): Promise<Figure[]> {
  const back = await outage(provider)
  const from = back - DOWN_MS + OFFERED_WITHIN_MS
  await untilDone(system.api, 'main', MANY, DONE_WITHIN_MS)
  const there = answered(second).filter(({ at }) => at >= from && at < back)
  const mayBe = (SECOND.requests * (back - from)) / SECOND.windowMs
  return [
    ...(await kept(WITH_FALLBACK, MANY, system.api, [provider, second])),
    figure(WITH_FALLBACK, 'elsewhere_used', there.length / mayBe, 'of what the other pool allows'),
    figure(WITH_FALLBACK, 'not_allowed', await notAllowed(system.api, second), 'jobs'),
  ]
}

/** Jobs that the other pool has served though their kind stays at home, or that do not say that it has. */
async function notAllowed(api: ApiClient, second: LoggingProvider): Promise<number> {
  let n = 0
  for (const { job } of answered(second)) {
    const { kind, fallback } = (await api.get(`/v1/jobs/${job}`)) as { kind: string; fallback?: { pool: string } }
    if (kind === STAYS || fallback?.pool !== 'second') n++
  }
  return n
}
