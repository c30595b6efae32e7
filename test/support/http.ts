/** The HTTP functions as API Gateway calls them: payload version 2, IAM authorizer. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import type { CallerSettings } from '../../core/settings.ts'
import { apiApp } from '../../lambdas/api.ts'
import { approvalApp } from '../../lambdas/approval.ts'
import { chatApp } from '../../lambdas/chat.ts'
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import { httpHandler } from '../../lambdas/shared/http-handler.ts'

const ACCOUNT = '123456789012'
export const roleArn = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`
/** What API Gateway shows of a caller who has assumed that role. */
export const sessionArn = (name: string): string => `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/a-session`

type TableEntry = Omit<CallerSettings, 'mayActFor'> & { mayActFor?: string[] }
const caller = (name: string, over: Partial<TableEntry> = {}): TableEntry => ({
  role: roleArn(name),
  id: name,
  owner: name,
  scopes: ['jobs:read', 'jobs:submit', 'reviews:decide'],
  ...over,
})
/** Callers by the name of their role. */
export const CALLERS: TableEntry[] = [
  caller('ada'),
  caller('bob'),
  caller('agent', { mayActFor: ['ada'] }),
  caller('reader', { owner: 'ada', scopes: ['jobs:read'] }),
  caller('writer', { owner: 'ada', scopes: ['jobs:submit'] }),
  caller('rita', { owner: 'ada', scopes: ['reviews:decide'] }),
  caller('pat', { scopes: ['capacity:use'] }),
  caller('root', { scopes: ['admin'], mayActFor: ['*'] }),
]

export interface Asked {
  /** The name of the caller's role; nobody's where it is undefined. */
  readonly as?: string | undefined
  readonly userArn?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, and a string as it is. */
  readonly body?: unknown
  readonly base64?: boolean
}
export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Parsed, where there is one. */
  // biome-ignore lint/suspicious/noExplicitAny: the test that reads it says what should be there
  readonly json: any
  /** As it came, where it was streamed. */
  readonly text?: string
}

export function anEvent(method: string, url: string, asked: Asked = {}): APIGatewayProxyEventV2 {
  const { pathname, search, searchParams } = new URL(url, 'https://api.example.com')
  const { body, base64 = false } = asked
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const role = 'as' in asked ? asked.as : 'ada'
  const userArn = asked.userArn ?? (role === undefined ? undefined : sessionArn(role))
  return {
    version: '2.0',
    routeKey: `${method} ${pathname}`,
    rawPath: pathname,
    rawQueryString: search.slice(1),
    queryStringParameters: Object.fromEntries(searchParams),
    headers: {
      host: 'api.example.com',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...asked.headers,
    },
    requestContext: {
      accountId: ACCOUNT,
      apiId: 'an-api',
      domainName: 'api.example.com',
      domainPrefix: 'api',
      http: { method, path: pathname, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'a-test' },
      requestId: 'a-request',
      routeKey: `${method} ${pathname}`,
      stage: '$default',
      time: '01/Jan/2030:09:30:07 +0000',
      timeEpoch: 1_893_490_207_000,
      ...(userArn ? { authorizer: { iam: { userArn } } } : {}),
    } as unknown as APIGatewayProxyEventV2['requestContext'],
    ...(text === undefined ? {} : { body: base64 ? Buffer.from(text).toString('base64') : text }),
    isBase64Encoded: base64,
  }
}

export const aContext = (remainingMs = 900_000): Context =>
  ({
    functionName: 'fairlead-test',
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:eu-west-1:${ACCOUNT}:function:fairlead-test`,
    memoryLimitInMB: '512',
    awsRequestId: 'a-request',
    getRemainingTimeInMillis: () => remainingMs,
  }) as Context

/** What people call through is answered by its app: the function around it only streams. */
async function chatted(app: ReturnType<typeof chatApp>, event: APIGatewayProxyEventV2): Promise<Answered> {
  const { method } = event.requestContext.http
  const body = method === 'GET' || event.body === undefined ? {} : { body: event.body }
  const url = `https://api.example.com${event.rawPath}`
  const request = new Request(url, { method, headers: event.headers as Record<string, string>, ...body })
  const response = await app.fetch(request, { event } as never)
  const text = await response.text()
  const headers = Object.fromEntries(response.headers)
  const json = headers['content-type']?.includes('json') ? JSON.parse(text) : undefined
  return { status: response.status, headers, json, text }
}

/** Asks the function that has the route. */
export function http(deps: FunctionDeps) {
  const chat = chatApp(deps)
  const [api, approval] = [httpHandler(apiApp, () => deps), httpHandler(approvalApp, () => deps)]
  return async (method: string, url: string, asked?: Asked): Promise<Answered> => {
    if (url.startsWith('/v1/chat') || url.startsWith('/v1/models')) return chatted(chat, anEvent(method, url, asked))
    const handler = url.startsWith('/v1/reviews') ? approval : api
    const result = (await handler(anEvent(method, url, asked), aContext())) as APIGatewayProxyStructuredResultV2
    const headers = Object.fromEntries(
      Object.entries(result.headers ?? {}).map(([k, v]) => [k.toLowerCase(), String(v)]),
    )
    const body = result.isBase64Encoded ? Buffer.from(result.body ?? '', 'base64').toString() : (result.body ?? '')
    const isJson = headers['content-type']?.includes('json') && body !== ''
    return { status: result.statusCode ?? 200, headers, json: isJson ? JSON.parse(body) : undefined }
  }
}
