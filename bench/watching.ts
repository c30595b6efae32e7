/**
 * What becomes of jobs, seen at the SDK when a write has been answered: as durable as the product's own word, at no cost
 * to what is measured. In AWS the stream tells of ends.
 */
import type { Tables } from '../adapters/dynamodb/tables.ts'
import { endKey } from '../adapters/keys.ts'

export type Seen =
  /** A worker has it: `at` is when it asked. */
  | { kind: 'claimed'; jobId: string; at: number }
  /** Its end is written. */
  | { kind: 'ended'; jobId: string; at: number }
  /** A worker's message is through, or a part of it that could not wait. */
  | { kind: 'settled'; jobIds: string[]; at: number }

interface Input {
  TableName?: string
  Key?: { sk: string }
  Item?: { sk: string; t?: string; jobs?: { jobId: string }[] }
  ExpressionAttributeValues?: Record<string, unknown>
  TransactItems?: { Put?: { TableName: string; Item: { pk: string; sk: string } } }[]
}
const END = endKey('').sk

export function watchTables(tables: Tables, tell: (seen: Seen) => void): void {
  tables.db.middlewareStack.add(
    (next, context) => async (args) => {
      // The document client turns it into the wire's form on the way.
      const see = seer(String(context.commandName), args.input as Input, tables.name.jobs, Date.now())
      const result = await next(args)
      for (const seen of see()) tell(seen)
      return result
    },
    { step: 'initialize', name: 'fairleadWatch', priority: 'high' },
  )
}

function seer(command: string, input: Input, jobsTable: string, asked: number): () => Seen[] {
  if (command.startsWith('TransactWrite')) {
    const ends = (input.TransactItems ?? []).flatMap(({ Put }) =>
      Put?.TableName === jobsTable && Put.Item.sk === END ? [Put.Item.pk] : [],
    )
    return () => ends.map((jobId) => ({ kind: 'ended', jobId, at: Date.now() }))
  }
  if (command.startsWith('Put') && input.Item?.t === 'settled') {
    const jobIds = (input.Item.jobs ?? []).map((job) => job.jobId)
    return () => [{ kind: 'settled', jobIds, at: Date.now() }]
  }
  if (command.startsWith('Update') && input.ExpressionAttributeValues?.[':running'] !== undefined) {
    const jobId = input.Key?.sk.split('#')[1] ?? ''
    return () => [{ kind: 'claimed', jobId, at: asked }]
  }
  return () => []
}
