/**
 * Agents saturate 300 calls in any 6 s while people call too, up to 60 a window, in bursts of ten within a second: how
 * soon is each admitted, and what does the pool lose by keeping room for them? Counted by the provider; a person's wait is
 * the time that the API took to grant the permit, measured by whoever asked.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SettingsInput } from '../core/settings.ts'
import type { ApiProblem } from '../local/api-client.ts'
import { randomFrom } from '../local/simulated-provider/latency.ts'
import { type LoggingProvider, loggingProvider } from './limit/provider-log.ts'
import { inBatches, jobsOf, settingsFor } from './load.ts'
import { type MeasuredSystem, startMeasured } from './processes.ts'
import type { Figure, Options, Scenario } from './scenario.ts'
import { percentile, worstWindow } from './statistics.ts'
import { worstOfRuns } from './worst.ts'

export const people: Scenario = {
  name: 'people',
  describe: 'people in bursts beside agents that use all of 300 calls in any 6 s: waits, utilisation, refusals',
  run: (options) => worstOfRuns(options, (run) => allVariants(options, run)),
}

/** The guard is the same share of the window as 0.7 s are of a minute. */
const LIMIT = { requests: 300, windowMs: 6_000 }
const GUARD = { refusalMs: 50, skewMs: 0, networkMs: 20 }
/** People's permits are used at once. */
const USE_WITHIN_S = 0.2
const LATENCY_MS = 400
const OWNERS = 20

interface Variant {
  readonly name: string
  readonly reserve: 'learned' | number
  /** Calls of a burst, within a second; bursts of a window, drawn up to so many. */
  readonly burst: number
  readonly bursts: number
  readonly windows: number
}
/** Half of 0 to 60 calls a window: a hundred windows are 3,000 calls, more or less by the draw. */
const MEASURED: Variant = { name: 'learned, bursts of 10', reserve: 'learned', burst: 10, bursts: 6, windows: 110 }
const BESIDE: readonly Variant[] = [
  { name: 'learned, bursts of 30', reserve: 'learned', burst: 30, bursts: 2, windows: 15 },
  { name: 'static 0 %, bursts of 10', reserve: 0, burst: 10, bursts: 6, windows: 15 },
  { name: 'static 5 %, bursts of 10', reserve: 0.05, burst: 10, bursts: 6, windows: 15 },
  { name: 'static 10 %, bursts of 10', reserve: 0.1, burst: 10, bursts: 6, windows: 15 },
  { name: 'learned, a flood', reserve: 'learned', burst: 400, bursts: 6, windows: 5 },
]

async function allVariants(options: Options, run: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const variant of [MEASURED, ...BESIDE]) {
    options.say(`people: run ${run} of ${options.runs}, ${variant.name}`)
    figures.push(...(await oneVariant(variant, run)))
  }
  return figures
}

function settingsOf(provider: string, { reserve }: Variant): SettingsInput {
  const settings = settingsFor({ provider, ...LIMIT })
  const pool = settings.pools['main'] as SettingsInput['pools'][string]
  const shared = { max: 0.5, reserve, perPerson: { open: 100, calls: 1_000_000 } }
  return { ...settings, pools: { main: { ...pool, guard: GUARD, people: shared } } }
}

async function oneVariant(variant: Variant, run: number): Promise<Figure[]> {
  const provider = await loggingProvider({ ...LIMIT, latencyMs: LATENCY_MS })
  const system = await startMeasured({ settings: settingsOf(provider.url, variant), engine: 'journal' })
  try {
    const watchMs = variant.windows * LIMIT.windowMs
    // A window more than is watched, so that agents wait until the end.
    const jobs = Math.ceil((variant.windows + 3) * LIMIT.requests)
    await inBatches(system.api, jobsOf(jobs, OWNERS), 2)
    await sleep(2 * LIMIT.windowMs)
    const from = Date.now()
    const calls = await peopleFor(system, provider, { variant, random: randomFrom(run), from, watchMs })
    const until = Date.now()
    return figuresOf(variant, await outcome(provider, calls, { from, until }))
  } finally {
    await system.stop()
    await provider.stop()
  }
}

