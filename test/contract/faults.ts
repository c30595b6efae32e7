/**
 * Faults on the wire: what a network and a busy table do, and no emulator ever shows. Each befalls one sending; the
 * SDK's retries and the adapters then do what they would do against AWS.
 */
import type { Tables } from '../../adapters/dynamodb/tables.ts'

/**
 * `unheard`: it took effect, the answer was lost. `unsent`: it never arrived. `delayed`: it arrives after all, when
 * told to, long after it was given up. `conflict`: it met a running transaction. `throttled`, and `throttled in part`:
 * of a transaction or a batch one item was.
 */
export const FAULTS = ['unheard', 'unsent', 'delayed', 'conflict', 'throttled', 'throttled in part'] as const
export type Fault = (typeof FAULTS)[number]

export interface Faulty {
  /** Sendings so far, faulty ones included. */
  readonly sent: () => number
  /** What they asked for, as it was sent. */
  // biome-ignore lint/suspicious/noExplicitAny: a request's body, by whoever reads it
  readonly asked: () => readonly Record<string, any>[]
  /** Lets what was delayed arrive now; what becomes of it nobody hears. */
  readonly arrive: () => Promise<void>
}

type Handle = Tables['db']['config']['requestHandler']['handle']
type Request = Parameters<Handle>[0]

const READS = /\.(Get|BatchGet|Query|Scan)/
const commandOf = (request: Request): string => String(request.headers['x-amz-target'])
const timeout = () => Object.assign(new Error('no answer'), { name: 'TimeoutError' })
const reset = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })

/** The faults befall the next sendings, one each, in order; the rest go through. Of writes, unless reads are asked for. */
export function befall(tables: Tables, faults: readonly Fault[], which: 'writes' | 'reads' = 'writes'): Faulty {
  const { requestHandler } = tables.db.config
  const send = requestHandler.handle.bind(requestHandler) as Handle
  const left = [...faults]
  const delayed: (() => Promise<unknown>)[] = []
  const asked: Record<string, unknown>[] = []
  const handle = async (...args: Parameters<Handle>): ReturnType<Handle> => {
    const [request] = args
    if (READS.test(commandOf(request)) !== (which === 'reads')) return send(...args)
    asked.push(JSON.parse(Buffer.from(request.body).toString()))
    const fault = left.shift()
    switch (fault) {
      case undefined:
        return send(...args)
      case 'unheard':
        await send(...args)
        throw timeout()
      case 'unsent':
        throw reset()
      case 'delayed':
        delayed.push(() => send(...args))
        throw timeout()
      default:
        return refusal(request, fault)
    }
  }
  Object.assign(requestHandler, { handle })
  const arrive = async () => {
    for (const send of delayed.splice(0)) await send()
  }
  return { sent: () => asked.length, asked: () => asked, arrive }
}

const answer = (statusCode: number, body: object): Awaited<ReturnType<Handle>> => ({
  response: {
    statusCode,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: new TextEncoder().encode(JSON.stringify(body)),
  } as never,
})
const exception = (name: string, more: object = {}) =>
  answer(400, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: name, ...more })

/** The answer of a table that is busy: an error, or what a batch hands back to be sent again. */
function refusal(request: Request, fault: 'conflict' | 'throttled' | 'throttled in part') {
  const [command, body] = [commandOf(request), JSON.parse(Buffer.from(request.body).toString())]
  if (fault === 'throttled') return exception('ProvisionedThroughputExceededException')
  if (command.endsWith('.BatchWriteItem')) return answer(200, { UnprocessedItems: body.RequestItems })
  if (command.endsWith('.BatchGetItem')) return answer(200, { Responses: {}, UnprocessedKeys: body.RequestItems })
  if (!command.endsWith('.TransactWriteItems'))
    return exception(fault === 'conflict' ? 'TransactionConflictException' : 'ThrottlingException')
  const Code = fault === 'conflict' ? 'TransactionConflict' : 'ThrottlingError'
  const CancellationReasons = body.TransactItems.map((_: unknown, i: number) => ({ Code: i === 0 ? Code : 'None' }))
  return exception('TransactionCanceledException', { CancellationReasons })
}
