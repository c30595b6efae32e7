/** How long a simulated answer takes, from a uniform number in [0, 1), and a seeded source of such numbers. */

/** A few hundred tokens out of a small hosted model take about this long; a third of calls lie outside 1 to 3 s. */
const MEDIAN_MS = 1_700
/** Of the logarithm. */
const SPREAD = 0.5
/** The network there and back; and a tail that does not outlast a job's usual timeout. */
const SHORTEST_MS = 300
const LONGEST_MS = 15_000

/** Nearly lognormal: the logistic quantile divided by 1.702 is within 0.01 of the normal distribution's. */
export function usualLatencyMs(random01: number): number {
  const z = Math.log(random01 / (1 - random01)) / 1.702
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, MEDIAN_MS * Math.exp(SPREAD * z)))
}

/** mulberry32: the same numbers for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
