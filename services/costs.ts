/** What jobs cost in their pool, as its provider counts: reserved when they are permitted, and checked at the door. */
import { type Ask, type Rules, reserved, rulesFor, settles } from '../core/accounting.ts'
import type { Head } from '../core/bell.ts'
import { capsTokens } from '../core/caps.ts'
import { type Cost, type Dimension, exceeding, type Limits, within } from '../core/cost.ts'
import { type Learned, shareOf } from '../core/learned.ts'
import { countsTokens, limitsOnOne } from '../core/ledgers.ts'
import { type Caps, callIn, type PoolSettings, type Settings } from '../core/settings.ts'

export interface Costing {
  readonly rulesOf: (head: Head) => Rules
  /** No more than the limits: a job that is above them for ever may not clog the line. Its worker fails it unasked. */
  readonly costOf: (head: Head) => Cost
  /** The same, were nothing learned. */
  readonly wholeCostOf: (head: Head) => Cost
  /** Tokens of output that are reserved, where its kind's answers were seen to need fewer than are allowed. */
  readonly outputOf: (head: Head) => number | undefined
  /** Whether what its answers use is of any use. */
  readonly learns: (kind: string) => boolean
  /** The same of its input. */
  readonly learnsInput: (head: Head) => boolean
}

interface Costed {
  readonly id: string
  readonly pool: PoolSettings
  /** Of kinds there, as far as they are known at the moment of asking. */
  readonly learned: Learned
}

export function costing({ kinds }: Settings, { id, pool, learned }: Costed): Costing {
  const limits = limitsOnOne(pool)
  const called = Object.entries(kinds).flatMap(([name, kind]) => {
    const call = callIn(kind, id)
    return call ? [{ name, kind, model: call.model }] : []
  })
  const learning = called.filter(({ kind }) => countsTokens(pool) && kind.reserve === 'learned').map(({ name }) => name)
  const learns = (kind: string) => learning.includes(kind)
  const ofKind = new Map(called.map(({ name, model }) => [name, rulesFor(pool, model)]))
  const unknown = rulesFor(pool, '')
  const rulesOf = (head: Head) => ofKind.get(head.kind ?? '') ?? unknown
  const outputOf = ({ kind = '', whole, ...head }: Head) => {
    const enough = whole || !learns(kind) ? undefined : learned.lengths.get(kind)?.enough
    return enough !== undefined && enough < askOf(head).output ? enough : undefined
  }
  const askOfCall = (head: Head): Ask => {
    const { input, output } = askOf(head)
    return { input: Math.ceil(input * inputShareOf(head)), output: outputOf(head) ?? output }
  }
  // Nothing keeps an input as short as was learned: only where what is longer is counted once it is settled. And older
  // code did not tell input apart when it estimated.
  const learnsInput = (head: Head) =>
    head.inputTokens !== undefined && learns(head.kind ?? '') && settles(rulesOf(head).accounting)
  const inputShareOf = (head: Head) => (learnsInput(head) ? shareOf(learned.inputs.get(head.kind ?? '')) : 1)
  const cost = (head: Head, ask: Ask) => within(reserved(rulesOf(head), ask), limits)
  const costOf = (head: Head) => cost(head, askOfCall(head))
  return { rulesOf, outputOf, learns, learnsInput, costOf, wholeCostOf: (head) => cost(head, askOf(head)) }
}

/** Where older code did not tell them apart, all of it may be either. */
export const askOf = ({ tokens, inputTokens }: { tokens: number; inputTokens?: number | undefined }): Ask => ({
  input: inputTokens ?? tokens,
  output: tokens - (inputTokens ?? 0),
})

/** Whether what calls use is of any use to the pool's dispatcher: else its bells need not carry it. */
export const usesUsage = (settings: Settings, id: string, pool: PoolSettings): boolean =>
  countsTokens(pool) || pool.share === 'tokens' || capsTokens(settings, id)

const UNITS: Readonly<Record<Dimension, string>> = {
  requests: 'calls',
  tokens: 'tokens',
  input: 'tokens of input',
  output: 'tokens of output',
}

/** How one job is larger than all that its pool allows, in words. */
export const tooLarge = (pool: PoolSettings, model: string, ask: Ask): string | undefined =>
  larger(reserved(rulesFor(pool, model), ask), limitsOnOne(pool))

/** The same of what its owner may have there. */
export const largerThanCaps = (pool: PoolSettings, model: string, ask: Ask, caps: Caps): string | undefined =>
  larger(reserved(rulesFor(pool, model), ask), limitsOnOne(caps))

function larger(cost: Cost, limits: Limits): string | undefined {
  const over = exceeding(cost, limits)
  return over && `it would take about ${cost[over]} ${UNITS[over]}, and ${limits[over]} are allowed`
}
