import { Match } from 'aws-cdk-lib/assertions'
import { describe, expect, it } from 'vitest'
import { OUTCOMES } from '../../core/job.ts'
import { missingFields } from '../../core/prompt.ts'
import { ROUTES } from '../../lambdas/shared/routes.ts'
import { BROKEN as BROKEN_SHOWN, OUTCOMES as OUTCOMES_SHOWN } from '../../lib/dashboard.ts'
import { sampleJob } from '../../lib/first-job.ts'
import { FUNCTIONS as ALL } from '../../lib/grants.ts'
import { readInputs } from '../../lib/inputs.ts'
import { workersFor } from '../../lib/job-queue.ts'
import { BROKEN } from '../../services/broken.ts'
import { aConfig, aKind, aPool, resources, templates, text } from './stacks.ts'

const { service } = templates()
/** Without models for people there is no function for their calls: chat-api.test.ts has it. */
const FUNCTIONS = ALL.filter((name) => name !== 'chat')
const HTTP_ROUTES = ROUTES.filter((route) => route.function !== 'chat')
const functions = resources(service, 'AWS::Lambda::Function').map(([, fn]) => fn.Properties)
const settingsOf = (config: unknown) => {
  const read = readInputs({ stage: 'dev', config })
  if (!read.ok) throw new Error(read.faults.join())
  return read.inputs.settings
}

describe('routes', () => {
  const routes = resources(service, 'AWS::ApiGatewayV2::Route').map(([, route]) => route.Properties)

  it('are those of the list and no others', () => {
    expect(routes.map((r) => r.RouteKey).sort()).toEqual(HTTP_ROUTES.map((r) => `${r.method} ${r.path}`).sort())
  })

  it('are all behind IAM', () => {
    for (const route of routes) expect([route.RouteKey, route.AuthorizationType]).toEqual([route.RouteKey, 'AWS_IAM'])
  })

  it('go to the function that the list names', () => {
    for (const { method, path, function: name } of HTTP_ROUTES) {
      const route = routes.find((r) => r.RouteKey === `${method} ${path}`)
      expect([path, text(route?.Target)]).toEqual([path, expect.stringContaining(`to${name}`)])
    }
  })

  it('answer in the format of payload 2.0, are throttled and write an access log', () => {
    service.allResourcesProperties('AWS::ApiGatewayV2::Integration', { PayloadFormatVersion: '2.0' })
    service.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 500 },
      AccessLogSettings: { DestinationArn: Match.anyValue() },
    })
  })
})

describe('functions', () => {
  it('are six, on Node 24 and arm64, traced, with JSON logs', () => {
    expect(functions.map((fn) => fn.FunctionName).sort()).toEqual(
      FUNCTIONS.map((name) => `fairlead-dev-${name}`).sort(),
    )
    for (const fn of functions)
      expect(fn).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        TracingConfig: { Mode: 'Active' },
        LoggingConfig: { LogFormat: 'JSON' },
      })
  })

  it('change only after it was asked whether all that waits has a place in the new configuration', () => {
    const [[asked, { Properties }] = ['', { Properties: {} as never }]] = resources(
      service,
      'AWS::CloudFormation::CustomResource',
    )
    expect(JSON.parse(Properties.Places)).toEqual({ pools: ['main'], kinds: { reply: 'main' } })
    const waiting = resources(service, 'AWS::Lambda::Function').filter(([, fn]) => fn.DependsOn?.includes(asked))
    const named = waiting.map(([, fn]) => fn.Properties.FunctionName).sort()
    expect(named).toEqual(
      FUNCTIONS.filter((name) => name !== 'removals')
        .map((name) => `fairlead-dev-${name}`)
        .sort(),
    )
  })

  it('each have a log group of their own, with an end to its retention', () => {
    const groups = functions.map((fn) => text(fn.LoggingConfig.LogGroup))
    expect(new Set(groups).size).toBe(FUNCTIONS.length)
    service.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 })
  })

  it('leave no log group behind on a dev stage, and keep them elsewhere', () => {
    const policies = (stage: string) =>
      new Set(resources(templates({ stage }).service, 'AWS::Logs::LogGroup').map(([, group]) => group.DeletionPolicy))
    expect(policies('dev')).toEqual(new Set(['Delete']))
    expect(policies('prod')).toEqual(new Set(['Retain']))
  })

  it('tell metrics of two stages apart by their service', () => {
    for (const fn of functions)
      expect(fn.Environment.Variables).toMatchObject({
        POWERTOOLS_SERVICE_NAME: 'fairlead-dev',
        POWERTOOLS_METRICS_NAMESPACE: 'Fairlead',
      })
  })

  it('are given the key of cursors, where they list, by reference and never by value', () => {
    const keys = functions.flatMap((fn) => fn.Environment.Variables.FAIRLEAD_CURSOR_KEY ?? [])
    expect(keys).toHaveLength(2)
    for (const key of keys) expect(text(key)).toContain('{{resolve:secretsmanager:')
  })
})

