/**
 * The HTTP front: the routes of lambdas/shared/routes.ts, each behind IAM. It knows no path of its own and checks no
 * body: a route that is not in the list does not exist, and what a caller may do is decided in the functions.
 */
import { CfnOutput } from 'aws-cdk-lib'
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import { HttpApi, HttpMethod, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { ROUTES, type Route } from '../lambdas/shared/routes.ts'
import { logGroupOf } from './function.ts'
import type { Stage } from './inputs.ts'

/**
 * Every submit puts one bell, and the dispatcher deletes it, in one partition per pool; a DynamoDB partition takes
 * 1,000 writes a second. Half of that is what one pool can be told, and a second of it is the burst.
 */
const REQUESTS_PER_SECOND = 500

/** Who asked for what and how it went: enough for an audit, nothing of any body, no address. */
const ACCESS_LOG = AccessLogFormat.custom(
  JSON.stringify({
    requestId: AccessLogField.contextRequestId(),
    time: AccessLogField.contextRequestTime(),
    route: AccessLogField.contextRouteKey(),
    status: AccessLogField.contextStatus(),
    latencyMs: AccessLogField.contextResponseLatency(),
    caller: AccessLogField.contextIdentityUserArn(),
    error: AccessLogField.contextErrorMessage(),
    integrationError: AccessLogField.contextIntegrationErrorMessage(),
  }),
)

export class HttpFront extends Construct {
  readonly url: string

  constructor(
    scope: Construct,
    id: string,
    p: {
      readonly stage: Stage
      readonly functions: Readonly<Record<Exclude<Route['function'], 'chat'>, LambdaFunction>>
    },
  ) {
    super(scope, id)
    const api = new HttpApi(this, 'api', {
      description: 'Fairlead',
      createDefaultStage: false,
      /** On the API and not on the routes, so that a route cannot forget it. */
      defaultAuthorizer: new HttpIamAuthorizer(),
    })
    const integrations = {
      api: new HttpLambdaIntegration('to-api', p.functions.api),
      approval: new HttpLambdaIntegration('to-approval', p.functions.approval),
    }
    for (const route of ROUTES) {
      // An HTTP API cannot stream an answer: chat-api.ts has those.
      if (route.function === 'chat') continue
      api.addRoutes({
        path: route.path,
        methods: [HttpMethod[route.method]],
        integration: integrations[route.function],
      })
    }
    this.url = this.stage(api, p.stage).url.replace(/\/$/, '')
    new CfnOutput(this, 'url', { value: this.url, description: 'Where the API answers' }).overrideLogicalId('Url')
  }

  private stage(api: HttpApi, stage: Stage): HttpStage {
    return new HttpStage(this, 'stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: REQUESTS_PER_SECOND, burstLimit: REQUESTS_PER_SECOND },
      accessLogSettings: {
        destination: new LogGroupLogDestination(logGroupOf(this, 'access-logs', stage)),
        format: ACCESS_LOG,
      },
    })
  }
}
