/** Events in the shapes in which AWS hands them to functions. */
import type { Message } from '@aws-sdk/client-sqs'
import type {
  APIGatewayEventRequestContextIAMAuthorizer,
  APIGatewayEventRequestContextV2,
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2WithRequestContext,
  DynamoDBStreamEvent,
  SQSEvent,
} from 'aws-lambda'
import { ACCOUNT, REGION } from './bundled-instance.ts'

export interface Request {
  /** The name of the role whose session signed the request. */
  readonly as: string
  /** Replaces `{id}` in the route's path. */
  readonly id?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

type HttpEvent = APIGatewayProxyEventV2WithRequestContext<
  APIGatewayEventRequestContextV2 & { authorizer?: APIGatewayEventRequestContextIAMAuthorizer }
>

/**
 * Payload format 2.0; the caller stands in it only where the route is behind IAM:
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export function httpEvent(routeKey: string, authorizationType: string, r: Request): HttpEvent {
  const [method = '', template = ''] = routeKey.split(' ')
  const path = template.replace('{id}', r.id ?? '')
  const body = r.body === undefined ? {} : { body: JSON.stringify(r.body) }
  const type = r.body === undefined ? {} : { 'content-type': 'application/json' }
  const requestContext: HttpEvent['requestContext'] = requestOf({ method, path, routeKey })
  if (authorizationType === 'AWS_IAM') requestContext.authorizer = { iam: identityOf(r.as) }
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: '',
    headers: { host: HOST, 'user-agent': 'curl/8', 'x-forwarded-proto': 'https', ...type, ...r.headers },
    requestContext,
    ...(r.id !== undefined && { pathParameters: { id: r.id } }),
    ...body,
    isBase64Encoded: false,
  }
}

const HOST = `api.execute-api.${REGION}.amazonaws.com`

const requestOf = ({ method, path, routeKey }: { method: string; path: string; routeKey: string }) => ({
  accountId: ACCOUNT,
  apiId: 'api',
  domainName: HOST,
  domainPrefix: 'api',
  http: { method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'curl/8' },
  requestId: 'JKJaXmPLvHcESHA=',
  routeKey,
  stage: '$default',
  time: '01/Jan/2030:00:00:00 +0000',
  timeEpoch: 1893456000000,
})

const identityOf = (role: string) => ({
  accessKey: 'ASIAEXAMPLE',
  accountId: ACCOUNT,
  callerId: 'AROAEXAMPLE:session',
  cognitoIdentity: null,
  principalOrgId: 'o-example',
  userArn: `arn:aws:sts::${ACCOUNT}:assumed-role/${role}/session`,
  userId: 'AROAEXAMPLE:session',
})

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html */
export function restEvent(routeKey: string, authorizationType: string, r: Request): APIGatewayProxyEvent {
  const [httpMethod = '', path = ''] = routeKey.split(' ')
  const type = r.body === undefined ? {} : { 'content-type': 'application/json' }
  const headers: Record<string, string> = { Host: HOST, 'X-Forwarded-Proto': 'https', ...type, ...r.headers }
  const signed = authorizationType === 'AWS_IAM' ? identityOf(r.as) : { userArn: null }
  return {
    resource: path,
    path,
    httpMethod,
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: null,
    stageVariables: null,
    requestContext: {
      accountId: ACCOUNT,
      apiId: 'rest',
      authorizer: null,
      domainName: HOST,
      httpMethod,
      identity: { sourceIp: '192.0.2.1', userAgent: 'OpenAI/JS', ...signed },
      path: `/dev${path}`,
      protocol: 'HTTP/1.1',
      requestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
      requestTimeEpoch: 1893456000000,
      resourceId: 'abc',
      resourcePath: path,
      stage: 'dev',
    } as unknown as APIGatewayProxyEvent['requestContext'],
    body: r.body === undefined ? null : JSON.stringify(r.body),
    isBase64Encoded: false,
  }
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export const sqsEvent = (messages: readonly Message[], queue: string): SQSEvent => ({
  Records: messages.map((m) => ({
    messageId: m.MessageId ?? '',
    receiptHandle: m.ReceiptHandle ?? '',
    body: m.Body ?? '',
    attributes: m.Attributes as unknown as SQSEvent['Records'][number]['attributes'],
    messageAttributes: {},
    md5OfBody: m.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:${REGION}:${ACCOUNT}:${queue}`,
    awsRegion: REGION,
  })),
})

/** https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html */
export const streamEvent = (records: DynamoDBStreamEvent['Records'], streamArn: string): DynamoDBStreamEvent => ({
  Records: records.map((record) => ({ ...record, eventSourceARN: streamArn, awsRegion: REGION })),
})

/** Lambda's filter of a mapping: every field that it names has one of the values that it lists. */
export function passes(filter: unknown, value: unknown): boolean {
  if (Array.isArray(filter)) return filter.includes(value)
  const fields = value as Readonly<Record<string, unknown>> | undefined
  return Object.entries(filter as object).every(([name, inner]) => passes(inner, fields?.[name]))
}
