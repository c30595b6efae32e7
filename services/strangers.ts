/** Others on a pool's quota, in words. */
import { DIMENSIONS, type Dimension } from '../core/cost.ts'
import type { Overview } from '../core/overview.ts'

const UNITS: Readonly<Record<Dimension, string>> = {
  requests: '',
  tokens: ' tokens',
  input: ' tokens of input',
  output: ' tokens of output',
}
const MINUTE_MS = 60_000

/** What somebody takes of each limit, in a minute. */
export function perMinute({ provider, windowMs }: Overview): Partial<Record<Dimension, number>> {
  const taken = DIMENSIONS.flatMap((d) => {
    const others = provider?.allows[d]?.others ?? 0
    return others > 0 ? [[d, Math.round((others * MINUTE_MS) / windowMs)]] : []
  })
  return Object.fromEntries(taken)
}

export function strangersIn(overview: Overview | undefined): string | undefined {
  const taken = Object.entries(overview ? perMinute(overview) : {})
  if (taken.length === 0) return undefined
  return `Another user takes about ${taken.map(([d, n]) => `${n}${UNITS[d as Dimension]}`).join(' and ')} a minute.`
}
