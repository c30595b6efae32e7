/** The truth about windows, counted over the list of calls: shares nothing with core/ledger.ts. */
const COUNTED = ['requests', 'tokens', 'input', 'output'] as const
type Counted = (typeof COUNTED)[number]

export interface Call extends Readonly<Record<Counted, number>> {
  readonly at: number
}
/** What a window of so many ms may hold; what is absent is not limited. */
export interface Bound {
  readonly ms: number
  readonly limits: Readonly<Partial<Record<Counted, number | undefined>>>
}

const inWindow = (calls: readonly Call[], end: number, ms: number, of: Counted): number =>
  calls.reduce((sum, c) => (c.at > end - ms && c.at <= end ? sum + c[of] : sum), 0)

/** The most that any half-open window (t - ms, t] holds. It is reached at a t that is itself a call. */
export const fullestOf = (calls: readonly Call[], ms: number, of: Counted): number =>
  Math.max(0, ...calls.map((c) => inWindow(calls, c.at, ms, of)))

/** What some window holds too much of. */
export const exceeded = (calls: readonly Call[], { ms, limits }: Bound): Counted[] =>
  COUNTED.filter((of) => limits[of] !== undefined && fullestOf(calls, ms, of) > limits[of])

/** Whether every window that contains the new call holds no more than the limits, the call included. */
export function isLegal(calls: readonly Call[], call: Call, { ms, limits }: Bound): boolean {
  const all = [...calls, call]
  const ends = all.map((c) => c.at).filter((at) => at >= call.at && at < call.at + ms)
  return COUNTED.every((of) => ends.every((end) => inWindow(all, end, ms, of) <= (limits[of] ?? Infinity)))
}

interface Ledger {
  readonly shape: { readonly bucketMs: number; readonly buckets: number; readonly limits: Bound['limits'] }
}
export const boundOf = ({ shape }: Ledger): Bound => ({ ms: shape.buckets * shape.bucketMs, limits: shape.limits })

/** A call as a ledger knows it: at its next stamp. */
const stamped = <T extends Call>(call: T, { shape }: Ledger): T => ({
  ...call,
  at: Math.ceil(call.at / shape.bucketMs) * shape.bucketMs,
})
const countedBy = (calls: readonly Call[], ledger: Ledger): Call[] => calls.map((c) => stamped(c, ledger))

export interface Ledgers {
  readonly window: Ledger
  readonly day?: Ledger
}
const all = ({ window, day }: Ledgers): Ledger[] => (day ? [window, day] : [window])

/** The same by every ledger's own stamps and limits. */
export const exceededInAny = (calls: readonly Call[], ledgers: Ledgers): string[] =>
  all(ledgers).flatMap((ledger) => exceeded(countedBy(calls, ledger), boundOf(ledger)))
export const isLegalInAll = (calls: readonly Call[], call: Call, ledgers: Ledgers): boolean =>
  all(ledgers).every((ledger) => isLegal(countedBy(calls, ledger), stamped(call, ledger), boundOf(ledger)))
