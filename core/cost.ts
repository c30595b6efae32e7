/** What a call costs, in every dimension that a provider may limit. */

/** Calls; tokens as the provider counts them together; tokens of input and of output where it counts them apart. */
export const DIMENSIONS = ['requests', 'tokens', 'input', 'output'] as const
export type Dimension = (typeof DIMENSIONS)[number]
export type Cost = Readonly<Record<Dimension, number>>
/** Amounts in a window; absent: not limited, or not counted. */
export type Limits = Readonly<Partial<Record<Dimension, number>>>

const each = (of: (d: Dimension) => number): Cost => ({
  requests: of('requests'),
  tokens: of('tokens'),
  input: of('input'),
  output: of('output'),
})

export const NOTHING: Cost = each(() => 0)
export const minus = (a: Cost, b: Cost): Cost => each((d) => a[d] - b[d])
export const negative = (cost: Cost): Cost => minus(NOTHING, cost)
export const within = (cost: Cost, limits: Limits): Cost => each((d) => Math.min(cost[d], limits[d] ?? Infinity))

/** The first dimension in which a limit excludes the cost for ever. */
export const exceeding = (cost: Cost, limits: Limits): Dimension | undefined =>
  DIMENSIONS.find((d) => cost[d] > (limits[d] ?? Infinity))
