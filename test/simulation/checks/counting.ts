/** What a call counts for at its provider, as the documents of each say: on arrival, and once it is answered. */
import type { PoolSettings } from '../../../core/settings.ts'
import type { ModelRequest } from '../../../services/ports.ts'
import type { ProviderAnswer } from '../ports.ts'
import type { Scenario } from '../scenario.ts'
import type { PersonsCall } from './check.ts'

export interface Amounts {
  readonly tokens: number
  readonly input: number
  readonly output: number
}
/** What a call weighs, from when it arrives and from when it is answered. */
export interface Weighed {
  readonly at: number
  readonly arriving: Amounts
  readonly answered: { readonly from: number; readonly amounts: Amounts }
}
export interface Counted extends Weighed {
  readonly outside: boolean
}
export interface Meter {
  readonly what: string
  readonly limit: number
  readonly windowMs: number
  readonly of: (call: Counted, now: number) => number
}

export const amount = ({ arriving, answered }: Weighed, now: number): Amounts =>
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

type Asked = Pick<ModelRequest, 'pool' | 'system' | 'prompt' | 'maxOutputTokens'>
export interface Call {
  readonly at: number
  readonly request: Asked
  readonly said: Pick<ProviderAnswer, 'answer' | 'afterMs'>
}

const settles = ({ accounting }: PoolSettings): boolean => accounting === 'anthropic' || accounting === 'bedrock'

/** All the output that may come is reserved, and the input: where that is not learned, as it is estimated. */
export const countedAs = (call: Call, learns: boolean): Weighed =>
  counted(call, learns && settles(call.request.pool) ? BYTES.found : BYTES.reserved)

/** As the provider counts it, which knows how many tokens there are. */
export const foundAs = (call: Call): Weighed => counted(call, BYTES.found)
export const foundOnArrival = (request: Asked): Amounts => onArrival(request, BYTES.found)

function onArrival({ pool, system = '', prompt, maxOutputTokens }: Asked, perToken: number): Amounts {
  return amountsOf(pool, Math.ceil(Buffer.byteLength(`${system}${prompt}`) / perToken), maxOutputTokens)
}

function counted({ at, request, said }: Call, perToken: number): Weighed {
  const arriving = onArrival(request, perToken)
  const { inputTokens, cacheReadTokens = 0, outputTokens } = 'usage' in said.answer ? said.answer.usage : {}
  if (!settles(request.pool) || inputTokens === undefined || outputTokens === undefined)
    return { at, arriving, answered: { from: at, amounts: arriving } }
  const amounts = amountsOf(request.pool, inputTokens - cacheReadTokens, outputTokens)
  return { at, arriving, answered: { from: at + said.afterMs, amounts } }
}

/** A person's. */
export function callOf(pool: PoolSettings, { at, asked, used, afterMs }: PersonsCall): Call {
  const said = { answer: { kind: 'text', usage: used } as Call['said']['answer'], afterMs }
  const prompt = 'x'.repeat(BYTES.reserved * asked.inputTokens)
  return { at, request: { pool, prompt, maxOutputTokens: asked.maxOutputTokens }, said }
}

/** Bedrock's burndown shows in the end; whoever reserves for less has too much when the answers come. */
function amountsOf({ accounting, burndown = 1 }: PoolSettings, input: number, output: number): Amounts {
  if (accounting === 'openai') return { tokens: Math.max(input, output), input, output }
  return { tokens: input + output * (accounting === 'bedrock' ? burndown : 1), input, output }
}
