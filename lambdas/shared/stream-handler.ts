/**
 * An HTTP app as a Lambda handler for a REST API's proxy integration whose answers are streamed (API Gateway, "Set up a
 * Lambda proxy integration with payload response streaming"), wrapped like every function, to the last of the answer.
 */
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { APIGatewayProxyEvent, Context } from 'aws-lambda'
import type { Hono } from 'hono'
import type { FunctionDeps, Use } from './deps.ts'
import type { HttpEnv } from './http.ts'
import { wrap } from './wrap.ts'

type Head = { readonly statusCode: number; readonly headers: Readonly<Record<string, string>> }
type Streaming = (event: APIGatewayProxyEvent, answer: Writable, context: Context) => Promise<void>
/** Lambda's runtime gives every function these, and nothing else does. */
interface Runtime {
  streamifyResponse?(handler: Streaming): unknown
  HttpResponseStream: { from(answer: Writable, head: Head): Writable }
}
const { awslambda } = globalThis as { awslambda?: Runtime }

/** The app is made at the first event and kept. */
export function streamHandler(makeApp: (deps: FunctionDeps) => Hono<HttpEnv>, use: Use): unknown {
  let app: Hono<HttpEnv> | undefined
  const wrapped = wrap(async ({ event, answer }: { event: APIGatewayProxyEvent; answer: Writable }, lambdaContext) => {
    app ??= makeApp(use())
    const env = { event, lambdaContext } as unknown as HttpEnv['Bindings']
    const { status, headers, body } = await app.fetch(requestOf(event), env)
    const head = { statusCode: status, headers: Object.fromEntries(headers) }
    await pipeline(body ?? [''], (awslambda as Runtime).HttpResponseStream.from(answer, head))
  })
  return awslambda?.streamifyResponse?.((event, answer, context) => wrapped({ event, answer }, context))
}

function requestOf({ httpMethod: method, path, headers, body, isBase64Encoded }: APIGatewayProxyEvent): Request {
  const given = Object.entries(headers ?? {}).filter((h): h is [string, string] => h[1] !== undefined)
  const text = body && isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body
  const content = method === 'GET' || text == null ? {} : { body: text }
  return new Request(`https://api${path}`, { method, headers: given, ...content })
}
