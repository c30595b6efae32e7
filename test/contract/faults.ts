/**
 * Faults between the SDK's retries and the engine: what a network and a busy table do, and no emulator ever shows.
 * Each fault befalls one sending; the SDK and the adapters then do what they would do against AWS.
 */
import {
  ProvisionedThroughputExceededException,
  TransactionCanceledException,
  TransactionConflictException,
} from '@aws-sdk/client-dynamodb'
import type { Tables } from '../../adapters/dynamodb/tables.ts'

/**
 * `unheard`: it took effect, the answer was lost. `unsent`: it never arrived. `delayed`: it arrives after all, when
 * told to, long after it was given up. `conflict`: it met a running transaction. `throttled`, and `throttled in part`:
 * of a transaction or a batch one item was.
 */
export const FAULTS = ['unheard', 'unsent', 'delayed', 'conflict', 'throttled', 'throttled in part'] as const
export type Fault = (typeof FAULTS)[number]

const READS = /^(Get|BatchGet|Query|Scan)/
const timeout = () => Object.assign(new Error('no answer'), { name: 'TimeoutError' })
const reset = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
const client = { $metadata: {}, $fault: 'client' as const, message: '' }

type Batch = { RequestItems: Record<string, unknown[]> }
type Transaction = { TransactItems: unknown[] }

/** The answer of a table that is too busy: an error, or what a batch hands back to be sent again. */
function refusal(command: string, input: unknown, code: 'TransactionConflict' | 'ThrottlingError'): object {
  if (command.startsWith('BatchWrite')) return { $metadata: {}, UnprocessedItems: (input as Batch).RequestItems }
  if (!command.startsWith('TransactWrite'))
    throw code === 'TransactionConflict'
      ? new TransactionConflictException(client)
      : new ProvisionedThroughputExceededException(client)
  const CancellationReasons = (input as Transaction).TransactItems.map((_, i) => ({ Code: i === 0 ? code : 'None' }))
  throw new TransactionCanceledException({ ...client, CancellationReasons })
}

export interface Faulty {
  /** Sendings so far, faulty ones included. */
  readonly sent: () => number
  /** Lets what was delayed arrive now; what becomes of it nobody hears. */
  readonly arrive: () => Promise<void>
}

/** The faults befall the next sendings, one each, in order; the rest go through. Of writes, unless reads are asked for. */
export function befall(tables: Tables, faults: Fault[], which: 'writes' | 'reads' = 'writes'): Faulty {
  const left = [...faults]
  const delayed: (() => Promise<unknown>)[] = []
  let sent = 0
  tables.db.middlewareStack.add(
    (next, context) => async (args) => {
      const command = context['commandName'] as string
      if (READS.test(command) !== (which === 'reads')) return next(args)
      sent++
      const answered = (output: object) => ({ response: {}, output }) as Awaited<ReturnType<typeof next>>
      switch (left.shift()) {
        case undefined:
          return next(args)
        case 'unheard':
          await next(args)
          throw timeout()
        case 'unsent':
          throw reset()
        case 'delayed':
          delayed.push(() => next(args))
          throw timeout()
        case 'conflict':
          return answered(refusal(command, args.input, 'TransactionConflict'))
        case 'throttled':
          throw new ProvisionedThroughputExceededException(client)
        case 'throttled in part':
          return answered(refusal(command, args.input, 'ThrottlingError'))
      }
    },
    { step: 'deserialize', priority: 'high', name: `faults-${Math.random()}` },
  )
  const arrive = async () => {
    for (const send of delayed.splice(0)) await send().catch(() => undefined)
  }
  return { sent: () => sent, arrive }
}
