/**
 * How often dispatchers look for bells once faults have stopped. Two thirds of all looks come then, and find nothing:
 * mostly they are rarer there, so that a third more schedules are run in the same time, with as many faults in them.
 */
import { POLL_MS } from '../../services/dispatch/run.ts'
import { Stream } from './random.ts'
import type { Scenario } from './scenario.ts'

const CALM_LOOKS_MS = [POLL_MS, 500, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000]

/** In ms. As ever where people wait in line, and where what follows weather or a restore is held to bounds in time. */
export function calmLookOf({ seed, weather, restore, settings }: Scenario): number {
  const asEver = weather || restore || Object.values(settings.pools).some((pool) => pool.people)
  return asEver ? POLL_MS : new Stream(seed, 'calm looks').pick(CALM_LOOKS_MS)
}
