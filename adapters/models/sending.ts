/**
 * Fetch, for the provider packages: a call waits for its slot with its connection standing, and leaves in one piece.
 * It is not the platform's fetch, which says when it has a connection only to a body that is a stream.
 */
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { type Call, called } from './leaving.ts'

/** A connection is kept so long after its call, unless the provider says that it closes it sooner. */
const KEPT_MS = 30_000
const kept = { keepAlive: true, timeout: KEPT_MS }
/** The modules, not their functions: tracing puts its own in their place. */
const BY_PROTOCOL = {
  'http:': { client: http, agent: new http.Agent(kept), connected: 'connect' },
  'https:': { client: https, agent: new https.Agent(kept), connected: 'secureConnect' },
}

/** As fetch does, every failure is a TypeError with its cause: the provider packages know it by that. */
export const send: typeof fetch = async (input, init) => {
  const call = called(init?.signal)
  if (typeof init?.body !== 'string') throw new Error('a provider package sends something else than text')
  const { body } = init
  await call.connect()
  const once = () => exchange(new URL(String(input)), optionsOf(init), body, call)
  try {
    return await once().catch((error) => {
      // A server may close a connection that was kept and rests again: nothing was sent by it.
      if (call.stage === 'waiting') return once()
      throw error
    })
  } catch (cause) {
    throw new TypeError('fetch failed', { cause })
  }
}

function optionsOf({ method, headers, signal }: RequestInit): RequestOptions {
  const sent = Object.fromEntries(new Headers(headers))
  return {
    method: method ?? 'POST',
    headers: { accept: '*/*', 'accept-encoding': 'identity', ...sent },
    ...(signal && { signal }),
  }
}

function exchange(url: URL, options: RequestOptions, body: string, call: Call): Promise<Response> {
  const by = BY_PROTOCOL[url.protocol as keyof typeof BY_PROTOCOL]
  return new Promise((resolve, reject) => {
    const request = by.client.request(url, { ...options, agent: by.agent })
    request.on('error', reject)
    request.once('response', (response) => answerOf(response, call).then(resolve, reject))
    whenConnected(request, by.connected, () => {
      call.leave().then(
        () => request.destroyed || request.end(body),
        (missed) => request.destroy(missed),
      )
    })
  })
}

function whenConnected(request: ClientRequest, connected: string, then: () => void): void {
  request.once('socket', (socket) => {
    if (request.reusedSocket) then()
    else socket.once(connected, then)
  })
}

/** A result may have 256 KB. JSON may write a character in six bytes, and the model's thoughts come beside it. */
export const ANSWER_BYTES_AT_MOST = 4 * 1024 * 1024
/** What is as long as it likes to be, because nobody keeps it: server-sent events, and those of Bedrock. */
const STREAM = /^(?:text\/event-stream|application\/vnd\.amazon\.eventstream)/i

/** A provider, or whatever stands in its place, may send without end: a worker's memory has one. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge'
  readonly code = 'answer-too-large'
}

/** Of an error the beginning is enough. Whoever leaves this loop early closes the connection. */
async function textOf(response: IncomingMessage, status: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_AT_MOST && status < 400) throw new AnswerTooLarge('an answer has no end')
    if (bytes > ANSWER_BYTES_AT_MOST) break
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** A redirect would carry the key and the prompt to an address that nobody configured. */
async function answerOf(response: IncomingMessage, { streams }: Call): Promise<Response> {
  const { statusCode: status = 0, statusMessage: statusText = '', headersDistinct } = response
  const streamed = streams && status === 200 && STREAM.test(response.headers['content-type'] ?? '')
  const body = streamed ? (Readable.toWeb(response) as ReadableStream) : await textOf(response, status)
  if (status >= 300 && status < 400) throw new Error('unexpected redirect')
  const headers = Object.entries(headersDistinct).map(([name, values = []]): [string, string] => [
    name,
    values.join(', '),
  ])
  return new Response(body === '' ? null : body, { status, statusText, headers })
}
