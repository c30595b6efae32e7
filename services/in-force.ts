/** A pool's settings as they are in force: the configuration's, and over them what was changed while it runs. */
import { type InForce, inForce, NO_OVERRIDES, type Overrides } from '../core/overrides.ts'
import type { PoolSettings } from '../core/settings.ts'
import type { Deps } from './deps.ts'

type Uses = Pick<Deps, 'settings' | 'capacity' | 'clock' | 'meter'>
interface Copy {
  readonly at: number
  readonly found: InForce
}
const copies = new WeakMap<Deps['capacity'], Map<string, Copy>>()

/** As the table says now. The pool is one that the configuration names. */
export async function readInForce(deps: Uses, pool: string): Promise<InForce> {
  const at = deps.clock.now()
  return known(deps, pool, { overrides: await deps.capacity.overrides({ pool }), at })
}

/** What this process knows from now on. */
export function known(deps: Uses, pool: string, { overrides, at }: { overrides: Overrides; at: number }): InForce {
  const found = inForce(deps.settings.pools[pool] as PoolSettings, overrides)
  if (found.ignored.length > 0) deps.meter.count('SettingsIgnored', found.ignored.length, { pool })
  const pools = copies.get(deps.capacity) ?? new Map<string, Copy>()
  copies.set(deps.capacity, pools)
  pools.set(pool, { at, found })
  return found
}

/** How old a copy the API may go by, at the door. */
export const GOOD_FOR_MS = 5_000

/** At most so old: for what is decided at the door. What is promised of limits does not hang on it. */
export async function recentInForce(deps: Uses, pool: string): Promise<PoolSettings> {
  const copy = copies.get(deps.capacity)?.get(pool)
  const isGood = copy && Math.abs(deps.clock.now() - copy.at) < GOOD_FOR_MS
  return (isGood ? copy.found : await readInForce(deps, pool)).settings
}

/** At least as new as what the dispatcher planned with: read only where it is newer than what this process knows. */
export async function inForceSince(deps: Uses, pool: string, version: number): Promise<PoolSettings | undefined> {
  const file = deps.settings.pools[pool]
  if (!file || version === NO_OVERRIDES.version) return file
  const copy = copies.get(deps.capacity)?.get(pool)?.found
  const isNew = copy && copy.overrides.version >= version
  return (isNew ? copy : await readInForce(deps, pool)).settings
}
