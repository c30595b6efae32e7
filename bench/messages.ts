/**
 * What workers cost. A worker's function runs from its first claim until its slowest call has settled, and is billed for
 * that time by its memory; so the more jobs share a message, the less a call costs, as long as none takes very long.
 */

/** One call's time at its worker: from asking for the claim until its end was written. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** As lib/service-stack.ts deploys the worker. */
const WORKER_GB = 0.5

/** Of invocations that lasted this long each, divided by the calls they made. */
export const gbSecondsPerCall = (invocations: readonly Span[], calls: number): number =>
  (invocations.reduce((ms, { from, to }) => ms + (to - from), 0) / 1000 / calls) * WORKER_GB

/**
 * A model, for sizes of message that the product does not send: the measured calls in the order of their starts, in full
 * messages of this size. Each begins with its first call and ends with its last.
 */
export function grouped(spans: readonly Span[], size: number): Span[] {
  const inOrder = [...spans].sort((a, b) => a.from - b.from)
  const groups: Span[] = []
  for (let i = 0; i < inOrder.length; i += size) {
    const group = inOrder.slice(i, i + size)
    groups.push({ from: (group[0] as Span).from, to: Math.max(...group.map((s) => s.to)) })
  }
  return groups
}