interface Call {
  readonly waitMs: number
  readonly refused?: string
}

/** Each call at its moment, whether those before it are done or not. */
async function peopleFor(
  system: MeasuredSystem,
  provider: LoggingProvider,
  p: { variant: Variant; random: () => number; from: number; watchMs: number },
): Promise<Call[]> {
  const calls: Promise<Call>[] = []
  for (const at of moments(p)) {
    await sleep(Math.max(0, p.from + at - Date.now()))
    calls.push(personCalls(system, provider))
  }
  return Promise.all(calls)
}

function moments(p: { variant: Variant; random: () => number; watchMs: number }): number[] {
  const { burst, bursts } = p.variant
  const all: number[] = []
  for (let from = 0; from < p.watchMs - LIMIT.windowMs; from += LIMIT.windowMs)
    for (let n = Math.floor(p.random() * (bursts + 1)); n > 0; n--) {
      const begins = from + p.random() * (LIMIT.windowMs - 1_000)
      for (let i = 0; i < burst; i++) all.push(begins + p.random() * 1_000)
    }
  return all.sort((a, b) => a - b)
}

async function personCalls({ api }: MeasuredSystem, provider: LoggingProvider): Promise<Call> {
  const asked = performance.now()
  try {
    const ask = { inputTokens: 100, maxOutputTokens: 100, useWithinS: USE_WITHIN_S }
    const permit = (await api.post('/v1/pools/main/permits?wait=25', ask)) as { id: string; state: string }
    const waitMs = performance.now() - asked
    if (permit.state !== 'granted') return { waitMs, refused: permit.state }
    await callProvider(provider)
    await api.post(`/v1/pools/main/permits/${permit.id}/settle`, { inputTokens: 100, outputTokens: 50 })
    return { waitMs }
  } catch (error) {
    return { waitMs: performance.now() - asked, refused: (error as ApiProblem).code ?? String(error) }
  }
}

const ASKED = JSON.stringify({ model: 'a-model', messages: [{ role: 'user', content: 'hello' }], max_tokens: 64 })
async function callProvider({ url }: LoggingProvider): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/chat/completions`, { method: 'POST', headers, body: ASKED })
  await answer.text()
}

interface Outcome {
  readonly calls: readonly Call[]
  readonly utilisation: number
  readonly worst: number
  readonly refused: number
  readonly agents: number
}

async function outcome(
  provider: LoggingProvider,
  calls: readonly Call[],
  p: { from: number; until: number },
): Promise<Outcome> {
  const log = provider.log()
  const admitted = log.filter(({ status }) => status === 200)
  const during = admitted.filter(({ at }) => at > p.from && at <= p.until)
  const windows = (p.until - p.from) / LIMIT.windowMs
  return {
    calls,
    utilisation: during.length / (LIMIT.requests * windows),
    worst:
      worstWindow(
        admitted.map(({ at }) => at),
        LIMIT.windowMs,
      ) / LIMIT.requests,
    refused: log.length - admitted.length,
    agents: during.filter(({ job }) => job !== undefined).length / (LIMIT.requests * windows),
  }
}

function figuresOf({ name }: Variant, o: Outcome): Figure[] {
  const waits = o.calls.map(({ waitMs }) => waitMs)
  const figure = (metric: string, value: number, unit: string): Figure => ({
    scenario: 'people',
    variant: name,
    metric,
    value,
    unit,
  })
  return [
    figure('calls', o.calls.length, 'calls'),
    figure('admission_p50_ms', percentile(waits, 0.5), 'ms'),
    figure('admission_p95_ms', percentile(waits, 0.95), 'ms'),
    figure('admission_p999_ms', percentile(waits, 0.999), 'ms'),
    figure('not_granted', o.calls.filter(({ refused }) => refused !== undefined).length, 'calls'),
    figure('utilisation', o.utilisation, 'of limit'),
    figure('agents_used', o.agents, 'of limit'),
    figure('worst_window', o.worst, 'of limit'),
    figure('refused', o.refused, 'calls'),
  ]
}