describe('the dispatcher', () => {
  it('is started every minute, and a start that is missed is not repeated', () => {
    service.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Input: '{}', RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } },
    })
    service.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    })
  })

  it('works for many minutes, and may hand over to itself, or be woken by its worker, without end', () => {
    const looping = functions.filter((fn) => fn.RecursiveLoop === 'Allow').map((fn) => [fn.FunctionName, fn.Timeout])
    expect(looping).toEqual([
      ['fairlead-dev-dispatcher', 900],
      ['fairlead-dev-worker', 900],
    ])
  })
})

describe('the queue', () => {
  it('hides a message for at least as long as a worker may run, and gives it up after three receives', () => {
    const worker = functions.find((fn) => fn.FunctionName.endsWith('-worker'))
    const jobs = resources(service, 'AWS::SQS::Queue').find(([id]) => id.startsWith('queuejobs'))?.[1].Properties
    expect(jobs.VisibilityTimeout).toBeGreaterThanOrEqual(worker?.Timeout)
    expect(jobs.RedrivePolicy.maxReceiveCount).toBe(3)
    expect(jobs.MessageRetentionPeriod).toBeGreaterThan(3 * jobs.VisibilityTimeout)
  })

  it('refuses whoever does not come by TLS, and so do the dead letters', () => {
    const denied = resources(service, 'AWS::SQS::QueuePolicy').filter(([, p]) =>
      text(p.Properties).includes('"aws:SecureTransport":"false"'),
    )
    expect(denied).toHaveLength(resources(service, 'AWS::SQS::Queue').length)
  })

  it('gives a worker one message at a time', () => {
    service.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: Match.anyValue() },
    })
  })

  it('has as many workers as its pools can keep busy, enough for limits that are raised, and leaves half of the account to others', () => {
    const pool = (requests: number) => aConfig({ pools: { main: { provider: { kind: 'bedrock' }, requests } } })
    expect(workersFor(settingsOf(pool(300)))).toBe(300)
    expect(workersFor(settingsOf({ ...pool(300), kinds: { reply: aKind({ timeoutMs: 30_000 }) } }))).toBe(150)
    expect(workersFor(settingsOf(pool(1)))).toBe(100)
    expect(workersFor(settingsOf({ ...pool(1), kinds: {} }))).toBe(100)
    expect(workersFor(settingsOf(pool(100_000)))).toBe(500)
  })

  it('has workers for what a pool serves of others, while its own are stopped', () => {
    const bedrock = (requests: number) => ({ ...aPool(), provider: { kind: 'bedrock' as const }, requests })
    const kinds = { reply: aKind({ timeoutMs: 10_000, fallback: [{ pool: 'spare', model: 'm' }] }) }
    const config = aConfig({ pools: { main: bedrock(60), spare: bedrock(1_200) }, kinds })
    expect(workersFor(settingsOf(config))).toBe(10 + 200)
  })
})

describe('the stream of ends', () => {
  it('tells of new ends only, in small steps, and keeps what cannot be told', () => {
    service.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 10,
      StartingPosition: 'TRIM_HORIZON',
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': [Match.stringLikeRegexp('unpublished'), 'Arn'] } },
      },
      FilterCriteria: {
        Filters: [
          { Pattern: JSON.stringify({ eventName: ['INSERT', 'MODIFY'], dynamodb: { Keys: { sk: { S: ['end'] } } } }) },
        ],
      },
    })
  })
})

