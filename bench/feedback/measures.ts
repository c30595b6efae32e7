/** What of a limit that changes could be used, and when a system has found to it. Moments in ms. */

/** So much of what is left is used, and no more of the calls refused, once a system has settled. */
const USED_AT_LEAST = 0.9
const REFUSED_AT_MOST = 0.01
const STEP_MS = 1_000

export interface Phase {
  readonly admitted: readonly number[]
  readonly refused: readonly number[]
  readonly from: number
  readonly to: number
  /** Calls that are left for it in a window. */
  readonly left: number
  readonly windowMs: number
}

const within = (moments: readonly number[], from: number, to: number): number =>
  moments.filter((at) => at > from && at <= to).length

/** Seconds until the window is used, and stays so to the end of the phase with hardly a refusal; all of it, if never. */
export function settledS({ admitted, refused, from, to, left, windowMs }: Phase): number {
  let settled = to
  for (let at = to; at >= from; at -= STEP_MS) {
    const refusals = within(refused, at, to)
    const calls = within(admitted, at, to) + refusals
    if (within(admitted, at - windowMs, at) < USED_AT_LEAST * left || refusals > REFUSED_AT_MOST * calls) break
    settled = at
  }
  return (settled - from) / 1_000
}

/** The most that a sliding window lets through, by somebody who takes every place as soon as it is there. */
export function available(p: {
  readonly limits: readonly { readonly from: number; readonly left: number }[]
  readonly from: number
  readonly to: number
  readonly windowMs: number
}): number {
  const taken: number[] = []
  let first = 0
  // Evenly, as nobody knows what comes: from a full window on.
  const even = p.windowMs / (p.limits[0]?.left ?? 1)
  for (let at = p.from - p.windowMs; at < p.from; at += even) taken.push(at)
  const before = taken.length
  for (let at = p.from; at < p.to; at++) {
    while ((taken[first] ?? Infinity) <= at - p.windowMs) first++
    const left = p.limits.findLast((limit) => limit.from <= at)?.left ?? 0
    while (taken.length - first < left) taken.push(at)
  }
  return taken.length - before
}
