/** DynamoDB requests and units, counted at the SDK: every request asks what it consumed, and the answer is added up. */
import type { Tables } from '../adapters/dynamodb/tables.ts'

export interface Metered {
  requests: number
  writeUnits: number
  readUnits: number
  /** Requests by operation. */
  readonly byOperation: Record<string, number>
}

const READS = new Set(['GetItemCommand', 'QueryCommand', 'BatchGetItemCommand', 'TransactGetItemsCommand'])
interface Capacity {
  CapacityUnits?: number
}

export function meterTables(tables: Tables): Metered {
  const metered: Metered = { requests: 0, writeUnits: 0, readUnits: 0, byOperation: {} }
  tables.db.middlewareStack.add(
    (next, context) => async (args) => {
      ;(args.input as { ReturnConsumedCapacity?: string }).ReturnConsumedCapacity = 'TOTAL'
      const result = await next(args)
      const operation = String(context.commandName)
      const consumed = (result.output as { ConsumedCapacity?: Capacity | Capacity[] }).ConsumedCapacity ?? []
      const units = [consumed].flat().reduce((sum, c) => sum + (c.CapacityUnits ?? 0), 0)
      metered.requests++
      metered.byOperation[operation] = (metered.byOperation[operation] ?? 0) + 1
      if (READS.has(operation)) metered.readUnits += units
      else metered.writeUnits += units
      return result
    },
    { step: 'initialize', name: 'fairleadMeter' },
  )
  return metered
}
