/** Percentiles and Jain's index. */

/** Nearest rank: the least value that at least this share of the values does not exceed. NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/**
 * Jain's index of equally entitled shares: 1 when all are equal, 1/n when one has everything (Jain, Chiu and Hawe,
 * DEC-TR-301, 1984).
 */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0)
  const squares = shares.reduce((a, b) => a + b * b, 0)
  return squares === 0 ? 1 : sum ** 2 / (shares.length * squares)
}

/** The most of these times (ascending) in any half-open window (t - windowMs, t]. */
export function worstWindow(times: readonly number[], windowMs: number): number {
  let worst = 0
  let first = 0
  times.forEach((at, last) => {
    while ((times[first] as number) <= at - windowMs) first++
    worst = Math.max(worst, last - first + 1)
  })
  return worst
}
