/**
 * What a job costs at DynamoDB, and that it costs no more when much waits, has ended, or once was there.
 * Requests and units are counted at the SDK of the system's process: of the API, the dispatcher and the workers alike.
 */
import { added } from './flat/added.ts'
import { growth } from './flat/growth.ts'
import { rssWhenQueued } from './flat/memory.ts'
import { single } from './flat/single.ts'
import type { Figure, Scenario } from './scenario.ts'

const PARTS = { single, added, growth, rssWhenQueued }

export const flat: Scenario = {
  name: 'flat',
  describe:
    'DynamoDB requests and units per job; with backlogs, finished jobs, idle owners; memory with 100,000 queued',
  async run(options) {
    const figures: Figure[] = []
    for (let run = 1; run <= options.runs; run++)
      for (const [name, part] of Object.entries(PARTS)) {
        options.say(`flat: run ${run}, ${name}`)
        figures.push(...(await part(options)))
      }
    return figures
  },
}
