/** DynamoDB requests and units, counted at the SDK: every request asks what it consumed, and the answer is added up. */
import type { Tables } from '../adapters/dynamodb/tables.ts'

export interface Metered {
  readonly requests: number
  readonly writeUnits: number
  readonly readUnits: number
  /** Where they went, by operation and table. */
  readonly byOperation: Readonly<Record<string, { readonly requests: number; readonly units: number }>>
}

const READS = new Set(['GetItemCommand', 'QueryCommand', 'BatchGetItemCommand', 'TransactGetItemsCommand'])
interface Input {
  TableName?: string
  RequestItems?: object
  ReturnConsumedCapacity?: string
}
interface Capacity {
  CapacityUnits?: number
}
/** A refused write is charged as one that was done; its error does not say how much. */
const REFUSED: Capacity = { CapacityUnits: 1 }

/** What was metered so far, as a copy. */
export function meterTables(tables: Tables): () => Metered {
  const sum = { requests: 0, writeUnits: 0, readUnits: 0 }
  const byOperation: Record<string, { requests: number; units: number }> = {}
  const count = (operation: string, table: string, consumed: Capacity | Capacity[] | undefined) => {
    const units = [consumed ?? []].flat().reduce((n, c) => n + (c.CapacityUnits ?? 0), 0)
    sum.requests++
    sum[READS.has(operation) ? 'readUnits' : 'writeUnits'] += units
    const of = (byOperation[`${operation} ${table}`] ??= { requests: 0, units: 0 })
    of.requests++
    of.units += units
  }
  tables.db.middlewareStack.add(
    (next, context) => async (args) => {
      const operation = String(context.commandName)
      const input = args.input as Input
      const table = input.TableName ?? Object.keys(input.RequestItems ?? {}).join()
      input.ReturnConsumedCapacity = 'TOTAL'
      try {
        const result = await next(args)
        count(operation, table, (result.output as { ConsumedCapacity?: Capacity | Capacity[] }).ConsumedCapacity)
        return result
      } catch (error) {
        count(operation, table, REFUSED)
        throw error
      }
    },
    { step: 'initialize', name: 'fairleadMeter' },
  )
  return () => ({ ...sum, byOperation: structuredClone(byOperation) })
}

/** What was metered between two looks, divided by a count. */
export const costOf = (before: Metered, after: Metered, per: number) => ({
  requests: (after.requests - before.requests) / per,
  writeUnits: (after.writeUnits - before.writeUnits) / per,
  readUnits: (after.readUnits - before.readUnits) / per,
})
export type Cost = ReturnType<typeof costOf>

/** Where a cost comes from, for people: requests and units by operation and table. */
export const breakdown = (before: Metered, after: Metered, per: number): string[] =>
  Object.entries(after.byOperation).map(([operation, { requests, units }]) => {
    const old = before.byOperation[operation] ?? { requests: 0, units: 0 }
    const share = (n: number) => (n / per).toFixed(3)
    return `${share(requests - old.requests)} requests, ${share(units - old.units)} units: ${operation}`
  })
