/** What a call counts for at its provider, as the documents of each say: on arrival, and once it is answered. */
import type { PoolSettings } from '../../../core/settings.ts'
import type { Scenario } from '../scenario.ts'
import type { Arrival } from './check.ts'

interface Amounts {
  readonly tokens: number
  readonly input: number
  readonly output: number
}
export interface Counted {
  readonly at: number
  readonly arriving: Amounts
  readonly answered: { readonly from: number; readonly amounts: Amounts }
  readonly outside: boolean
}
export interface Meter {
  readonly what: string
  readonly limit: number
  readonly windowMs: number
  readonly of: (call: Counted, now: number) => number
}

const amount = ({ arriving, answered }: Counted, now: number): Amounts =>
  now >= answered.from ? answered.amounts : arriving

export function metersOf({ windowMs, day, ...p }: PoolSettings): Meter[] {
  const one = () => 1
  const meter = (what: string, limit: number | undefined, ms: number | undefined, of: Meter['of']): Meter[] =>
    limit === undefined || ms === undefined ? [] : [{ what, limit, windowMs: ms, of }]
  return [
    ...meter('calls', p.requests, windowMs, one),
    ...meter('tokens', p.tokens, windowMs, (call, now) => amount(call, now).tokens),
    ...meter('tokens of input', p.inputTokens, windowMs, (call, now) => amount(call, now).input),
    ...meter('tokens of output', p.outputTokens, windowMs, (call, now) => amount(call, now).output),
    ...meter('calls', day?.requests, day?.windowMs, one),
    ...meter('tokens', day?.tokens, day?.windowMs, (call, now) => amount(call, now).tokens),
  ]
}

/** Whoever does not know better reserves a token for three bytes; the provider finds one in four. */
const BYTES = { reserved: 3, found: 4 } as const
/** So many jobs teach what their inputs come to. */
export const learnsInput = ({ short, crowd }: Scenario): boolean => short > 0 || crowd

/** All the output that may come is reserved, and the input: where that is not learned, as it is estimated. */
export function countedAs({ at, request, said }: Arrival, learns: boolean): Omit<Counted, 'outside'> {
  const settles = request.pool.accounting === 'anthropic' || request.pool.accounting === 'bedrock'
  const perToken = learns && settles ? BYTES.found : BYTES.reserved
  const input = Math.ceil(Buffer.byteLength(`${request.system ?? ''}${request.prompt}`) / perToken)
  const arriving = amountsOf(request.pool, input, request.maxOutputTokens)
  const { inputTokens, cacheReadTokens = 0, outputTokens } = 'usage' in said.answer ? said.answer.usage : {}
  if (!settles || inputTokens === undefined || outputTokens === undefined)
    return { at, arriving, answered: { from: at, amounts: arriving } }
  const amounts = amountsOf(request.pool, inputTokens - cacheReadTokens, outputTokens)
  return { at, arriving, answered: { from: at + said.afterMs, amounts } }
}

/** Bedrock's burndown shows in the end; whoever reserves for less has too much when the answers come. */
function amountsOf({ accounting, burndown = 1 }: PoolSettings, input: number, output: number): Amounts {
  if (accounting === 'openai') return { tokens: Math.max(input, output), input, output }
  return { tokens: input + output * (accounting === 'bedrock' ? burndown : 1), input, output }
}
