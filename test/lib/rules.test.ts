import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Queue } from 'aws-cdk-lib/aws-sqs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import fairleadConfig from '../../fairlead.config.ts'
import { aConfig, aKind, anApp, aPool } from './stacks.ts'

/** Every provider, so that every acknowledgement is needed by somebody. */
const everything = aConfig({
  pools: {
    main: { ...aPool(), people: { models: ['eu.anthropic.claude-x'] } },
    openai: aPool({ kind: 'openai-compatible', baseUrl: 'https://example.com/v1', keyVariable: 'OPENAI_KEY' }),
    anthropic: aPool({ kind: 'anthropic', keyVariable: 'ANTHROPIC_KEY' }),
  },
  kinds: {
    profile: aKind({ model: 'eu.anthropic.claude-x' }),
    arn: aKind({ model: 'arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc' }),
  },
})

describe('the rules of AwsSolutions and of CloudFormation', () => {
  beforeEach(() => {
    vi.stubEnv('CDK_VALIDATION', 'true')
    vi.spyOn(console, 'error').mockImplementation(() => {})
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })

  it.each(['dev', 'prod'])('find nothing on %s that is not acknowledged', (stage) => {
    expect(() => anApp({ stage, config: fairleadConfig }).app.synth()).not.toThrow()
    expect(() => anApp({ stage, config: everything }).app.synth()).not.toThrow()
  })

  it('find a permission that somebody widens', () => {
    const { app, service } = anApp()
    const role = new Role(service, 'planted', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    role.addToPolicy(new PolicyStatement({ actions: ['dynamodb:*'], resources: ['*'] }))
    expect(() => app.synth()).toThrow(/IAM5/)
  })

  it('find a queue that somebody leaves open', () => {
    const { app, service } = anApp()
    new Queue(service, 'planted')
    expect(() => app.synth()).toThrow(/SQS/)
  })
})

describe('the app', () => {
  it('asks no account and no region', () => {
    const { data, service } = anApp()
    for (const stack of [data, service]) expect(stack.environment).toBe('aws://unknown-account/unknown-region')
  })
})
