/** An HTTP app as a Lambda handler for a REST API's proxy integration whose answers are streamed, wrapped like every function. */
import type { APIGatewayProxyEvent } from 'aws-lambda'
import type { Hono } from 'hono'
import type { FunctionDeps, Use } from './deps.ts'
import type { HttpEnv } from './http.ts'
import { type Streamed, type Wrapped, wrapStreamed } from './wrap.ts'

/** The app is made at the first event and kept. */
export function streamHandler(
  makeApp: (deps: FunctionDeps) => Hono<HttpEnv>,
  use: Use,
): Wrapped<APIGatewayProxyEvent, Streamed> {
  let app: Hono<HttpEnv> | undefined
  return wrapStreamed(async (event, lambdaContext) => {
    app ??= makeApp(use())
    const env = { event, lambdaContext } as unknown as HttpEnv['Bindings']
    const { status, headers, body } = await app.fetch(requestOf(event), env)
    const { body: empty } = new Response('')
    return { statusCode: status, headers: Object.fromEntries(headers), body: body ?? (empty as ReadableStream) }
  })
}

function requestOf({ httpMethod: method, path, headers, body, isBase64Encoded }: APIGatewayProxyEvent): Request {
  const given = Object.entries(headers ?? {}).filter((h): h is [string, string] => h[1] !== undefined)
  const text = body && isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body
  const withBody = method === 'GET' || text == null ? {} : { body: text }
  return new Request(`https://api${path}`, { method, headers: given, ...withBody })
}
