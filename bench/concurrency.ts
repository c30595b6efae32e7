/**
 * Many agents at once: 1,000 tasks a minute, each of three calls in a row that take seconds. What is told is what the
 * queue adds to each call (from just before the submit until its end is written, less what the provider took), and what
 * the workers' waiting costs.
 */
import { randomFrom } from '../local/simulated-provider/latency.ts'
import { arrivals, percentile } from './distribution.ts'
import { atMoments, settingsFor } from './load.ts'
import { gbSecondsPerCall, grouped } from './messages.ts'
import { startMeasured, startProvider } from './processes.ts'
import type { Figure, Scenario } from './scenario.ts'
import { Diary, task } from './tasks.ts'

interface Variant {
  readonly name: string
  readonly owners: number
  readonly hangsOneIn?: number
}
const VARIANTS: readonly Variant[] = [
  { name: '50 owners', owners: 50 },
  { name: 'one owner has all', owners: 1 },
  { name: 'one call in 100 hangs: the others', owners: 50, hangsOneIn: 100 },
]

export const concurrency: Scenario = {
  name: 'concurrency',
  describe: '1,000 three-step tasks a minute, calls of 5 s (p50) to 30 s (p99): added time, cost of waiting workers',
  async run(options) {
    const figures: Figure[] = []
    for (let run = 1; run <= options.runs; run++)
      for (const variant of VARIANTS) {
        const minutes = options.full ? MINUTES_FULL : MINUTES
        options.say(`concurrency: run ${run}, ${variant.name}, ${minutes} min`)
        figures.push(...(await concurrent(variant, minutes, run)))
      }
    return figures
  },
}

const MINUTES = 1
const MINUTES_FULL = 5
const TASKS_PER_MINUTE = 1_000
const STEPS = 3
/** Twice what comes. */
const LIMIT = { requests: 6_000, windowMs: 60_000 }
const TIMEOUT_MS = 60_000
const LATENCY = { p50Ms: 5_000, p99Ms: 30_000, atMostMs: 55_000 }
/** Three of the longest calls, one of them hung and called again. */
const PATIENCE_MS = 300_000

async function concurrent(variant: Variant, minutes: number, seed: number): Promise<Figure[]> {
  const diary = new Diary()
  const hangs = variant.hangsOneIn === undefined ? {} : { hangsOneIn: variant.hangsOneIn }
  const order = { ...LIMIT, latencyMs: LATENCY, seed, ...hangs }
  const provider = await startProvider(order, (call) => diary.called(call))
  const settings = settingsFor({ provider: provider.url, ...LIMIT, timeoutMs: TIMEOUT_MS })
  const system = await startMeasured({ settings, engine: 'dynoxide', watched: true }, (seen) => diary.see(seen))
  try {
    const moments = arrivals({ perMinute: TASKS_PER_MINUTE, minutes }, randomFrom(seed))
    const tasks = atMoments(
      moments,
      (i) => task(system.api, diary, { owner: `owner-${i % variant.owners}`, steps: STEPS }),
      moments.length,
    )
    await within(tasks, minutes * 60_000 + PATIENCE_MS)
    const { refused } = await provider.stats()
    return figuresOf(diary, `${variant.name}, ${minutes} min`, moments.length * STEPS, refused)
  } finally {
    await system.stop()
    await provider.stop()
  }
}

/** Tasks that have not ended by then show as lost. */
async function within(tasks: Promise<void>, ms: number): Promise<void> {
  let late: NodeJS.Timeout | undefined
  await Promise.race([tasks, new Promise<void>((resolve) => (late = setTimeout(resolve, ms)))])
  clearTimeout(late)
}

function figuresOf(diary: Diary, variant: string, expected: number, refused: number): Figure[] {
  const added = diary.addedMs()
  const spans = diary.spans()
  const figure = (metric: string, value: number, unit: string, of = variant) => ({
    scenario: 'concurrency',
    variant: of,
    metric,
    value,
    unit,
  })
  const gb = (of: string, value: number) => figure('gb_seconds_per_call', value, 'GB s', `${variant}; ${of}`)
  return [
    figure('lost', expected - spans.length, 'jobs'),
    figure('added_p50_s', percentile(added, 0.5) / 1000, 's'),
    figure('added_p95_s', percentile(added, 0.95) / 1000, 's'),
    figure('refused', refused, 'calls'),
    gb('messages as sent, up to 10', gbSecondsPerCall(diary.invocations, spans.length)),
    ...[1, 10, 25].map((size) =>
      gb(`modelled, ${size} a message`, gbSecondsPerCall(grouped(spans, size), spans.length)),
    ),
  ]
}
