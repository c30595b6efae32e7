/** An HTTP app as a Lambda handler for API Gateway's payload version 2, wrapped like every function. */
import type { APIGatewayProxyEventV2, APIGatewayProxyResultV2 } from 'aws-lambda'
import type { Hono } from 'hono'
import { handle } from 'hono/aws-lambda'
import type { FunctionDeps, Use } from './deps.ts'
import type { HttpEnv } from './http.ts'
import { type Wrapped, wrap } from './wrap.ts'

export type HttpHandler = Wrapped<APIGatewayProxyEventV2, APIGatewayProxyResultV2>

/** The app is made at the first event and kept. */
export function httpHandler(makeApp: (deps: FunctionDeps) => Hono<HttpEnv>, use: Use): HttpHandler {
  let answer: ReturnType<typeof handle> | undefined
  return wrap(async (event, context) => {
    answer ??= handle(makeApp(use()))
    return (await answer(readable(event) as never, context as never)) as APIGatewayProxyResultV2
  })
}

/** A GET's content means nothing (RFC 9110, 9.3.1): it is let go rather than refused, which its Request would be. */
function readable(event: APIGatewayProxyEventV2): APIGatewayProxyEventV2 {
  const { body: _, ...rest } = event
  return ['GET', 'HEAD'].includes(event.requestContext.http.method) ? rest : event
}
