/** How long calls take, and what of many times is told: a lognormal by two of its percentiles, and percentiles. */

export interface Lognormal {
  readonly p50Ms: number
  readonly p99Ms: number
  /** Longer ones are cut to this, so that no usual call meets its timeout. */
  readonly atMostMs: number
}

/** Of the standard normal distribution. */
const Z99 = 2.326_347_874

/** A source of times from a source of uniform numbers in [0, 1). */
export function lognormal(p: Lognormal, random: () => number): () => number {
  const mu = Math.log(p.p50Ms)
  const sigma = Math.log(p.p99Ms / p.p50Ms) / Z99
  return () => Math.min(p.atMostMs, Math.exp(mu + sigma * normal(random)))
}

/** Box and Muller's: exact in the tail, where the p99 is. */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** The least value that so much of them do not exceed (nearest rank); NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Moments at which so many things a minute come, each independently of the others, in ms from the start. */
export function arrivals(p: { perMinute: number; minutes: number }, random: () => number): number[] {
  const at: number[] = []
  for (let t = 0; at.length < p.perMinute * p.minutes; )
    at.push((t += (-Math.log(1 - random()) * 60_000) / p.perMinute))
  return at
}
