/**
 * A provider that does not always allow what is configured: its limit of 300 in any 6 s drops to half and comes back,
 * somebody else takes a third of it and leaves, and it is down for two minutes. With feedback, and without beside it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SettingsInput } from '../core/settings.ts'
import type { Change } from '../local/simulated-provider.ts'
import { available, settledS } from './feedback/measures.ts'
import { type LoggingProvider, loggingProvider } from './limit/provider-log.ts'
import { inBatches, jobsOf, settingsFor, untilDone } from './load.ts'
import { type MeasuredSystem, startMeasured } from './processes.ts'
import type { Figure, Options, Scenario } from './scenario.ts'
import { worstOfRuns } from './worst.ts'

export const feedback: Scenario = {
  name: 'feedback',
  describe: 'a limit that drops and comes back, another user on it, an outage: settled, refused, used; and without it',
  run: (options) => worstOfRuns(options, (run) => oneRun(options, run)),
}

const LIMIT = { requests: 300, windowMs: 6_000 }
const LATENCY_MS = 500
const OWNERS = 10
const STRANGERS = LIMIT.requests / 3
const WARM_MS = 12_000
const PHASE_MS = 25_000
/** What changes, and what is then left for us in a window. */
const PHASES: readonly { readonly name: string; readonly change: Change; readonly left: number }[] = [
  { name: 'half', change: { requests: LIMIT.requests / 2 }, left: LIMIT.requests / 2 },
  { name: 'whole', change: { requests: LIMIT.requests }, left: LIMIT.requests },
  { name: 'shared', change: { strangers: STRANGERS }, left: LIMIT.requests - STRANGERS },
  { name: 'alone', change: { strangers: 0 }, left: LIMIT.requests },
]
/** What the limit would let through in all that time, and some more: the backlog outlasts it. */
const JOBS = Math.ceil(((WARM_MS + PHASES.length * PHASE_MS) / LIMIT.windowMs + 2) * LIMIT.requests)

const DOWN_MS = 120_000
const DOWN_JOBS = 2_000
const DONE_WITHIN_MS = 120_000

const figure = (variant: string, metric: string, value: number, unit: string): Figure => ({
  scenario: 'feedback',
  variant,
  metric,
  value,
  unit,
})

async function oneRun(options: Options, run: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const follows of [true, false]) {
    options.say(`feedback: run ${run} of ${options.runs}, ${nameOf(follows)}`)
    figures.push(...(await withSystem(follows, JOBS, (system) => changing(nameOf(follows), system.provider))))
  }
  options.say(`feedback: run ${run} of ${options.runs}, down`)
  figures.push(...(await withSystem(true, DOWN_JOBS, down)))
  return figures
}

const nameOf = (follows: boolean): string => (follows ? 'feedback' : 'naive: feedback off')

interface Measured {
  readonly provider: LoggingProvider
  readonly system: MeasuredSystem
}

async function withSystem(
  follows: boolean,
  jobs: number,
  measure: (measured: Measured) => Promise<Figure[]>,
): Promise<Figure[]> {
  const provider = await loggingProvider({ ...LIMIT, latencyMs: LATENCY_MS })
  const settings = settingsFor({ provider: provider.url, ...LIMIT })
  const main = { ...(settings.pools['main'] as SettingsInput['pools'][string]), feedback: follows }
  const system = await startMeasured({ settings: { ...settings, pools: { main } }, engine: 'journal' })
  try {
    await inBatches(system.api, jobsOf(jobs, OWNERS))
    return await measure({ provider, system })
  } finally {
    await system.stop()
    await provider.stop()
  }
}

async function changing(variant: string, provider: LoggingProvider): Promise<Figure[]> {
  await sleep(WARM_MS)
  const from = Date.now()
  const begun: number[] = []
  for (const { change } of PHASES) {
    provider.change(change)
    begun.push(Date.now())
    await sleep(PHASE_MS)
  }
  const to = Date.now()
  const ours = provider.log().filter(({ job, at }) => job !== undefined && at < to)
  const calls = ours.filter(({ at }) => at >= from)
  const admitted = ours.filter(({ status }) => status === 200).map(({ at }) => at)
  const refused = calls.filter(({ status }) => status === 429).map(({ at }) => at)
  const settled = PHASES.map(({ left }, i) =>
    settledS({ admitted, refused, from: begun[i] as number, to: begun[i + 1] ?? to, left, windowMs: LIMIT.windowMs }),
  )
  const limits = PHASES.map(({ left }, i) => ({ from: begun[i] as number, left }))
  const there = available({
    limits: [{ from: 0, left: LIMIT.requests }, ...limits],
    from,
    to,
    windowMs: LIMIT.windowMs,
  })
  return [
    figure(variant, 'settled_s', Math.max(...settled), 's'),
    figure(variant, 'refused_share', refused.length / calls.length, 'of calls'),
    figure(variant, 'used_of_available', admitted.filter((at) => at >= from).length / there, 'of what was there'),
    ...PHASES.map(({ name }, i) => figure(variant, `settled_${name}_s`, settled[i] as number, 's')),
  ]
}

/** The most calls in any second of the first three after its return, by the pace of the limit. */
const RETURN_MS = 3_000

async function down({ provider, system }: Measured): Promise<Figure[]> {
  await sleep(WARM_MS)
  provider.change({ down: true })
  await sleep(DOWN_MS)
  provider.change({ down: false })
  const back = Date.now()
  await untilDone(system.api, 'main', DOWN_JOBS, DONE_WITHIN_MS)
  const { jobs: failed } = (await system.api.get('/v1/jobs?attention=failed')) as { jobs: unknown[] }
  const log = provider.log()
  const served = new Set(log.filter(({ status }) => status === 200).map(({ job }) => job)).size
  const after = log.filter(({ at, status }) => at >= back && status === 200).map(({ at }) => at)
  const first = after[0] as number
  const perSecond = Array.from({ length: RETURN_MS / 1_000 }, (_, s) =>
    after.filter((at) => at >= first + s * 1_000 && at < first + (s + 1) * 1_000),
  )
  const pace = (LIMIT.requests * 1_000) / LIMIT.windowMs
  return [
    figure('down for 120 s', 'lost', DOWN_JOBS - served, 'jobs'),
    figure('down for 120 s', 'failed', failed.length, 'jobs'),
    figure('down for 120 s', 'return_peak', Math.max(...perSecond.map((calls) => calls.length)) / pace, 'of the pace'),
    figure('down for 120 s', 'back_s', (first - back) / 1_000, 's'),
    figure('down for 120 s', 'calls_while_down', log.filter(({ status }) => status === 503).length, 'calls'),
  ]
}
