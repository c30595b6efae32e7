/**
 * How much people ask for, from what they asked for lately: calls begun in each of the last intervals, an interval being
 * about what it takes until more is in stock. Kept in stock is what one interval is likely to need at most: its mean and
 * two and a half standard deviations, as stock is kept for a demand that comes by chance (the newsvendor's base stock level;
 * Zipkin, Foundations of Inventory Management, 2000, section 6.2).
 */
import { type Cost, least, NOTHING, plus, times } from './cost.ts'

export interface Demand {
  /** Of the newest interval: epoch ms / INTERVAL_MS. */
  readonly latest: number
  /** Calls begun in each, the newest last. */
  readonly counts: readonly number[]
  /** Costs of the last calls together, and of how many. */
  readonly costs: Cost
  readonly calls: number
}

export const INTERVAL_MS = 200
/** A minute and a half. */
const INTERVALS = 450
const DEVIATIONS = 2.5
/** Costs of older calls weigh half as much after so many. */
const CALLS_REMEMBERED = 50

export const noDemand = (now: number): Demand => ({
  latest: Math.floor(now / INTERVAL_MS),
  counts: [0],
  costs: NOTHING,
  calls: 0,
})

/** With calls that were asked for since. */
export function withAsked(demand: Demand, asked: readonly { at: number; cost: Cost }[], now: number): Demand {
  const latest = Math.max(demand.latest, Math.floor(now / INTERVAL_MS))
  const fresh = new Array<number>(Math.min(INTERVALS, latest - demand.latest)).fill(0)
  const counts = demand.counts.concat(fresh).slice(-INTERVALS)
  let { costs, calls } = demand
  for (const { at, cost } of asked) {
    const i = counts.length - 1 - Math.max(0, latest - Math.floor(at / INTERVAL_MS))
    if (i >= 0) counts[i] = (counts[i] as number) + 1
    costs = plus(costs, cost)
    if (++calls === 2 * CALLS_REMEMBERED) [costs, calls] = [times(costs, 0.5), CALLS_REMEMBERED]
  }
  return { latest, counts, costs, calls }
}

/** Calls that one interval is likely to need at most; one where nothing is known. */
export function likelyCalls({ counts }: Demand): number {
  const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length
  const variance = counts.reduce((sum, n) => sum + (n - mean) ** 2, 0) / counts.length
  return Math.max(1, Math.ceil(mean + DEVIATIONS * Math.sqrt(variance)))
}

/** So many calls of the size that people asked for lately; of an even share of the limits where nobody has. */
export function stockFor(demand: Demand, calls: number, limits: Cost): Cost {
  const share = limits.requests === Infinity ? times(limits, 0) : times(limits, 1 / Math.max(1, limits.requests))
  const each = demand.calls > 0 ? times(demand.costs, 1 / demand.calls) : share
  const wanted = times({ ...each, requests: 1 }, calls)
  return least(
    { ...wanted, tokens: Math.ceil(wanted.tokens), input: Math.ceil(wanted.input), output: Math.ceil(wanted.output) },
    limits,
  )
}
