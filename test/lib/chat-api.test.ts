import { describe, expect, it } from 'vitest'
import { peopleKey } from '../../adapters/keys.ts'
import { CALL_LASTS_MS } from '../../services/chat/chat.ts'
import { aConfig, aKind, aPool, resources, statementsByFunction, templates, text } from './stacks.ts'

const openai = (keyVariable: string, people?: object) => ({
  ...aPool({ kind: 'openai-compatible', baseUrl: 'https://example.com/v1', keyVariable }),
  ...(people ? { people } : {}),
})
const config = aConfig({
  pools: {
    main: { ...aPool(), people: { models: ['anthropic.claude-chat'] } },
    offered: openai('OFFERED_KEY', { models: ['gpt-x'] }),
    shared: openai('SHARED_KEY', {}),
  },
  kinds: { reply: aKind(), step: aKind({ pool: 'shared', model: 'gpt-y' }) },
})
const { service } = templates({ config })
const chat = statementsByFunction(service).get('chat') ?? []
const may = (action: string) => chat.filter((s) => s.Action.includes(action))

describe('where no pool offers models to people', () => {
  it('there is neither a function nor a REST API for their calls', () => {
    const without = templates({ config: aConfig({ pools: { main: { ...aPool(), people: {} } } }) }).service
    expect(resources(without, 'AWS::ApiGateway::RestApi')).toEqual([])
    expect(resources(without, 'AWS::ApiGateway::Account')).toEqual([])
    expect(text(resources(without, 'AWS::Lambda::Function'))).not.toContain('fairlead-dev-chat')
    expect(without.toJSON().Outputs).not.toHaveProperty('ChatUrl')
  })
})

describe('the REST API of calls that are passed through', () => {
  const methods = resources(service, 'AWS::ApiGateway::Method').map(([, m]) => m.Properties)

  it('has its two routes, each behind IAM, each streamed from the chat function', () => {
    expect(methods.map((m) => m.HttpMethod).sort()).toEqual(['GET', 'POST'])
    const parts = resources(service, 'AWS::ApiGateway::Resource').map(([, r]) => r.Properties.PathPart)
    expect(parts.sort()).toEqual(['chat', 'completions', 'models', 'v1'])
    for (const method of methods) {
      expect(method.AuthorizationType).toBe('AWS_IAM')
      expect(method.Integration).toMatchObject({ Type: 'AWS_PROXY', ResponseTransferMode: 'STREAM' })
      expect(text(method.Integration.Uri)).toMatch(/2021-11-15\/functions\/.*chat.*\/response-streaming-invocations/)
    }
  })

  it('is Regional, throttled and traced, and changes nothing of the account', () => {
    service.hasResourceProperties('AWS::ApiGateway::RestApi', { EndpointConfiguration: { Types: ['REGIONAL'] } })
    service.hasResourceProperties('AWS::ApiGateway::Stage', {
      StageName: 'dev',
      TracingEnabled: true,
      MethodSettings: [{ HttpMethod: '*', ResourcePath: '/*', ThrottlingRateLimit: 50, ThrottlingBurstLimit: 50 }],
    })
    service.resourceCountIs('AWS::ApiGateway::Account', 0)
  })

  it('tells its base URL', () => {
    expect(text(service.toJSON().Outputs.ChatUrl.Value)).toContain('/v1')
  })

  it('gives its function time for the longest wait and the longest call, and then to settle, and waits as long for it', () => {
    const [, fn] = resources(service, 'AWS::Lambda::Function').find(([id]) => id.startsWith('chat')) ?? []
    const lastsMs = fn?.Properties.Timeout * 1_000
    expect(lastsMs).toBeGreaterThan(25_000 + CALL_LASTS_MS + 10_000)
    for (const method of methods) expect(method.Integration.TimeoutInMillis).toBe(lastsMs)
  })
})

describe('the chat function', () => {
  it('writes the permits of pools that offer models, reads these and their leases, and no other item', () => {
    const keys = (action: string) => may(action).map((s) => s.Condition)
    const only = (partitions: string[]) => [{ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': partitions } }]
    const permits = ['main', 'offered'].map((pool) => peopleKey(pool).pk)
    for (const action of ['PutItem', 'UpdateItem']) expect(keys(`dynamodb:${action}`)).toEqual(only(permits))
    expect(keys('dynamodb:GetItem')).toEqual(only([...permits, 'main', 'offered']))
    for (const action of ['Query', 'DeleteItem']) expect(may(`dynamodb:${action}`)).toEqual([])
  })

  it('reads the keys of those pools alone', () => {
    const [reads, ...others] = may('secretsmanager:GetSecretValue')
    expect(others).toEqual([])
    expect(reads?.Resource).toEqual([{ Ref: expect.stringContaining('OFFEREDKEY') }])
  })

  it('calls, whole and streamed, the Bedrock models that people are offered, and not those of kinds', () => {
    const [calls, ...others] = may('bedrock:InvokeModel')
    expect(others).toEqual([])
    expect(calls?.Action).toEqual(['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'])
    expect(text(calls?.Resource)).toContain('anthropic.claude-chat')
    expect(text(calls?.Resource)).not.toContain('anthropic.claude-x')
    const worker = statementsByFunction(service).get('worker')
    expect(text(worker)).not.toContain('InvokeModelWithResponseStream')
    expect(text(worker)).not.toContain('claude-chat')
  })

  it('wakes the dispatcher, and is on the dashboard', () => {
    expect(text(may('lambda:InvokeFunction'))).toContain('fairlead-dev-dispatcher')
    const [[, dashboard] = []] = resources(service, 'AWS::CloudWatch::Dashboard')
    expect(text(dashboard?.Properties.DashboardBody)).toContain('PeopleCalls')
  })
})
