/**
 * Whether a job costs more when much waits, much has ended, or many owners are idle. Each time the system is at work on a
 * standing backlog, planted before it started, while as many jobs are submitted, one by one, as are served; all that was
 * asked of DynamoDB between two moments is divided by the jobs that were submitted between them, and that ended: the
 * second moment is when as many have ended. So one figure holds a submit and a dispatch, if not of the same job.
 *
 * Few owners in one tier: a lane that is longer than what memory holds of it is read on once in two hundred of its jobs,
 * and this way each of them is. With more lanes the same reads come as often for each job, but a run would have to be
 * longer to see them.
 */
import { atMoments, jobOf, submit } from '../load.ts'
import { type Cost, costOf } from '../metering.ts'
import type { PlantOrder } from '../plant.ts'
import type { Figure, Options } from '../scenario.ts'
import { type Bench, COSTS, costFigures, figure, PER_SECOND, untilEnded, withSystem } from './setting.ts'

const OWNERS = 6
const TIER = 'medium'
const AT_ONCE = 20
/** Each lane is read on once. */
const MEASURED = OWNERS * 200
/** By then the pace is steady. */
const WARM_UP = 100
/** The smallest backlog; what has nothing to do with the backlog is measured on it. */
const LEAST = 1_500

type Planted = Omit<PlantOrder, 'data'>
const backlogOf = (jobs: number): Planted => ({ backlog: { jobs, owners: OWNERS, tier: TIER } })

export async function growth({ full, say }: Options): Promise<Figure[]> {
  const measure = async (variant: string, plant: Planted): Promise<{ cost: Cost; figures: Figure[] }> => {
    say(`flat: ${variant}`)
    const cost = await withSystem({ plant }, standing)
    say(`flat: ${COSTS.map((of) => `${cost[of].toFixed(3)} ${of}`).join(', ')}`)
    return { cost, figures: costFigures(cost, variant, (metric) => `${metric}_standing`) }
  }
  const least = await measure(`backlog ${LEAST}`, backlogOf(LEAST))
  const backlogs = full ? [10_000, 100_000, 1_000_000] : [10_000, 100_000]
  const figures = [...least.figures]
  const against = async (of: string, variant: string, plant: Planted, isLargest = true) => {
    const { cost, figures: own } = await measure(variant, plant)
    figures.push(...own)
    if (isLargest) figures.push(figure(of, 'growth', ratio(cost, least.cost), 'times'))
  }
  for (const n of backlogs) await against('backlog', `backlog ${n}`, backlogOf(n), n === backlogs.at(-1))
  const finished = full ? 1_000_000 : 100_000
  await against('finished jobs', `${finished} finished jobs`, { ...backlogOf(LEAST), finished })
  const idleOwners = 10_000
  await against('idle owners', `${idleOwners} idle owners`, { ...backlogOf(LEAST), idleOwners })
  return figures
}

/** Of requests, write units and read units the one that grew most. */
const ratio = (cost: Cost, least: Cost): number => Math.max(...COSTS.map((of) => cost[of] / least[of]))

async function standing(bench: Bench): Promise<Cost> {
  await untilEnded(bench, WARM_UP)
  const from = bench.ended()
  const before = await bench.metered()
  const moments = Array.from({ length: MEASURED }, (_, i) => (i / PER_SECOND) * 1000)
  await atMoments(moments, async (i) => void (await submit(bench.api, jobOf(TIER, `owner-${i % OWNERS}`))), AT_ONCE)
  await untilEnded(bench, from + MEASURED)
  return costOf(before, await bench.metered(), MEASURED)
}