describe('operators', () => {
  it('are told of dead letters, of a dispatcher that fails or rests, of throttles, of a stream that lags, of a stopped pool, of a wrong clock, of stranded jobs, of settings left out, of what does not parse, of a provider that is down or allows less for long, and of what broke', () => {
    const alarms = resources(service, 'AWS::CloudWatch::Alarm').map(([, alarm]) => alarm.Properties)
    expect(alarms.map((a) => `${a.MetricName ?? 'of several'} ${a.TreatMissingData}`).sort()).toEqual([
      'AllowedShare notBreaching',
      'ApproximateNumberOfMessagesVisible notBreaching',
      'ApproximateNumberOfMessagesVisible notBreaching',
      'AttemptsBroken notBreaching',
      'ClockOff notBreaching',
      'EndsUnreadable notBreaching',
      'Errors notBreaching',
      'Invocations breaching',
      'IteratorAge notBreaching',
      'JobsStranded notBreaching',
      'PoolStopped notBreaching',
      'ProviderDown notBreaching',
      'RequestsBroken notBreaching',
      'SendsRefused notBreaching',
      'SettingsIgnored notBreaching',
      'Throttles notBreaching',
      'TicksFailed notBreaching',
      'Unreadable notBreaching',
      'WakesFailed notBreaching',
      'of several notBreaching',
    ])
    for (const alarm of alarms) expect(alarm.AlarmActions).toBeUndefined()
  })

  it('hear of a function that was cut off, though its error counts at the moment when it began', () => {
    const alarmed = resources(service, 'AWS::CloudWatch::Alarm').map(([, alarm]) => alarm.Properties)
    const backTo = (name: string | undefined) => {
      const [alarm] = alarmed.filter((a) => a.MetricName === name)
      return { datapoints: alarm?.DatapointsToAlarm, s: 300 * alarm?.EvaluationPeriods }
    }
    const longest = (name: string): number => {
      const [found] = resources(service, 'AWS::Lambda::Function').filter(([id]) => id.startsWith(name))
      return found?.[1].Properties.Timeout
    }
    expect(backTo('Errors').datapoints).toBe(1)
    expect(backTo('Errors').s).toBeGreaterThan(longest('dispatcher'))
    expect(backTo(undefined).datapoints).toBe(1)
    expect(backTo(undefined).s).toBeGreaterThan(longest('api'))
  })

  it('hear the alarms where they name a topic', () => {
    const alarmTopic = 'arn:aws:sns:eu-west-1:123456789012:alarms'
    templates({ alarmTopic }).service.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: [alarmTopic] })
  })

  it('have one dashboard of nine widgets', () => {
    const [[, dashboard] = [], ...others] = resources(service, 'AWS::CloudWatch::Dashboard')
    expect(others).toEqual([])
    expect(text(dashboard?.Properties.DashboardBody).match(/\\"type\\":\\"metric\\"/g)).toHaveLength(9)
  })

  it('see how people wait, and are told where they wait for long, in a pool that is shared with them', () => {
    const config = aConfig({ pools: { main: { ...aPool(), people: {} } } })
    const { service: withPeople } = templates({ config })
    const [[, dashboard] = []] = resources(withPeople, 'AWS::CloudWatch::Dashboard')
    expect(text(dashboard?.Properties.DashboardBody)).toContain('PeopleAtOnce')
    withPeople.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'PeopleWaitedMs', Threshold: 10_000 })
  })

  it('see what the cache saves, by kind, where one has it', () => {
    const kinds = { reply: aKind({ cache: { ttlMs: 60_000 } }), intro: aKind() }
    const [[, dashboard] = []] = resources(
      templates({ config: aConfig({ kinds }) }).service,
      'AWS::CloudWatch::Dashboard',
    )
    const body = text(dashboard?.Properties.DashboardBody)
    expect(body.match(/\\"type\\":\\"metric\\"/g)).toHaveLength(11)
    for (const name of ['CacheHits', 'CacheMisses', 'CacheWaits', 'TokensSaved'])
      expect(body).toContain(`\\"${name}\\"`)
    expect(body).toContain('100 * h0 / (h0 + m0)')
    expect(body).not.toContain('\\"intro\\"')
  })

  it('see what other pools serve, where a kind has a fallback', () => {
    const fallback = [{ pool: 'spare', model: 'm' }]
    const config = aConfig({ pools: { main: aPool(), spare: aPool() }, kinds: { reply: aKind({ fallback }) } })
    const [[, dashboard] = []] = resources(templates({ config }).service, 'AWS::CloudWatch::Dashboard')
    const body = text(dashboard?.Properties.DashboardBody)
    expect(body.match(/\\"type\\":\\"metric\\"/g)).toHaveLength(10)
    expect(body).toContain('\\"FallbackCalls\\",\\"pool\\",\\"spare\\"')
  })

  it('see every outcome that a job can have', () => {
    expect(OUTCOMES_SHOWN).toEqual(OUTCOMES)
  })

  it('see everything that can break', () => {
    expect(BROKEN_SHOWN).toEqual(BROKEN)
  })
})

describe('outputs', () => {
  const outputs = service.toJSON().Outputs

  it('are the URL and a command that submits a job', () => {
    expect(Object.keys(outputs).sort()).toEqual(['SubmitAJob', 'Url'])
    expect(text(outputs.SubmitAJob.Value)).toContain('curl --aws-sigv4')
    expect(text(outputs.SubmitAJob.Value)).toContain('/v1/jobs')
  })

  it('submit a job that has all that its kind asks for', () => {
    expect(sampleJob('reply', settingsOf(aConfig()))).toEqual({
      kind: 'reply',
      input: {
        lead: { name: 'an example of name', company: 'an example of company' },
        why: 'an example of why',
      },
    })
  })

  it.each(['{{lead}} {{lead.name}}', '{{lead.name}} {{lead}}'])('make sense of %s', (prompt) => {
    const settings = settingsOf(aConfig({ kinds: { reply: aKind({ prompt }) } }))
    expect(sampleJob('reply', settings).input).toEqual({ lead: { name: 'an example of name' } })
  })

  it('submit a job that lacks nothing, whatever the prompts of its kind name', () => {
    const kind = aKind({ system: 'As {{seller}}', prompt: '{{lead.name}}, {{ lead.last_contact }}, {{why}}' })
    const { input } = sampleJob('reply', settingsOf(aConfig({ kinds: { reply: kind } })))
    expect(missingFields(kind, input)).toEqual([])
    expect(Object.keys(input)).toEqual(['seller', 'lead', 'why'])
  })
})
