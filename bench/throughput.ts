/** How much goes through: the provider instant, its limit out of reach, jobs in batches of 100. And what a start takes. */
import { inBatches, jobsOf, settingsFor, untilDone } from './load.ts'
import { startMeasured, startProvider } from './processes.ts'
import type { Figure, Options, Scenario } from './scenario.ts'

const ENGINES = ['dynoxide', 'journal'] as const

export const throughput: Scenario = {
  name: 'throughput',
  describe: 'jobs per minute with an instant provider, submitted in batches; start-up time and memory beside it',
  async run(options) {
    const figures: Figure[] = []
    for (let run = 1; run <= options.runs; run++)
      for (const engine of ENGINES) {
        options.say(`throughput: run ${run}, ${engine}`)
        figures.push(...(await through(engine, options)))
      }
    return figures
  },
}

/** As a service that has run for a while: its code is compiled, and its dispatcher knows what workers can take. */
const WARM_UP = 2_000
const JOBS = 6_000
const JOBS_FULL = 20_000
const SUBMITTERS = 4
const PATIENCE_MS = 600_000
/** A limit that does not bind: what is measured is the system. */
const UNBOUND = { requests: 100_000, windowMs: 6_000 }

async function through(engine: (typeof ENGINES)[number], { full }: Options): Promise<Figure[]> {
  const jobs = full ? JOBS_FULL : JOBS
  const provider = await startProvider({ ...UNBOUND, latencyMs: 0 })
  const system = await startMeasured({ settings: settingsFor({ provider: provider.url, ...UNBOUND }), engine })
  try {
    const idleMb = system.rssMb()
    await inBatches(system.api, jobsOf(WARM_UP, 50), SUBMITTERS)
    await untilDone(system.api, 'main', WARM_UP, PATIENCE_MS)
    const began = performance.now()
    await inBatches(system.api, jobsOf(jobs, 50), SUBMITTERS)
    await untilDone(system.api, 'main', WARM_UP + jobs, PATIENCE_MS)
    const minutes = (performance.now() - began) / 60_000
    const afterMb = system.rssMb()
    const { refused, repeated } = await provider.stats()
    const figure = (metric: string, value: number, unit: string) => ({
      scenario: 'throughput',
      variant: engine,
      metric,
      value,
      unit,
    })
    return [
      figure('jobs_per_minute', jobs / minutes, 'jobs/min'),
      figure('start_ms', system.startMs, 'ms'),
      figure('rss_idle_mb', idleMb, 'MB'),
      figure('rss_after_mb', afterMb, 'MB'),
      figure('refused', refused, 'calls'),
      figure('repeated', repeated, 'calls'),
    ]
  } finally {
    await system.stop()
    await provider.stop()
  }
}
