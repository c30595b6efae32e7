/**
 * Lets an AWS client speak to an emulator in this process without a socket: nothing listens, so nothing else on this
 * machine can find it, and no request pays for a connection.
 */
import type { SQSClientConfig } from '@aws-sdk/client-sqs'

type Handler = Extract<SQSClientConfig['requestHandler'], { handle: unknown }>
type Request = Parameters<Handler['handle']>[0]

/** What of a Fastify server is needed: `inject` runs a request through it. */
export interface Injectable {
  inject(request: { method: 'POST'; url: string; headers: Record<string, string>; payload: string | Buffer }): Promise<{
    statusCode: number
    headers: Record<string, unknown>
    rawPayload: Buffer
  }>
}

export function injectedInto(app: Injectable): Handler {
  const handle = async ({ path, headers, body }: Request, { abortSignal }: { abortSignal?: unknown } = {}) => {
    const payload = typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const answered = app.inject({ method: 'POST', url: path, headers, payload })
    const answer = await unlessAborted(answered, abortSignal as AbortSignal | undefined)
    return { response: { statusCode: answer.statusCode, headers: textOf(answer.headers), body: answer.rawPayload } }
  }
  return { handle } as unknown as Handler
}

const textOf = (headers: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))

/** What is asked for, or a rejection as soon as the signal aborts; nothing stays with the signal, which outlives many. */
function unlessAborted<T>(asked: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }))
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    asked.then(resolve, reject).finally(() => signal?.removeEventListener('abort', abort))
  })
}
