/** The truth about windows, counted over the list of calls: shares nothing with core/ledger.ts. */
export interface Call {
  readonly at: number
  readonly requests: number
  readonly tokens: number
}
type Dimension = 'requests' | 'tokens'

const inWindow = (calls: readonly Call[], end: number, ms: number, of: Dimension): number =>
  calls.reduce((sum, c) => (c.at > end - ms && c.at <= end ? sum + c[of] : sum), 0)

/** The most that any half-open window (t - ms, t] holds. It is reached at a t that is itself a call. */
export const fullestOf = (calls: readonly Call[], ms: number, of: Dimension): number =>
  Math.max(0, ...calls.map((c) => inWindow(calls, c.at, ms, of)))

/** Whether every window that contains the new call holds no more than the limits, the call included. */
export function isLegal(
  calls: readonly Call[],
  call: Call,
  p: { ms: number; requests: number; tokens?: number | undefined },
): boolean {
  const all = [...calls, call]
  const ends = all.map((c) => c.at).filter((at) => at >= call.at && at < call.at + p.ms)
  return ends.every(
    (end) =>
      inWindow(all, end, p.ms, 'requests') <= p.requests &&
      (p.tokens === undefined || inWindow(all, end, p.ms, 'tokens') <= p.tokens),
  )
}
