/** Bells and the ring of owners over tables in memory. */
import type { RingStore } from '../../services/ports.ts'
import { bellKey, ledgerKey, ownerKey, poolOfRing } from '../keys.ts'
import { stored } from '../records.ts'
import { readOn, readOwner } from '../ring-records.ts'
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
      const rings = [...tables.all()].flatMap(({ table, put }) => (table === 'rings' ? [poolOfRing(put)] : []))
      return [...new Set(rings)].sort()
    },
    async note({ pool, owners }) {
      tables.commit(owners.map((o) => ({ table: 'rings', put: stored(ownerKey(pool, o.owner), o) })))
    },
    async leave({ pool, owners, epoch }) {
      if (tables.get('capacity', ledgerKey(pool))?.['epoch'] !== epoch) return 'lost'
      tables.commit(owners.map((owner) => ({ table: 'rings', delete: ownerKey(pool, owner) })))
      return 'left'
    },
  }
}
