/** Pools as a holder long ago left them: how long answers and inputs are is known, and nothing else. */
import { ledgerKey } from '../../adapters/keys.ts'
import type { Change } from '../../adapters/memory/change.ts'
import { stored } from '../../adapters/records.ts'
import { keptOf, type Lengths, NO_LENGTHS, withInput, withLength } from '../../core/learned.ts'
import type { LedgerRecord } from '../../core/ledger-record.ts'
import type { Scenario } from './scenario.ts'

const LENGTHS_KNOWN = 150

export function lengthsKnown({ short, settings }: Scenario): Change[] {
  const known = Array.from({ length: LENGTHS_KNOWN })
  const answers = known.reduce<Lengths>((heard) => withLength(heard, short), NO_LENGTHS)
  // The provider finds a token in four bytes, and three are estimated.
  const texts = known.reduce<Lengths>((heard) => withInput(heard, 3, 4), NO_LENGTHS)
  const ofAll = (of: Lengths) => Object.fromEntries(Object.keys(settings.kinds).map((kind) => [kind, keptOf(of)]))
  const [lengths, inputs] = [ofAll(answers), ofAll(texts)]
  const lease = { epoch: 0, version: 0, holder: 'earlier', state: 'free', until: 0 } as const
  const record = { v: 1, ...lease, next: 0, lastSlot: 0, clock: 0, tiers: {}, lengths, inputs } satisfies LedgerRecord
  return Object.keys(settings.pools).map((pool) => ({ table: 'capacity', put: stored(ledgerKey(pool), record) }))
}
