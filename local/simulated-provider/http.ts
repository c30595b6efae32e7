/** The plain HTTP under the simulated provider: a body read whole, an answer after its latency, a close that is clean. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** More than any prompt; a body beyond it is a mistake and not worth the memory. */
const LARGEST_BODY_BYTES = 16_777_216
/** Longer than clients keep a connection idle: closing first would cut calls that are just being sent. */
const KEEP_ALIVE_MS = 120_000
/** A second's worth of new connections at 500 calls a second, and half as much again. */
const BACKLOG = 768

export async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > LARGEST_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export interface Reply {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Of a stream: until its last event. */
  readonly delayMs?: number
  /** Instead of a body: sent one after the other, evenly over the delay. */
  readonly events?: readonly string[]
  /** The connection is cut instead of an answer. */
  readonly destroy?: boolean
  /** Called when it goes out, or ends otherwise. */
  readonly sent?: () => void
}

/** Sends replies when they are due, and knows those that are not sent yet. */
export function sender(): { send(response: ServerResponse, reply: Reply): void; abandon(): void } {
  const waiting = new Set<NodeJS.Timeout>()
  const after = (ms: number, then: () => void): void => {
    if (ms <= 0) return then()
    const timer = setTimeout(() => {
      waiting.delete(timer)
      then()
    }, ms)
    waiting.add(timer)
  }
  return {
    send: (response, reply) => {
      if (reply.events) return stream(response, reply, reply.events, after)
      after(reply.delayMs ?? 0, () => write(response, reply))
    },
    abandon: () => {
      for (const timer of waiting) clearTimeout(timer)
      waiting.clear()
    },
  }
}

/** Whoever goes away gets no more of it. */
function stream(
  response: ServerResponse,
  { status, headers, delayMs = 0, sent }: Reply,
  events: readonly string[],
  after: (ms: number, then: () => void) => void,
): void {
  const next = (i: number): void => {
    const event = events[i]
    if (response.destroyed) return
    if (event === undefined) return void response.end()
    response.write(event)
    after(delayMs / events.length, () => next(i + 1))
  }
  response.once('close', () => sent?.())
  response.writeHead(status, { 'content-type': 'text/event-stream', ...headers })
  response.flushHeaders()
  after(delayMs / events.length, () => next(0))
}

function write(response: ServerResponse, { status, body, headers, destroy, sent }: Reply): void {
  sent?.()
  // The caller may have gone while it waited; then both are no-ops.
  if (destroy) return void response.destroy()
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
}

export async function listening(listener: RequestListener, port: number): Promise<{ server: Server; port: number }> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1', backlog: BACKLOG }, resolve)
  })
  return { server, port: (server.address() as AddressInfo).port }
}
