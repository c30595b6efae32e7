/**
 * The dispatcher function. The schedule starts it for every pool, a writer that found nobody listening for one; who
 * already holds a pool's lease keeps it, and this one goes.
 */
import type { Context } from 'aws-lambda'
import { run } from '../services/dispatch/run.ts'
import { fromEnvironment } from './shared/compose.ts'
import type { Use } from './shared/deps.ts'
import { type Wrapped, wrap } from './shared/wrap.ts'

/** Time kept for the last tick and for handing over. */
const HAND_OVER_MS = 30_000

export type DispatchEvent = { readonly pool?: string }
export type DispatchResult = Record<string, string>

export const dispatcherHandler = (use: Use, signal?: AbortSignal): Wrapped<DispatchEvent, DispatchResult> =>
  wrap(async (event: DispatchEvent, context: Context) => {
    const deps = use()
    const until = deps.clock.now() + context.getRemainingTimeInMillis() - HAND_OVER_MS
    const known = Object.keys(deps.settings.pools)
    const pools = event.pool === undefined ? known : known.filter((pool) => pool === event.pool)
    const one = async (pool: string) => [pool, await run(deps, { pool, until, ...(signal ? { signal } : {}) })] as const
    const runs = pools.map(one)
    // Failing at once would freeze the other pools' runs with the leases that they hold: each comes to its end first.
    await Promise.allSettled(runs)
    return Object.fromEntries(await Promise.all(runs))
  })

export const handler: Wrapped<DispatchEvent, DispatchResult> = dispatcherHandler(fromEnvironment)
