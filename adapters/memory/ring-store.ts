/** Bells and the ring of owners over tables in memory. */

import { supersedes } from '../../core/owner-record.ts'
import type { RingStore } from '../../services/ports.ts'
import { bellKey, isOwnerRecord, ledgerKey, ownerKey, ownerRecordKey, poolOfRing } from '../keys.ts'
import { stored } from '../records.ts'
import { ownerItem, readOn, readOwner, readOwnerRecord } from '../ring-records.ts'
import type { MemoryTables } from './tables.ts'

export function memoryRingStore(tables: MemoryTables): RingStore {
  return {
    async ring({ pool, bell }) {
      tables.commit([{ table: 'rings', put: stored(bellKey(pool, bell.id), bell) }])
    },
    async bells({ pool, limit }) {
      return readOn(limit, async (p) => tables.query('rings', { pk: bellKey(pool, '').pk, ...p }))
    },
    async deleteBells({ pool, ids }) {
      tables.commit(ids.map((id) => ({ table: 'rings', delete: bellKey(pool, id) })))
    },
    async owners({ pool }) {
      return tables.query('rings', { pk: ownerKey(pool, '').pk }).items.map(readOwner)
    },
    async pools() {
      const rings = [...tables.all()].flatMap(({ table, put }) =>
        table === 'rings' && !isOwnerRecord(put) ? [poolOfRing(put)] : [],
      )
      return [...new Set(rings)].sort()
    },
    async note({ pool, owners }) {
      tables.commit(owners.map((o) => ({ table: 'rings', put: stored(ownerKey(pool, o.owner), o) })))
    },
    async records({ pool, owners }) {
      return owners.map((owner) => readOwnerRecord(tables.get('rings', ownerRecordKey(pool, owner))))
    },
    async ownersAfter({ pool, ...p }) {
      return tables.query('rings', { pk: ownerKey(pool, '').pk, ...p }).items.map(({ sk }) => sk)
    },
    async keep({ pool, records }) {
      const fresh = records.filter((record) => {
        const old = readOwnerRecord(tables.get('rings', ownerRecordKey(pool, record.owner)))
        return !old || supersedes(record, old)
      })
      tables.commit(fresh.map((record) => ({ table: 'rings', put: ownerItem(pool, record) })))
    },
    async leave({ pool, owners, epoch }) {
      if (tables.get('capacity', ledgerKey(pool))?.['epoch'] !== epoch) return 'lost'
      tables.commit(owners.map((owner) => ({ table: 'rings', delete: ownerKey(pool, owner) })))
      return 'left'
    },
  }
}
