/** The memory adapter's tables, with somebody who sees every commit: what stood there before, and what stands after. */

import type { TableName } from '../../adapters/keys.ts'
import type { Change } from '../../adapters/memory/change.ts'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import type { Item } from '../../adapters/records.ts'

export interface Written {
  readonly table: TableName
  readonly pk: string
  readonly sk: string
  readonly before: Item | undefined
  readonly after: Item | undefined
}

/** An item, as the change that would put it there. */
export type Standing = Extract<Change, { put: Item }>

export class ObservedTables extends MemoryTables {
  observe: (commit: readonly Written[]) => void = () => undefined

  override commit(changes: readonly Change[]): void {
    const seen = changes.map((change): Written => {
      const { table } = change
      const after = 'put' in change ? change.put : undefined
      const { pk, sk } = 'put' in change ? change.put : change.delete
      return { table, pk, sk, before: this.get(table, { pk, sk }), after }
    })
    super.commit(changes)
    this.observe(seen)
  }

  /** Other tables stand in their place: nobody sees a commit. */
  replace(standing: readonly Standing[]): void {
    super.commit([...this.all()].map(({ table, put: { pk, sk } }) => ({ table, delete: { pk, sk } })))
    super.commit(standing)
  }
}
