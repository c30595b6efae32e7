/**
 * Lets the worker call the Bedrock models that the kinds name, and no other. A configuration without a Bedrock pool
 * gives no permission at all.
 */
import { Stack, Validations } from 'aws-cdk-lib'
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { callsOf, type Settings } from '../core/settings.ts'

/**
 * What a system-defined inference profile's id starts with, before the model's own id:
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
 */
const GEOGRAPHY = /^(?:us|us-gov|eu|apac|jp|au|ca|global)\./

interface BedrockModel {
  readonly model: string
  /** Where the call is made; absent where the stack is. */
  readonly region: string | undefined
}

export function bindBedrock(fn: LambdaFunction, settings: Settings): void {
  for (const { model, region } of modelsOf(settings)) {
    const stack = Stack.of(fn)
    const where = { partition: stack.partition, region: region ?? stack.region, account: stack.account }
    for (const statement of statementsFor(model, where)) {
      fn.addToRolePolicy(statement)
      acknowledge(fn, statement)
    }
  }
}

function modelsOf(settings: Settings): BedrockModel[] {
  const found = new Map<string, BedrockModel>()
  for (const { model, pool } of Object.values(settings.kinds).flatMap(callsOf)) {
    const provider = settings.pools[pool]?.provider
    if (provider?.kind === 'bedrock') found.set(`${provider.region} ${model}`, { model, region: provider.region })
  }
  return [...found.values()]
}

interface Where {
  readonly partition: string
  readonly region: string
  readonly account: string
}

/** A model of the region; or a profile, and the models behind it in whichever region it picks, but through it only. */
function statementsFor(model: string, { partition, region, account }: Where): PolicyStatement[] {
  const models = (where: string, id: string) => `arn:${partition}:bedrock:${where}::foundation-model/${id}`
  if (model.startsWith('arn:')) {
    const own = invoke([model])
    return model.includes('inference-profile/') ? [own, invoke([models('*', '*')], model)] : [own]
  }
  if (!GEOGRAPHY.test(model)) return [invoke([models(region, model)])]
  const profile = `arn:${partition}:bedrock:${region}:${account}:inference-profile/${model}`
  return [invoke([profile]), invoke([models('*', model.replace(GEOGRAPHY, ''))], profile)]
}

/** The Converse API, too, is authorised as InvokeModel. */
const invoke = (resources: string[], throughProfile?: string): PolicyStatement =>
  new PolicyStatement({
    actions: ['bedrock:InvokeModel'],
    resources,
    ...(throughProfile && { conditions: { ArnEquals: { 'bedrock:InferenceProfileArn': throughProfile } } }),
  })

function acknowledge(fn: LambdaFunction, statement: PolicyStatement): void {
  const wild = statement.resources.filter((resource) => resource.includes('*'))
  for (const resource of wild)
    Validations.of(fn.role ?? fn).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${resource.replace(Stack.of(fn).partition, '<AWS::Partition>')}]`,
      reason: 'An inference profile picks the region itself; the condition admits calls through that profile only.',
    })
}
