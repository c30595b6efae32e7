/**
 * What the functions must know and nobody else: the providers' keys, which a person puts in after the deployment, and
 * the key that seals list cursors, which nobody ever needs to see. No key passes through the templates.
 */
import { CfnOutput, RemovalPolicy, SecretValue, Stack, Validations } from 'aws-cdk-lib'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import type { Settings } from '../core/settings.ts'
import { ENV } from '../lambdas/shared/env.ts'
import type { Stage } from './inputs.ts'

/**
 * What stands in a provider's secret until somebody puts the key. The worker knows it (adapters/secrets/keys.ts) and
 * sends it to nobody: the pool stops with a line that names the secret.
 */
export const UNSET = 'unset'

/**
 * Deleted with the stack on every stage: they can be put in again from the provider's page, and a secret that stayed
 * behind would hold its name against the next deployment.
 */
const removalPolicy = RemovalPolicy.DESTROY

export class ProviderKeys extends Construct {
  private readonly secrets: ReadonlyMap<string, Secret>
  private readonly prefix: string

  constructor(scope: Construct, id: string, p: { readonly stage: Stage; readonly settings: Settings }) {
    super(scope, id)
    this.prefix = `fairlead/${p.stage.name}/`
    this.secrets = new Map(keyVariables(p.settings.pools).map((variable) => [variable, this.secret(variable)]))
  }

  /** A secret keeps what was put in: CloudFormation writes the placeholder once, at creation, and never compares. */
  private secret(variable: string): Secret {
    const secretName = `${this.prefix}${variable}`
    const secret = new Secret(this, variable, {
      secretName,
      description: `Fairlead: the provider's key that fairlead.config.ts calls ${variable}`,
      /** Generated, it would look like a key and fail like one; this says what is missing. It is no secret. */
      secretStringValue: SecretValue.unsafePlainText(UNSET),
      removalPolicy,
    })
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: "The provider's page issues the key and a person puts it in: there is nothing AWS could rotate it with.",
    })
    const where = `--region ${Stack.of(this).region} --secret-id ${secretName}`
    new CfnOutput(this, `put-${variable}`, {
      description: `Puts the key ${variable}`,
      value: `aws secretsmanager put-secret-value ${where} --secret-string "$${variable}"`,
    }).overrideLogicalId(`Put${variable.replaceAll('_', '')}`)
    return secret
  }

  /** The keys of these pools, and no others. */
  bind(fn: LambdaFunction, pools: Settings['pools']): void {
    fn.addEnvironment(ENV.secretPrefix, this.prefix)
    const resources = keyVariables(pools).flatMap((variable) => this.secrets.get(variable)?.secretArn ?? [])
    if (resources.length === 0) return
    fn.addToRolePolicy(
      new PolicyStatement({
        actions: ['secretsmanager:GetSecretValue'],
        resources,
      }),
    )
  }
}

/**
 * By dynamic reference: the template names the secret, and CloudFormation fills the variable in. Whoever may read the
 * function's configuration can then read the key. That is acceptable here, and would not be for a provider's key: with
 * it a cursor can be read, which names a job's id and lane and no content, or made, which shows nothing that its caller could
 * not ask for. It saves every cold start a request.
 */
export function bindCursorKey(scope: Construct, fns: readonly LambdaFunction[]): void {
  const secret = new Secret(scope, 'cursor-key', {
    description: 'Fairlead: seals the cursors of lists',
    generateSecretString: { passwordLength: 64, excludePunctuation: true },
    removalPolicy,
  })
  Validations.of(secret).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason: 'Rotating it would break every list that somebody is paging through, to protect nothing.',
  })
  for (const fn of fns) fn.addEnvironment(ENV.cursorKey, secret.secretValue.unsafeUnwrap())
}

function keyVariables(pools: Settings['pools']): string[] {
  const named = Object.values(pools).flatMap(({ provider }) =>
    provider.kind !== 'bedrock' && provider.keyVariable ? [provider.keyVariable] : [],
  )
  return [...new Set(named)].sort()
}
