/** Lets whoever rings bells start the dispatcher: the name and the permission, built from the name alone. */
import { ArnFormat, Stack } from 'aws-cdk-lib'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { ENV } from '../lambdas/shared/env.ts'
import { functionName } from './function.ts'
import type { Stage } from './inputs.ts'

/**
 * By name and not by reference, because the dispatcher itself is one of those who start it (it hands over to its
 * successor), and a resource that refers to itself cannot be deployed.
 */
export function bindDispatcher(fn: LambdaFunction, stage: Stage): void {
  const resourceName = functionName(stage, 'dispatcher')
  fn.addEnvironment(ENV.dispatcher, resourceName)
  const arn = Stack.of(fn).formatArn({
    service: 'lambda',
    resource: 'function',
    resourceName,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  })
  fn.addToRolePolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [arn] }))
}
