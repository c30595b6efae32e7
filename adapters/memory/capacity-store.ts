/** Lease, ledger, overview and stops over tables in memory. */
import { nextLease } from '../../core/lease.ts'
import { type LeaseState, LedgerRecord } from '../../core/ledger-record.ts'
import { Overview, type Painted, replaces } from '../../core/overview.ts'
import type { CapacityStore } from '../../services/ports.ts'
import { bellKey, type Key, ledgerKey, overridesKey, overviewKey, stopKey } from '../keys.ts'
import { fromStopItem, type Item, overridesOf, parseRecord, stored } from '../records.ts'
import type { MemoryTables } from './tables.ts'

const painted = ({ version = 0, at }: Item): Painted => ({ version: Number(version), at: Number(at) })

export function memoryCapacityStore(tables: MemoryTables): CapacityStore {
  const ledger = (pool: string): LedgerRecord | undefined => {
    const item = tables.get('capacity', ledgerKey(pool))
    return item && parseRecord<LedgerRecord>(LedgerRecord, item)
  }
  const put = (key: Key, record: object) => tables.commit([{ table: 'capacity', put: stored(key, record) }])
  return {
    async acquire(p) {
      const old = ledger(p.pool)
      const record = nextLease(old, p)
      if (!record) return { kind: 'taken', until: old?.until ?? 0 }
      put(ledgerKey(p.pool), record)
      return { kind: 'held', record }
    },
    async write({ pool, record }) {
      const old = tables.get('capacity', ledgerKey(pool))
      if (old?.['epoch'] !== record.epoch || old['version'] !== record.version - 1) return 'lost'
      put(ledgerKey(pool), record)
      return 'written'
    },
    clockOffMs: () => 0,
    async lease({ pool }) {
      const item = tables.get('capacity', ledgerKey(pool))
      return item && { state: item['state'] as LeaseState, until: item['until'] as number }
    },
    async changes({ pool }) {
      return ledger(pool)?.uses ?? []
    },
    async overview({ pool }) {
      const item = tables.get('capacity', overviewKey(pool))
      // A picture that newer code painted is none: the next one is a second away.
      return item && Overview.safeParse(item).data
    },
    async putOverview({ pool, version, overview }) {
      const fresh = { ...overview, version }
      const old = tables.get('capacity', overviewKey(pool))
      if (!old || replaces(fresh, painted(old))) put(overviewKey(pool), fresh)
    },
    async stopped({ pool }) {
      const item = tables.get('capacity', stopKey(pool))
      return item && fromStopItem(item)
    },
    async stop({ pool, stop }) {
      put(stopKey(pool), stop)
    },
    async resume({ pool }) {
      tables.commit([{ table: 'capacity', delete: stopKey(pool) }])
    },
    async overrides({ pool }) {
      return overridesOf(tables.get('capacity', overridesKey(pool)))
    },
    async override({ pool, overrides, bell }) {
      const { version } = overridesOf(tables.get('capacity', overridesKey(pool)))
      if (version !== overrides.version - 1) return 'stale'
      tables.commit([
        { table: 'capacity', put: stored(overridesKey(pool), overrides) },
        { table: 'rings', put: stored(bellKey(pool, bell.id), bell) },
      ])
      return 'written'
    },
  }
}
