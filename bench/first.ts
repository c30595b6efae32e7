/** The first figures: start-up, memory, jobs a minute, and what one job costs at DynamoDB. */
import { inBatches, jobsOf, oneByOne, settingsFor, untilDone } from './load.ts'
import { startMeasured, startProvider } from './processes.ts'
import type { Figure, Scenario } from './scenario.ts'

const ENGINES = ['dynoxide', 'journal'] as const

export const first: Scenario = {
  name: 'first',
  describe: 'start-up time, memory, jobs per minute with an instant provider, DynamoDB requests and units per job',
  async run() {
    const figures: Figure[] = []
    for (const engine of ENGINES) figures.push(...(await throughput(engine)))
    figures.push(...(await cost()))
    return figures
  },
}

const JOBS = 3_000
/** A limit that does not bind: what is measured is the system. */
const UNBOUND = { requests: 100_000, windowMs: 6_000 }

async function throughput(engine: (typeof ENGINES)[number]): Promise<Figure[]> {
  const provider = await startProvider({ ...UNBOUND, latencyMs: 0 })
  const system = await startMeasured({ settings: settingsFor({ provider: provider.url, ...UNBOUND }), engine })
  try {
    const idle = await system.figures()
    const began = performance.now()
    await inBatches(system.api, jobsOf(JOBS, 50))
    await untilDone(system.api, JOBS, 120_000)
    const minutes = (performance.now() - began) / 60_000
    const { rssMb } = await system.figures()
    const { refused, repeated } = await provider.stats()
    const variant = engine
    return [
      { scenario: 'first', variant, metric: 'start_ms', value: system.startMs, unit: 'ms' },
      { scenario: 'first', variant, metric: 'rss_idle_mb', value: idle.rssMb, unit: 'MB' },
      { scenario: 'first', variant, metric: 'rss_after_mb', value: rssMb, unit: 'MB' },
      { scenario: 'first', variant, metric: 'jobs_per_minute', value: JOBS / minutes, unit: 'jobs/min' },
      { scenario: 'first', variant, metric: 'refused', value: refused, unit: 'calls' },
      { scenario: 'first', variant, metric: 'repeated', value: repeated, unit: 'calls' },
    ]
  } finally {
    await system.stop()
    await provider.stop()
  }
}

const COSTED = 1_500
const LIMIT = { requests: 300, windowMs: 6_000 }

async function cost(): Promise<Figure[]> {
  const provider = await startProvider({ ...LIMIT, latencyMs: 100 })
  const system = await startMeasured({
    settings: settingsFor({ provider: provider.url, ...LIMIT }),
    engine: 'dynoxide',
  })
  try {
    const before = (await system.figures()).metered
    await oneByOne(system.api, jobsOf(COSTED, 50), 20)
    await untilDone(system.api, COSTED, 120_000)
    const after = (await system.figures()).metered
    const { worstWindow, refused } = await provider.stats()
    const perJob = (of: 'requests' | 'writeUnits' | 'readUnits') => ((after?.[of] ?? 0) - (before?.[of] ?? 0)) / COSTED
    const variant = '300 per 6 s, 50 owners, single submits'
    return [
      { scenario: 'first', variant, metric: 'requests_per_job', value: perJob('requests'), unit: 'requests' },
      { scenario: 'first', variant, metric: 'write_units_per_job', value: perJob('writeUnits'), unit: 'WRU' },
      { scenario: 'first', variant, metric: 'read_units_per_job', value: perJob('readUnits'), unit: 'RRU' },
      { scenario: 'first', variant, metric: 'worst_window', value: worstWindow / LIMIT.requests, unit: 'of limit' },
      { scenario: 'first', variant, metric: 'refused', value: refused, unit: 'calls' },
    ]
  } finally {
    await system.stop()
    await provider.stop()
  }
}
