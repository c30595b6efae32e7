/**
 * The dispatcher function. The schedule starts it for every pool, a writer that found nobody listening for one; who
 * already holds a pool's lease keeps it, and this one goes.
 */
import type { Context } from 'aws-lambda'
import { tellBroken } from '../services/broken.ts'
import { run } from '../services/dispatch/run.ts'
import { poolsRemoved, stranded, strandedLine } from '../services/stranded.ts'
import { fromEnvironment } from './shared/compose.ts'
import type { Use } from './shared/deps.ts'
import { logger, type Wrapped, wrap } from './shared/wrap.ts'

/** Time kept for the last tick and for handing over. */
const HAND_OVER_MS = 30_000

export type DispatchEvent = { readonly pool?: string }
export type DispatchResult = Record<string, string>

/** So often a process looks for work of pools that the configuration does not name: it waits for ever, and is alarmed. */
const LOOK_EVERY_MS = 600_000

function lookForStranded(use: Use): () => Promise<void> {
  let dueAt = 0
  return async () => {
    const deps = use()
    const now = deps.clock.now()
    if (now < dueAt) return
    dueAt = now + LOOK_EVERY_MS
    for (const one of await stranded(deps, await poolsRemoved(deps))) {
      deps.meter.count('JobsStranded', one.jobs)
      logger.error(strandedLine(deps.settings, one))
    }
  }
}

export function dispatcherHandler(use: Use, signal?: AbortSignal): Wrapped<DispatchEvent, DispatchResult> {
  const look = lookForStranded(use)
  return wrap(async (event: DispatchEvent, context: Context) => {
    const deps = use()
    const until = deps.clock.now() + context.getRemainingTimeInMillis() - HAND_OVER_MS
    const known = Object.keys(deps.settings.pools)
    const pools = event.pool === undefined ? known : known.filter((pool) => pool === event.pool)
    const one = async (pool: string) => [pool, await run(deps, { pool, until, ...(signal ? { signal } : {}) })] as const
    const runs = pools.map(one)
    // No pool that is configured waits for it, or fails with it.
    const looked =
      event.pool === undefined
        ? look().catch((e: unknown) => tellBroken(deps, 'TicksFailed', e, { step: 'stranded' }))
        : undefined
    // Failing at once would freeze the other pools' runs with the leases that they hold: each comes to its end first.
    await Promise.allSettled([...runs, looked])
    return Object.fromEntries(await Promise.all(runs))
  })
}

export const handler: Wrapped<DispatchEvent, DispatchResult> = dispatcherHandler(fromEnvironment)
