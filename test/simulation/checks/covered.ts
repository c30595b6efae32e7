/**
 * G2: what was called in a slot stays in the ledger for as long as a window may hold it, whatever is given back. Looked at
 * where every message comes twice, one copy before the end of its slot and one behind it.
 */

import { bucketOf } from '../../../core/ledger.ts'
import { unpackLedger } from '../../../core/ledger-codec.ts'
import type { LedgerRecord } from '../../../core/ledger-record.ts'
import { shapesOf } from '../../../core/ledgers.ts'
import type { MakeCheck } from './check.ts'

export const covered: MakeCheck = (w) => {
  // A clock ahead has its slots taken for used at another moment.
  if (w.scenario.clocks === 'beyond') return {}
  /** Slots that were called in. */
  const called = new Map<string, number[]>()
  const look = (pool: string, { ledger }: Pick<LedgerRecord, 'ledger'>) => {
    const settings = w.scenario.settings.pools[pool]
    if (!settings || !ledger) return
    const { window: shape } = shapesOf(settings)
    const { first, counts } = unpackLedger(ledger.bytes, { ...ledger, shape })
    const open = (called.get(pool) ?? []).filter((slot) => bucketOf(shape, slot) >= first)
    called.set(pool, open)
    for (const slot of open) {
      const calls = open.filter((other) => other === slot).length
      const counted = counts.requests[bucketOf(shape, slot) - first] ?? 0
      if (counted < calls) w.fail('covered', `${calls} calls were made in the slot ${slot}, and ${counted} are counted`)
    }
  }
  return {
    commit(commit) {
      for (const { pk, sk, after } of commit)
        if (sk === 'ledger' && after) look(pk, after as Pick<LedgerRecord, 'ledger'>)
    },
    arrival({ pool, permit }) {
      if (permit) called.set(pool, [...(called.get(pool) ?? []), permit.slot])
    },
  }
}
