/** What a call costs, in every dimension that a provider may limit. */

/** Calls; tokens as the provider counts them together; tokens of input and of output where it counts them apart. */
export const DIMENSIONS = ['requests', 'tokens', 'input', 'output'] as const
export type Dimension = (typeof DIMENSIONS)[number]
export type Cost = Readonly<Record<Dimension, number>>
/** Amounts in a window; absent: not limited, or not counted. */
export type Limits = Readonly<Partial<Record<Dimension, number>>>

export const each = (of: (d: Dimension) => number): Cost => ({
  requests: of('requests'),
  tokens: of('tokens'),
  input: of('input'),
  output: of('output'),
})

export const NOTHING: Cost = each(() => 0)
export const plus = (a: Cost, b: Cost): Cost => each((d) => a[d] + b[d])
export const times = (a: Cost, n: number): Cost => each((d) => a[d] * n)
export const least = (a: Cost, b: Cost): Cost => each((d) => Math.min(a[d], b[d]))
export const atLeast = (a: Cost, floor: number): Cost => each((d) => Math.max(a[d], floor))
export const minus = (a: Cost, b: Cost): Cost => each((d) => a[d] - b[d])
export const negative = (cost: Cost): Cost => minus(NOTHING, cost)
export const sameCost = (a: Cost, b: Cost): boolean => DIMENSIONS.every((d) => a[d] === b[d])
export const within = (cost: Cost, limits: Limits): Cost => each((d) => Math.min(cost[d], limits[d] ?? Infinity))

/** The first dimension in which a limit excludes the cost for ever. */
export const exceeding = (cost: Cost, limits: Limits): Dimension | undefined =>
  DIMENSIONS.find((d) => cost[d] > (limits[d] ?? Infinity))
