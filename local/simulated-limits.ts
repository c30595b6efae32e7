/** What the simulated provider enforces for a pool: its limits, counted as the provider does that it stands in for. */
import { rulesFor } from '../core/accounting.ts'
import type { PoolSettings } from '../core/settings.ts'
import type { Limits } from './simulated-provider/window.ts'

export function limitsOf(pool: PoolSettings, models: readonly string[]): Limits {
  const { windowMs, requests, tokens, inputTokens, outputTokens, day, concurrency } = pool
  // One burndown for all of them: the least, for what it counts less the ledger only keeps free.
  const rules = models.map((model) => rulesFor(pool, model))
  const { accounting: counting } = rulesFor(pool, '')
  const burndown = rules.length > 0 ? Math.min(...rules.map((r) => r.burndown)) : 1
  const limits = { requests, tokens, inputTokens, outputTokens, concurrency }
  return {
    windowMs,
    counting,
    burndown,
    ...known(limits),
    ...(day ? { day: { windowMs: day.windowMs, ...known({ requests: day.requests, tokens: day.tokens }) } } : {}),
  }
}

const known = (limits: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(limits).flatMap(([name, limit]) => (limit === undefined ? [] : [[name, limit]])))
