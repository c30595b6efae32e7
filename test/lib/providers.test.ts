import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { describe, expect, it } from 'vitest'
import { readKey } from '../../adapters/models/key.ts'
import { secretKeys } from '../../adapters/secrets/keys.ts'
import type { SettingsInput } from '../../core/settings.ts'
import { UNSET } from '../../lib/secrets.ts'
import { aConfig, aKind, aPool, resources, statementsByFunction, templates, text } from './stacks.ts'

const withModel = (model: string, region?: string): SettingsInput =>
  aConfig({
    pools: { main: aPool({ kind: 'bedrock', ...(region && { region }) }) },
    kinds: { reply: aKind({ model }) },
  })
const openai = (keyVariable: string) =>
  aPool({ kind: 'openai-compatible', baseUrl: 'https://example.com/v1', keyVariable })

const invokes = (config: SettingsInput) =>
  (statementsByFunction(templates({ config }).service).get('worker') ?? [])
    .filter((s) => s.Action.includes('bedrock:InvokeModel'))
    .map((s) => ({ on: text(s.Resource), condition: s.Condition }))

describe('Bedrock', () => {
  it('is closed to a worker whose pools do not use it', () => {
    const config = aConfig({ pools: { main: openai('A_KEY') } })
    expect(invokes(config)).toEqual([])
  })

  it('is open for the models that the kinds name', () => {
    const [statement, ...others] = invokes(withModel('anthropic.claude-x'))
    expect(others).toEqual([])
    expect(statement?.on).toContain('::foundation-model/anthropic.claude-x')
  })

  it('is open for those that they fall back to, where those are', () => {
    const pools = { main: openai('A_KEY'), spare: aPool({ kind: 'bedrock', region: 'eu-west-3' }) }
    const kinds = { reply: aKind({ fallback: [{ pool: 'spare', model: 'anthropic.claude-x' }] }) }
    const [statement, ...others] = invokes(aConfig({ pools, kinds }))
    expect(others).toEqual([])
    expect(statement?.on).toContain(':bedrock:eu-west-3::foundation-model/anthropic.claude-x')
  })

  it('is open in the region that the pool names', () => {
    expect(invokes(withModel('anthropic.claude-x', 'eu-west-3'))[0]?.on).toContain(
      ':bedrock:eu-west-3::foundation-model',
    )
  })

  it('is open in every region to an inference profile, and only through that profile', () => {
    const [profile, models, ...others] = invokes(withModel('eu.anthropic.claude-x'))
    expect(others).toEqual([])
    expect(profile?.on).toContain(':inference-profile/eu.anthropic.claude-x')
    expect(models?.on).toContain(':bedrock:*::foundation-model/anthropic.claude-x')
    expect(text(models?.condition)).toContain(':inference-profile/eu.anthropic.claude-x')
  })

  it('takes a profile by its ARN, too', () => {
    const arn = 'arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc'
    const [profile, models] = invokes(withModel(arn))
    expect(profile?.on).toBe(text([arn]))
    expect(models?.condition).toEqual({ ArnEquals: { 'bedrock:InferenceProfileArn': arn } })
  })
})

describe('a provider key', () => {
  const config = aConfig({
    pools: { main: openai('ONE_KEY'), second: openai('ONE_KEY'), third: openai('OTHER_KEY') },
  })
  const { service } = templates({ config })
  const secrets = resources(service, 'AWS::SecretsManager::Secret').filter(([, s]) => s.Properties.Name)

  it('has one secret of the stage, however many pools use it', () => {
    expect(secrets.map(([, s]) => s.Properties.Name)).toEqual(['fairlead/dev/ONE_KEY', 'fairlead/dev/OTHER_KEY'])
  })

  it('is never in the template: a placeholder stands there until somebody puts the key', () => {
    for (const [, secret] of secrets) expect(secret.Properties.SecretString).toBe(UNSET)
  })

  it('is missed by the worker before any provider is asked', async () => {
    const client = { send: async () => ({ SecretString: UNSET }) } as unknown as SecretsManagerClient
    const answer = await readKey('ONE_KEY', secretKeys({ client, prefix: 'fairlead/dev/', now: () => 0 }))
    expect(answer).toMatchObject({ kind: 'unconfigured' })
  })

  it('has a command that puts it', () => {
    const { Value } = service.toJSON().Outputs.PutONEKEY
    expect(text(Value)).toContain('aws secretsmanager put-secret-value')
    expect(text(Value)).toContain('--secret-id fairlead/dev/ONE_KEY')
  })

  it('goes with the stack, so that its name is free for the next', () => {
    for (const [, secret] of secrets) expect(secret.DeletionPolicy).toBe('Delete')
  })
})
