/**
 * The work that is measured with, from a seed: who asks for what, when. The shares are exact, not drawn, so that two
 * seeds differ in order alone.
 */
import { TIERS, type Tier } from '../core/job.ts'
import { randomFrom } from '../local/simulated-provider/latency.ts'

export interface Arrival {
  /** From the start of the trace. */
  readonly atMs: number
  readonly owner: string
  readonly tier: Tier
}
export interface WorkloadShape {
  readonly seed: number
  readonly jobs: number
  readonly owners: number
  /** Of all jobs, those of the first owner; the others have equally many each. */
  readonly bigOwnerShare: number
  readonly tierShares: Readonly<Record<Tier, number>>
  /** Of all jobs, those that come at the start. The rest comes at random moments of `spreadMs`. */
  readonly atOnceShare: number
  readonly spreadMs: number
}

/** A flood: most of it at once, most of it of one owner, most of it of the low tier. */
export const FLOOD: WorkloadShape = {
  seed: 3,
  jobs: 3_000,
  owners: 50,
  bigOwnerShare: 0.6,
  tierShares: { high: 0.2, medium: 0.3, low: 0.5 },
  atOnceShare: 2 / 3,
  spreadMs: 40_000,
}

export const BIG_OWNER = 'owner-0'

/** In order of time. */
export function workload(shape: WorkloadShape): Arrival[] {
  const random = randomFrom(shape.seed)
  const owners = shuffled(ownersOf(shape), random)
  const tiers = shuffled(tiersOf(shape), random)
  const times = timesOf(shape, random)
  return times.map((atMs, i) => ({ atMs, owner: owners[i] as string, tier: tiers[i] as Tier }))
}

function ownersOf({ jobs, owners, bigOwnerShare }: WorkloadShape): string[] {
  const big = owners === 1 ? jobs : Math.round(jobs * bigOwnerShare)
  return Array.from({ length: jobs }, (_, i) => (i < big ? BIG_OWNER : `owner-${1 + (i % (owners - 1))}`))
}

function tiersOf({ jobs, tierShares }: WorkloadShape): Tier[] {
  const high = Math.round(jobs * tierShares.high)
  const medium = Math.round(jobs * tierShares.medium)
  const counts = { high, medium, low: jobs - high - medium }
  return TIERS.flatMap((tier) => Array<Tier>(counts[tier]).fill(tier))
}

function timesOf({ jobs, atOnceShare, spreadMs }: WorkloadShape, random: () => number): number[] {
  const atOnce = Math.round(jobs * atOnceShare)
  const later = Array.from({ length: jobs - atOnce }, () => Math.ceil(random() * spreadMs)).sort((a, b) => a - b)
  return [...Array<number>(atOnce).fill(0), ...later]
}

/** Fisher and Yates. */
function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const kept = items[i] as T
    items[i] = items[j] as T
    items[j] = kept
  }
  return items
}
