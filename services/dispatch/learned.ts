/** How large a kind's calls are: heard of by bells, kept in the ledger's record, shown in the overview. */
import type { Settled } from '../../core/bell.ts'
import {
  type KeptLengths,
  keptOf,
  type Learned,
  type Lengths,
  NO_LENGTHS,
  recalled,
  shareOf,
  withInput,
  withLength,
} from '../../core/learned.ts'
import type { LedgerRecord } from '../../core/ledger-record.ts'
import type { Overview } from '../../core/overview.ts'
import type { Sent } from '../../core/ring.ts'
import { askOf } from '../costs.ts'
import type { Holder } from './holder.ts'

export function hearSizes(h: Holder, { head, cost }: Sent, { usage, most, failed }: Settled): void {
  const { kind = '' } = head
  if (!h.costing.learns(kind) || failed !== undefined || !usage) return
  const { inputTokens, outputTokens } = usage
  if (inputTokens !== undefined && h.costing.learnsInput(head))
    amend(h.learned.inputs, kind, (known) => withInput(known, inputTokens, askOf(head).input))
  // An answer that was cut short teaches nothing: it is heard of when it has been asked for whole.
  if (outputTokens === undefined || most === undefined || (outputTokens >= most && most < askOf(head).output)) return
  amend(h.learned.lengths, kind, (known) => withLength(known, outputTokens))
  if (cost) h.recovered += h.costing.wholeCostOf(head).tokens - cost.tokens
}

const amend = (of: Map<string, Lengths>, kind: string, change: (known: Lengths) => Lengths) =>
  of.set(kind, change(of.get(kind) ?? NO_LENGTHS))

const mapped = <A, B>(of: Iterable<readonly [string, A]>, to: (from: A) => B): [string, B][] =>
  [...of].map(([kind, from]) => [kind, to(from)])

export const recalledLearned = ({ lengths = {}, inputs = {} }: LedgerRecord): Holder['learned'] => ({
  lengths: new Map(mapped(Object.entries(lengths), recalled)),
  inputs: new Map(mapped(Object.entries(inputs), recalled)),
})

export function keptLearned({ learned }: Holder): Partial<Record<keyof Learned, Record<string, KeptLengths>>> {
  const kept = Object.entries(learned).filter(([, of]) => of.size > 0)
  return Object.fromEntries(kept.map(([name, of]) => [name, Object.fromEntries(mapped(of, keptOf))]))
}

export function learnedOf({ learned, recovered }: Holder): Pick<Overview, 'learned' | 'learnedInput' | 'recovered'> {
  const lengths = [...learned.lengths].flatMap(([kind, { enough }]) => (enough === undefined ? [] : [[kind, enough]]))
  const inputs = mapped(learned.inputs, shareOf).filter(([, share]) => share < 1)
  if (lengths.length + inputs.length === 0) return {}
  return {
    ...(lengths.length > 0 ? { learned: Object.fromEntries(lengths) } : {}),
    ...(inputs.length > 0 ? { learnedInput: Object.fromEntries(inputs) } : {}),
    recovered,
  }
}
