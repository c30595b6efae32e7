/**
 * Resident memory of the system's process and its database engine with 100,000 jobs queued: submitted over the API in
 * batches, as fast as it takes them, while it serves them at the pool's limit. Taken at the moment when so many wait.
 */
import { inBatches, jobsOf } from '../load.ts'
import type { Figure, Options } from '../scenario.ts'
import { figure, withSystem } from './setting.ts'

const QUEUED = 100_000
const AT_ONCE = 2_000
const SUBMITTERS = 2

export const rssWhenQueued = ({ say }: Options): Promise<Figure[]> =>
  withSystem({}, async (bench) => {
    const idleMb = bench.rssMb()
    let submitted = 0
    while (submitted - bench.ended() < QUEUED) {
      const more = Math.min(AT_ONCE, QUEUED - (submitted - bench.ended()))
      await inBatches(bench.api, jobsOf(more, 50), SUBMITTERS)
      submitted += more
      say(`flat: ${submitted - bench.ended()} queued, ${bench.rssMb().toFixed(0)} MB`)
    }
    return [figure('no jobs', 'rss_idle_mb', idleMb, 'MB'), figure(`${QUEUED} queued`, 'rss_mb', bench.rssMb(), 'MB')]
  })
