import { describe, expect, it } from 'vitest'
import { FUNCTIONS, GRANTS } from '../../lib/grants.ts'
import { aConfig, aKind, aPool, resources, type Statement, statementsByFunction, templates, text } from './stacks.ts'

const everything = aConfig({
  pools: {
    main: { ...aPool(), people: { models: ['anthropic.claude-x'] } },
    /** Nothing but what people call through. */
    peoples: {
      ...aPool({ kind: 'openai-compatible', baseUrl: 'https://example.com/v1', keyVariable: 'PEOPLES_KEY' }),
      people: {},
    },
    spare: aPool({ kind: 'openai-compatible', baseUrl: 'https://example.com/v1', keyVariable: 'SPARE_KEY' }),
    other: aPool({ kind: 'openai-compatible', baseUrl: 'https://example.com/v1', keyVariable: 'OTHER_KEY' }),
  },
  kinds: {
    reply: aKind({ fallback: [{ pool: 'spare', model: 'm' }] }),
    step: aKind({ pool: 'other', model: 'some-model' }),
  },
})
const { service } = templates({ config: everything })
const roles = statementsByFunction(service)
const of = (name: string): Statement[] => roles.get(name) ?? []

/** The actions of one service that a function may take on what is recognised by `on`. */
const actions = (name: string, api: string, on: string): string[] =>
  of(name)
    .filter((s) => s.Resource.some((resource) => text(resource).includes(on)))
    .flatMap((s) => s.Action)
    .filter((action) => action.startsWith(`${api}:`))
    .map((action) => action.slice(api.length + 1))
    .sort()

const XRAY = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments']

describe('roles', () => {
  it('are one for each function', () => {
    const used = resources(service, 'AWS::Lambda::Function').map(([, fn]) => text(fn.Properties.Role))
    expect(used).toHaveLength(FUNCTIONS.length)
    expect(new Set(used).size).toBe(FUNCTIONS.length)
  })

  it('carry no managed policy', () => {
    for (const [, role] of resources(service, 'AWS::IAM::Role'))
      expect(role.Properties.ManagedPolicyArns).toBeUndefined()
  })

  it('allow no action by wildcard', () => {
    for (const statements of roles.values())
      for (const statement of statements) for (const action of statement.Action) expect(action).not.toContain('*')
  })

  it('allow nothing on every resource but sending traces, which have none', () => {
    for (const [name, statements] of roles)
      for (const statement of statements)
        if (statement.Resource.includes('*')) expect([name, [...statement.Action].sort()]).toEqual([name, XRAY])
  })

  it('name each resource in full, log groups and secrets included', () => {
    for (const statements of roles.values())
      for (const statement of statements)
        for (const resource of statement.Resource) if (resource !== '*') expect(text(resource)).not.toContain('*')
  })
})

describe('tables', () => {
  const tables = ['Live', 'Jobs', 'Rings', 'Capacity', 'Approvals']
  const granted = (name: string) =>
    Object.fromEntries(
      tables.map((table) => [table, actions(name, 'dynamodb', `GetAtt${table}`)]).filter(([, a]) => a?.length),
    )

  it('let the approval function alone write approvals, and nobody change or delete one', () => {
    const writers = FUNCTIONS.filter((name) => actions(name, 'dynamodb', 'GetAttApprovals').length > 0)
    expect(writers).toEqual(['approval'])
    expect(granted('approval').Approvals).toEqual(['PutItem'])
  })

  it.each(['api', 'approval', 'dispatcher', 'worker'] as const)(
    'are open to %s as far as lib/grants.ts says',
    (name) => {
      const said = Object.entries(GRANTS[name]).map(([table, actions]) => [table, [...actions].sort()])
      const found = Object.entries(granted(name)).map(([table, actions]) => [table.toLowerCase(), actions])
      expect(found.sort()).toEqual(said.sort())
    },
  )

  it('hide the content of jobs from the dispatcher', () => {
    expect(granted('dispatcher')).not.toHaveProperty('Jobs')
  })

  it('let the publisher read the stream of jobs and no table', () => {
    expect(granted('publisher')).toEqual({
      Jobs: ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'],
    })
    const stream = of('publisher').find((s) => s.Action.includes('dynamodb:GetRecords'))
    expect(text(stream?.Resource)).toContain('StreamArn')
  })

  it('reach a function as a variable exactly where they are permitted', () => {
    for (const [, fn] of resources(service, 'AWS::Lambda::Function')) {
      const name = FUNCTIONS.find((f) => fn.Properties.FunctionName.endsWith(`-${f}`)) ?? ''
      const named = tables.filter(
        (table) => `FAIRLEAD_${table.toUpperCase()}_TABLE` in fn.Properties.Environment.Variables,
      )
      expect([name, named.sort()]).toEqual([name, name === 'publisher' ? [] : Object.keys(granted(name)).sort()])
    }
  })
})

describe('other services', () => {
  it('let those who ring start the dispatcher, besides the schedule, and nobody start anything else', () => {
    const starts = [...roles.keys()].filter((name) => of(name).some((s) => s.Action.includes('lambda:InvokeFunction')))
    expect(starts.sort()).toEqual(['api', 'chat', 'dispatcher', 'ticks', 'worker'])
    for (const name of starts) expect(actions(name, 'lambda', 'dispatcher')).toEqual(['InvokeFunction'])
  })

  it('let the dispatcher send jobs, the worker receive them, and each do no more', () => {
    expect(actions('dispatcher', 'sqs', 'queuejobs')).toEqual(['SendMessage'])
    expect(actions('worker', 'sqs', 'queuejobs')).toContain('ReceiveMessage')
    expect(actions('worker', 'sqs', 'queuejobs')).not.toContain('SendMessage')
    for (const name of ['api', 'approval', 'publisher']) expect(actions(name, 'sqs', 'queuejobs')).toEqual([])
  })

  it('let the worker alone read providers keys where people are offered none of their models, and only those of pools that its kinds call, at home or elsewhere', () => {
    const readers = [...roles.keys()].filter((name) => text(of(name)).includes('secretsmanager:'))
    expect(readers).toEqual(['worker'])
    const reads = of('worker').filter((s) => text(s.Action).includes('secretsmanager:'))
    expect(reads).toHaveLength(1)
    expect(reads[0]?.Action).toEqual(['secretsmanager:GetSecretValue'])
    expect(reads[0]?.Resource).toEqual([
      { Ref: expect.stringContaining('OTHERKEY') },
      { Ref: expect.stringContaining('SPAREKEY') },
    ])
  })

  it('let the publisher put events on the default bus, as its own source', () => {
    expect(actions('publisher', 'events', ':event-bus/default')).toEqual(['PutEvents'])
    const [puts] = of('publisher').filter((s) => s.Action.includes('events:PutEvents'))
    expect(puts?.Condition).toEqual({ 'ForAllValues:StringEquals': { 'events:source': 'fairlead' } })
  })

  it('let a role of the schedule be assumed for this account and this group of schedules only', () => {
    const [, role] = resources(service, 'AWS::IAM::Role').find(([id]) => id.startsWith('ticks')) ?? []
    const [trust] = role?.Properties.AssumeRolePolicyDocument.Statement ?? []
    expect(trust.Principal).toEqual({ Service: 'scheduler.amazonaws.com' })
    expect(trust.Condition.StringEquals).toEqual({
      'aws:SourceAccount': { Ref: 'AWS::AccountId' },
      'aws:SourceArn': { 'Fn::GetAtt': [expect.stringContaining('group'), 'Arn'] },
    })
  })
})
