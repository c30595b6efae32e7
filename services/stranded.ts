/**
 * Jobs that today's configuration has no place for: of a pool that it names no more, which no dispatcher looks at, or of a
 * kind that it has removed or moved to another pool, which a worker would fail. Read at a start and now and then, never in
 * a job's way: it costs what the lanes hold.
 */
import { TIERS, type Tier } from '../core/job.ts'
import { laneOf } from '../core/lane.ts'
import { configured } from './configured.ts'
import type { Deps } from './deps.ts'
import { inBatches, LANES_AT_ONCE } from './in-batches.ts'

/** What a configuration has a place for: pools, and kinds with the pool of each. */
interface Places {
  readonly pools: Readonly<Record<string, unknown>>
  readonly kinds: Readonly<Record<string, { readonly pool: string }>>
}
type Tables = Pick<Deps, 'jobs' | 'rings'>
/** Jobs of a kind in a lane's tier. */
export interface Stranded {
  readonly pool: string
  readonly tier: Tier
  readonly kind: string
  readonly jobs: number
  /** The lane has more than was looked at. */
  readonly more: boolean
}

const LOOKED_AT_IN_A_LANE = 1_000
const BELLS_LOOKED_AT = 1_000

/** `pools`: only of these; else of every pool with live work. */
export const stranded = (
  deps: Tables & { readonly settings: Places },
  pools?: readonly string[],
): Promise<Stranded[]> => standing(deps, (pool, kind) => !hasPlace(deps.settings, pool, kind), pools)

/** Queued and running jobs of such kinds. */
export async function standing(deps: Tables, which: Which, pools?: readonly string[]): Promise<Stranded[]> {
  const found = await Promise.all((pools ?? (await deps.rings.pools())).map((pool) => standingIn(deps, pool, which)))
  return found.flat()
}
type Which = (pool: string, kind: string) => boolean

/** Of the pools that the configuration does not name. */
export const poolsRemoved = async (deps: Tables & { readonly settings: Places }): Promise<string[]> =>
  (await deps.rings.pools()).filter((pool) => !configured(deps.settings.pools, pool))

async function standingIn(deps: Tables, pool: string, which: Which): Promise<Stranded[]> {
  const all: Stranded[] = []
  const lanes = (await ownersOf(deps, pool)).flatMap((owner) => TIERS.map((tier) => ({ owner, tier })))
  await inBatches(lanes, LANES_AT_ONCE, async ({ owner, tier }) => {
    const lane = laneOf({ pool, tier, owner })
    const { records, more } = await deps.jobs.lane({ lane, limit: LOOKED_AT_IN_A_LANE })
    for (const { kind } of records) if (which(pool, kind)) all.push({ pool, tier, kind, jobs: 1, more })
  })
  return summed(all)
}

/** Those noted, and those whose first bell nobody has read yet. */
async function ownersOf({ rings }: Tables, pool: string): Promise<string[]> {
  const [noted, { bells }] = await Promise.all([rings.owners({ pool }), rings.bells({ pool, limit: BELLS_LOOKED_AT })])
  const rung = bells.flatMap((bell) =>
    bell.t === 'entered' ? [bell.owner] : bell.t === 'came' ? bell.jobs.map((j) => j.owner) : [],
  )
  return [...new Set([...noted.map((o) => o.owner), ...rung])]
}

export const hasPlace = ({ pools, kinds }: Places, pool: string, kind: string): boolean =>
  configured(pools, pool) !== undefined && configured(kinds, kind)?.pool === pool

function summed(all: readonly Stranded[]): Stranded[] {
  const sums = new Map<string, Stranded>()
  for (const one of all) {
    const id = `${one.tier} ${one.kind}`
    const { jobs = 0, more = false } = sums.get(id) ?? {}
    sums.set(id, { ...one, jobs: jobs + one.jobs, more: more || one.more })
  }
  return [...sums.values()]
}

/** What is wrong, in a line. */
export function strandedLine(settings: Places, { pool, tier, kind, jobs, more }: Stranded): string {
  const held = `the pool ${pool} still holds ${more ? 'at least ' : ''}${jobs} jobs of the kind ${kind} (tier ${tier})`
  const moved = configured(settings.kinds, kind)?.pool
  if (!configured(settings.pools, pool)) return `${held}, and the configuration has no such pool`
  return moved === undefined
    ? `${held}, and the configuration has no such kind`
    : `${held}, and the configuration has moved that kind to ${moved}`
}
