/**
 * What people call through under OpenAI's protocol: a REST API of its own, because only such a one streams a function's
 * answer, and a function of its own, which reaches nothing but permits, the lease, and the providers of the pools that
 * offer models. Both are there only if some pool does.
 */
import { CfnOutput, Validations } from 'aws-cdk-lib'
import {
  AuthorizationType,
  EndpointType,
  LambdaIntegration,
  ResponseTransferMode,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import type { PoolSettings, Settings } from '../core/settings.ts'
import { ENV } from '../lambdas/shared/env.ts'
import { ROUTES } from '../lambdas/shared/routes.ts'
import { bindBedrock } from './bedrock.ts'
import { GRANTS } from './grants.ts'
import type { Stage } from './inputs.ts'
import type { ProviderKeys } from './secrets.ts'
import { bindTable, type Tables } from './tables.ts'

/** People, not agents: ten a second are six hundred a minute, more than most limits let through. */
const REQUESTS_PER_SECOND = 50

export const poolsOffered = ({ pools }: Settings): Record<string, PoolSettings> =>
  Object.fromEntries(Object.entries(pools).filter(([, { people }]) => people?.models !== undefined))

/** Permits of the pools that are offered, and their leases to read; their providers' keys and models. */
export function bindChat(
  fn: LambdaFunction,
  p: { readonly settings: Settings; readonly tables: Tables; readonly keys: ProviderKeys },
): void {
  const pools = poolsOffered(p.settings)
  const permits = Object.keys(pools).map((pool) => `people#${pool}`)
  const capacity = { variable: ENV.capacityTable, table: p.tables.capacity }
  const writes = (GRANTS.chat.capacity ?? []).filter((action) => action !== 'GetItem')
  bindTable(fn, { ...capacity, actions: ['GetItem'], keys: [...permits, ...Object.keys(pools)] })
  bindTable(fn, { ...capacity, actions: writes, keys: permits })
  p.keys.bind(fn, pools)
  const models = Object.entries(pools).flatMap(([pool, { people }]) =>
    (people?.models ?? []).map((model) => ({ pool, model })),
  )
  bindBedrock(fn, { settings: p.settings, models, answers: 'streamed' })
}

export class ChatFront extends Construct {
  constructor(scope: Construct, id: string, p: { readonly stage: Stage; readonly chat: LambdaFunction }) {
    super(scope, id)
    const api = new RestApi(this, 'api', {
      restApiName: `fairlead-${p.stage.name}-chat`,
      description: "Fairlead: what people call through under OpenAI's protocol",
      /** Edge-optimised ones end a stream that is silent for 30 s, Regional ones after five minutes. */
      endpointTypes: [EndpointType.REGIONAL],
      /** It would set the account's role for the logs of all its REST APIs. */
      cloudWatchRole: false,
      /** On the API and not on the methods, so that a method cannot forget it. */
      defaultMethodOptions: { authorizationType: AuthorizationType.IAM },
      deployOptions: {
        stageName: p.stage.name,
        tracingEnabled: true,
        throttlingRateLimit: REQUESTS_PER_SECOND,
        throttlingBurstLimit: REQUESTS_PER_SECOND,
      },
    })
    const integration = new LambdaIntegration(p.chat, {
      responseTransferMode: ResponseTransferMode.STREAM,
      /** Unsaid it would be 29 s, streamed or not; what is streamed may have 15 minutes. */
      ...(p.chat.timeout ? { timeout: p.chat.timeout } : {}),
      allowTestInvoke: false,
    })
    for (const { method, path, function: name } of ROUTES)
      if (name === 'chat') api.root.resourceForPath(path).addMethod(method, integration)
    acknowledge(api)
    new CfnOutput(this, 'url', {
      value: `${api.url}v1`,
      description: 'The base URL for OpenAI clients that sign their requests (docs/deploy.md)',
    }).overrideLogicalId('ChatUrl')
  }
}

function acknowledge(api: RestApi): void {
  const reasons = {
    'AwsSolutions-APIG1':
      'Its logs need a role that is set for a whole account; the function counts and traces its calls.',
    'AwsSolutions-APIG2': 'The function checks each request by the schema that the OpenAPI document is made from.',
    'AwsSolutions-APIG3': 'Nobody comes in without credentials of an account that the configuration names.',
    'AwsSolutions-APIG6': 'Its logs need a role that is set for a whole account, and would hold what people write.',
    'AwsSolutions-COG4': 'Callers are IAM roles, as they are of the other API.',
  }
  for (const [id, reason] of Object.entries(reasons)) Validations.of(api).acknowledge({ id, reason })
}
