/**
 * The HTTP front of one machine: what API Gateway is in AWS. It checks the token, builds the same event, and asks the
 * same handlers. Bound to 127.0.0.1; foreign Host and Origin headers are refused, so that no web page reaches it.
 */

import type { Server } from 'node:http'
import { serve } from '@hono/node-server'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import type { Hono } from 'hono'
import pLimit from 'p-limit'
import type { CallerSettings } from '../core/settings.ts'
import { BODY_BYTES_AT_MOST, type HttpEnv } from '../lambdas/shared/http.ts'
import type { HttpHandler } from '../lambdas/shared/http-handler.ts'
import { openAiErrorOf } from '../lambdas/shared/openai-error.ts'
import { problemOf, STATUS, type Wrong } from '../lambdas/shared/problems.ts'
import { ROUTES } from '../lambdas/shared/routes.ts'
import { closed } from './closed.ts'
import { roleOfToken } from './tokens.ts'

export interface FrontParts {
  readonly api: HttpHandler
  readonly approval: HttpHandler
  /** Answered as it comes, which no handler of whole answers can. */
  readonly chat: Pick<Hono<HttpEnv>, 'fetch'>
  readonly callers: readonly CallerSettings[]
  readonly secret: string
  readonly context: (name: string) => Context
}
export interface Front {
  readonly url: string
  close(): Promise<void>
}

/**
 * So many changes are made at once; the others wait in line. In AWS each request has a function to itself, here all
 * share one thread with the dispatcher and the workers, and a flood of submits would keep those from their slots.
 */
const CHANGES_AT_ONCE = 1

const CHAT_PATHS: readonly string[] = ROUTES.flatMap((r) => (r.function === 'chat' ? [r.path] : []))
const isChat = (request: Request): boolean => CHAT_PATHS.includes(new URL(request.url).pathname)
/** Asked for, settled and given back by one write each; no person may hold many. */
const isOfPermits = (request: Request): boolean =>
  /^\/v1\/pools\/[^/]+\/permits(\/|$)/.test(new URL(request.url).pathname)

const refusal = (request: Request, wrong: Wrong): Response => {
  const status = STATUS[wrong.code]
  if (isChat(request)) return Response.json(openAiErrorOf(wrong), { status })
  return Response.json(problemOf(wrong), { status, headers: { 'content-type': 'application/problem+json' } })
}

export function startFront(p: FrontParts & { port: number }): Promise<Front> {
  return new Promise((resolve, reject) => {
    let hosts: string[] = []
    const inLine = pLimit(CHANGES_AT_ONCE)
    // Who waits for a permit would keep the others from their turn, the settle that it waits for among them.
    const atOnce = (request: Request) => request.method === 'GET' || isOfPermits(request)
    const turn = (request: Request, run: Run) => (atOnce(request) ? run() : inLine(run))
    const taken = (request: Request) => answer({ ...p, turn }, hosts, request)
    const server = serve({ fetch: taken, port: p.port, hostname: '127.0.0.1' }, (address) => {
      const named = ['127.0.0.1', 'localhost']
      // Of HTTP's own port clients say nothing.
      hosts = [...named.map((h) => `${h}:${address.port}`), ...(address.port === 80 ? named : [])]
      resolve({ url: `http://127.0.0.1:${address.port}`, close: () => closed(server as Server) })
    })
    server.once('error', reject)
  })
}

type Run = () => Promise<unknown>
/** Its turn begins once it is there whole: who stalls amid a body keeps nobody else. */
type Turns = FrontParts & { readonly turn: (request: Request, run: Run) => Promise<unknown> }

async function answer(p: Turns, hosts: readonly string[], request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  const foreign = foreignHeader(request, hosts)
  if (foreign)
    return refusal(request, {
      code: 'owner-not-yours',
      detail: `The header ${foreign} is not of this server.`,
      remedy: `Ask ${hosts[0]} directly.`,
    })
  const role = roleOfToken(p.secret, p.callers, request.headers.get('authorization') ?? undefined)
  if (!role && pathname !== '/health')
    return refusal(request, {
      code: 'unauthenticated',
      detail: 'No valid token was sent.',
      remedy: 'Send Authorization: Bearer with the token that the start printed.',
    })
  const body = await bodyOf(request)
  if (body === undefined)
    return refusal(request, {
      code: 'too-large',
      detail: `The body has more than ${BODY_BYTES_AT_MOST} bytes.`,
      remedy: 'Send less at once.',
    })
  if (isChat(request)) return p.chat.fetch(...chatRequest(request, body, { role, context: p.context('chat') }))
  const [name, handler] = pathname.startsWith('/v1/reviews')
    ? (['approval', p.approval] as const)
    : (['api', p.api] as const)
  return responseOf(await p.turn(request, () => handler(eventOf(request, body, role), p.context(name))))
}

/** Nothing where it is longer than may be: no more of it is read than that, and none where its length is told. */
async function bodyOf(request: Request): Promise<string | undefined> {
  if (Number(request.headers.get('content-length')) > BODY_BYTES_AT_MOST) return undefined
  if (!request.headers.has('transfer-encoding')) return request.text()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_AT_MOST) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function foreignHeader(request: Request, hosts: readonly string[]): string | undefined {
  if (!hosts.includes(request.headers.get('host') ?? '')) return 'Host'
  const origin = request.headers.get('origin')
  return origin !== null && !hosts.some((h) => origin === `http://${h}`) ? 'Origin' : undefined
}

function eventOf(request: Request, body: string, role: string | undefined): APIGatewayProxyEventV2 {
  const url = new URL(request.url)
  const headers = Object.fromEntries(request.headers)
  delete headers['authorization']
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers,
    queryStringParameters: Object.fromEntries(url.searchParams),
    requestContext: {
      http: { method: request.method, path: url.pathname, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' },
      ...(role ? { authorizer: { iam: { userArn: role } } } : {}),
      domainName: url.host,
      requestId: '',
      stage: '$default',
    } as unknown as APIGatewayProxyEventV2['requestContext'],
    body,
    isBase64Encoded: false,
  }
}

/** Whoever goes away is gone for the function too: its signal is the connection's. */
function chatRequest(
  request: Request,
  body: string,
  { role, context }: { role: string | undefined; context: Context },
): [Request, HttpEnv['Bindings']] {
  const { headers, ...event } = eventOf(request, body, role)
  const content = request.method === 'GET' ? {} : { body }
  const { method, signal, url } = request
  const passed = new Request(url, { method, signal, headers: headers as Record<string, string>, ...content })
  return [passed, { event, lambdaContext: context } as unknown as HttpEnv['Bindings']]
}

function responseOf(result: unknown): Response {
  const { statusCode, headers, body, isBase64Encoded } = result as APIGatewayProxyStructuredResultV2
  const bytes = isBase64Encoded ? Buffer.from(body ?? '', 'base64') : (body ?? '')
  const empty = statusCode === 304 || statusCode === 204
  return new Response(empty ? null : bytes, { status: statusCode ?? 200, headers: headers as Record<string, string> })
}
