/**
 * From the submit to a queue that has nothing to do until the call is at the provider, by the clock that both read.
 * A dispatcher goes on looking for a while after the last job (`holding`), then spends two seconds on letting go
 * (`ending`), and is started anew by the next job (`released`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { randomFrom } from '../local/simulated-provider/latency.ts'
import { percentile } from './distribution.ts'
import { jobOf, settingsFor, submit } from './load.ts'
import { startMeasured, startProvider } from './processes.ts'
import type { Figure, Options, Scenario } from './scenario.ts'

export const wake: Scenario = {
  name: 'wake',
  describe: 'time from a submit to an idle, warm queue until the call reaches the provider',
  async run(options) {
    const figures: Figure[] = []
    for (let run = 1; run <= options.runs; run++) figures.push(...(await wakes(run, options)))
    return figures
  },
}

/** As the README's pool; the rests between samples are longer than its pace, so that none waits for a slot. */
const LIMIT = { requests: 300, windowMs: 60_000 }
const VARIANTS = [
  { variant: 'holding', samples: 100, samplesFull: 500, restMs: { least: 400, most: 900 } },
  { variant: 'ending', samples: 4, samplesFull: 20, restMs: { least: 15_500, most: 16_700 } },
  { variant: 'released', samples: 4, samplesFull: 20, restMs: { least: 18_500, most: 19_500 } },
] as const
/** Beyond it a call is lost rather than late. */
const PATIENCE_MS = 90_000

async function wakes(run: number, options: Options): Promise<Figure[]> {
  const random = randomFrom(run)
  const calls = arrivalsOf()
  const provider = await startProvider({ ...LIMIT, latencyMs: 50, seed: run }, (call) => calls.came(call.at))
  const settings = settingsFor({ provider: provider.url, ...LIMIT })
  const system = await startMeasured({ settings, engine: 'dynoxide' })
  const sample = async () => {
    const came = calls.next()
    const at = Date.now()
    await submit(system.api, jobOf('high', `owner-${Math.floor(random() * 50)}`))
    return (await came) - at
  }
  try {
    // Connections open, code compiled.
    for (let i = 0; i < 20; i++) await sample()
    const figures: Figure[] = []
    for (const { variant, restMs, ...n } of VARIANTS) {
      const samples = options.full ? n.samplesFull : n.samples
      options.say(`wake: run ${run}, ${variant}, ${samples} samples`)
      const took: number[] = []
      for (let i = 0; i < samples; i++) {
        await sleep(restMs.least + random() * (restMs.most - restMs.least))
        took.push(await sample())
      }
      for (const [metric, share] of [
        ['p50_ms', 0.5],
        ['p99_ms', 0.99],
      ] as const)
        figures.push({ scenario: 'wake', variant, metric, value: percentile(took, share), unit: 'ms' })
    }
    return figures
  } finally {
    await system.stop()
    await provider.stop()
  }
}

/** One call at a time is waited for. */
function arrivalsOf() {
  let came: (at: number) => void = () => undefined
  return {
    came: (at: number) => came(at),
    next: () =>
      new Promise<number>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no call came within ${PATIENCE_MS} ms`)), PATIENCE_MS)
        came = (at) => {
          clearTimeout(late)
          resolve(at)
        }
      }),
  }
}
