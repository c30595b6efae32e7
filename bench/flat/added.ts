/**
 * What it adds when every job has another owner: an owner's note is written, its turn noted, and in the end it leaves
 * the ring. So both runs, of 50 owners and of as many as jobs, are counted until nothing is asked of DynamoDB any more:
 * the jobs are done, the owners have left, the dispatcher has let go. The difference is divided by the jobs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { jobsOf, oneByOne } from '../load.ts'
import { type Cost, costOf } from '../metering.ts'
import type { Figure, Options } from '../scenario.ts'
import { type Bench, COSTS, costFigures, untilEnded, withSystem } from './setting.ts'

const JOBS = 600
const JOBS_FULL = 3_000
const AT_ONCE = 20

export async function added({ full }: Options): Promise<Figure[]> {
  const jobs = full ? JOBS_FULL : JOBS
  const few = await wholeCost(jobs, 50)
  const many = await wholeCost(jobs, jobs)
  const more = Object.fromEntries(COSTS.map((of) => [of, many[of] - few[of]])) as Cost
  return costFigures(more, 'every job of another owner', (metric) => `added_${metric}`)
}

const wholeCost = (jobs: number, owners: number): Promise<Cost> =>
  withSystem({}, async (bench) => {
    const before = await bench.metered()
    await oneByOne(bench.api, jobsOf(jobs, owners), AT_ONCE)
    await untilEnded(bench, jobs)
    await untilQuiet(bench)
    return costOf(before, await bench.metered(), jobs)
  })

/** A dispatcher that still holds on looks for bells ten times a second, but for the two seconds of its ending. */
const QUIET_MS = 3_500
/** The schedule's minute, and the fifteen seconds for which a dispatcher holds on, a few times over. */
const PATIENCE_MS = 600_000

async function untilQuiet(bench: Bench): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    const { requests } = await bench.metered()
    await sleep(QUIET_MS)
    if ((await bench.metered()).requests === requests) return
  }
  throw new Error(`something was still asked of DynamoDB ${PATIENCE_MS} ms after the last job`)
}
