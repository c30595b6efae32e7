/**
 * The plain cost of a job, from its submit to its end and the dispatcher's hearing of it: jobs of 50 owners, submitted
 * one by one, faster than they are served, to a system that has nothing else to do. All that was asked of DynamoDB
 * meanwhile is divided by their number: what is shared (ticks, lease, overview) belongs to them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { jobsOf, oneByOne } from '../load.ts'
import { breakdown, costOf } from '../metering.ts'
import type { Figure, Options } from '../scenario.ts'
import { costFigures, untilEnded, withSystem } from './setting.ts'

const JOBS = 1_500
const JOBS_FULL = 6_000
const AT_ONCE = 20
/** Bells of the last jobs are heard and deleted by then. */
const AFTER_MS = 2_000

export const single = ({ full, say }: Options): Promise<Figure[]> =>
  withSystem({}, async (bench) => {
    const jobs = full ? JOBS_FULL : JOBS
    const before = await bench.metered()
    await oneByOne(bench.api, jobsOf(jobs, 50), AT_ONCE)
    await untilEnded(bench, jobs)
    await sleep(AFTER_MS)
    const after = await bench.metered()
    for (const line of breakdown(before, after, jobs)) say(`flat: ${line}`)
    const cost = costOf(before, after, jobs)
    return costFigures(cost, '50 owners, single submits, 1 KB in and out', (metric) => `${metric}_per_job`)
  })
