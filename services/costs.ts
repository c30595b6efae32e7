/** What jobs cost in their pool, as its provider counts: reserved when they are permitted, and checked at the door. */
import { type Ask, type Rules, reserved, rulesFor } from '../core/accounting.ts'
import type { Head } from '../core/bell.ts'
import { type Cost, type Dimension, exceeding, within } from '../core/cost.ts'
import { limitsOnOne } from '../core/ledgers.ts'
import { callIn, type PoolSettings, type Settings } from '../core/settings.ts'

export interface Costing {
  readonly rulesOf: (head: Head) => Rules
  /** No more than the limits: a job that is above them for ever may not clog the line. Its worker fails it unasked. */
  readonly costOf: (head: Head) => Cost
}

export function costing({ kinds }: Settings, id: string, pool: PoolSettings): Costing {
  const limits = limitsOnOne(pool)
  const ofKind = new Map(
    Object.entries(kinds).flatMap(([kind, settings]) => {
      const call = callIn(settings, id)
      return call ? [[kind, rulesFor(pool, call.model)]] : []
    }),
  )
  const unknown = rulesFor(pool, '')
  const rulesOf = (head: Head) => ofKind.get(head.kind ?? '') ?? unknown
  return { rulesOf, costOf: (head) => within(reserved(rulesOf(head), askOf(head)), limits) }
}

/** Where older code did not tell them apart, all of it may be either. */
export const askOf = ({ tokens, inputTokens }: { tokens: number; inputTokens?: number | undefined }): Ask => ({
  input: inputTokens ?? tokens,
  output: tokens - (inputTokens ?? 0),
})

const UNITS: Readonly<Record<Dimension, string>> = {
  requests: 'calls',
  tokens: 'tokens',
  input: 'tokens of input',
  output: 'tokens of output',
}

/** How one job is larger than all that its pool allows, in words. */
export function tooLarge(pool: PoolSettings, model: string, ask: Ask): string | undefined {
  const cost = reserved(rulesFor(pool, model), ask)
  const limits = limitsOnOne(pool)
  const over = exceeding(cost, limits)
  return over && `it would take about ${cost[over]} ${UNITS[over]}, and ${limits[over]} are allowed`
}
