/**
 * What a person must know without looking. Each alarm has a section in docs/runbook.md; a threshold says here why it is
 * where it is. Jobs that fail are no alarm: they are shown to people as dead letters.
 */
import { Duration } from 'aws-cdk-lib'
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Topic } from 'aws-cdk-lib/aws-sns'
import type { Queue } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { PoolSettings } from '../core/settings.ts'
import { METRICS_NAMESPACE, serviceName } from './function.ts'
import type { Stage } from './inputs.ts'

const period = Duration.minutes(5)
const LOWERED_PERIODS = 6
/** The settings that limit a window, and how core/cost.ts names what they limit. */
const LIMITED = [
  { setting: 'requests', dimension: 'requests' },
  { setting: 'tokens', dimension: 'tokens' },
  { setting: 'inputTokens', dimension: 'input' },
  { setting: 'outputTokens', dimension: 'output' },
] as const
/** A publisher that keeps up is seconds behind; at five minutes, ten retries are going round. */
const STREAM_AGE = Duration.minutes(5)

/** One in ten of those in line, for a quarter of an hour. */
const PEOPLE_WAIT = Duration.seconds(10)
const PEOPLE_WAIT_PERIODS = 3
/** In each of them, for a quarter of an hour. */
const GOES_ON_PERIODS = 3
/** A dispatcher that is cut off after its fifteen minutes fails that long ago. */
const DISPATCHER_PERIODS = 4
/** A call that is passed through has almost six. */
const REQUEST_PERIODS = 3

/** Of functions together. Who has no errors has no value, unless it is asked for. */
const errorsOf = (functions: readonly LambdaFunction[]): IMetric =>
  new MathExpression({
    expression: functions.map((_, i) => `FILL(f${i}, 0)`).join(' + '),
    usingMetrics: Object.fromEntries(functions.map((fn, i) => [`f${i}`, fn.metricErrors({ period })])),
    period,
  })

interface AlarmsProps {
  readonly api: LambdaFunction
  readonly approval: LambdaFunction
  readonly chat?: LambdaFunction
  readonly dispatcher: LambdaFunction
  readonly worker: LambdaFunction
  readonly publisher: LambdaFunction
  readonly deadLetters: Readonly<Record<'jobs' | 'ends', Queue>>
  readonly topic: string | undefined
  readonly stage: Stage
  readonly pools: Readonly<Record<string, PoolSettings>>
}

export class Alarms extends Construct {
  constructor(scope: Construct, id: string, p: AlarmsProps) {
    super(scope, id)
    const action = p.topic && new SnsAction(Topic.fromTopicArn(this, 'topic', p.topic))
    const alarms = [
      this.any('dead-jobs', 'A message killed its worker three times', depth(p.deadLetters.jobs)),
      this.any('dead-ends', 'Ends of jobs could not be published', depth(p.deadLetters.ends)),
      this.once(
        'dispatcher-errors',
        'The dispatcher failed or ran out of time',
        p.dispatcher.metricErrors({ period }),
        DISPATCHER_PERIODS,
      ),
      this.once(
        'requests-failed',
        'A function that answers people ended without an answer',
        errorsOf([p.api, p.approval, ...(p.chat ? [p.chat] : [])]),
        REQUEST_PERIODS,
      ),
      this.notRunning(p.dispatcher),
      this.any(
        'worker-throttled',
        'The account has no concurrency left for the worker',
        p.worker.metricThrottles({ period }),
      ),
      this.streamBehind(p.publisher),
      this.any('requests-broken', 'Requests were answered 500', this.broken(p.stage, 'RequestsBroken')),
      this.any('attempts-broken', 'Workers broke over jobs', this.broken(p.stage, 'AttemptsBroken')),
      // A tick is tried again: that it fails is news only where that does not help.
      this.any('ticks-failed', 'Ticks fail again and again', this.broken(p.stage, 'TicksFailed'), GOES_ON_PERIODS),
      this.any(
        'sends-refused',
        'The queue took no messages: their slots are lost',
        this.broken(p.stage, 'SendsRefused'),
      ),
      this.any(
        'ends-unreadable',
        'Ends of jobs do not parse, and are not published',
        this.broken(p.stage, 'EndsUnreadable'),
      ),
      // Who is not woken starts within a minute.
      this.any('wakes-failed', 'Nobody wakes the dispatcher', this.broken(p.stage, 'WakesFailed'), GOES_ON_PERIODS),
      this.any('jobs-stranded', 'Jobs stand in a pool that the configuration does not name', this.stranded(p.stage)),
      ...Object.entries(p.pools).flatMap(([pool, settings]) => this.ofPool(p.stage, pool, settings)),
    ]
    if (action) for (const alarm of alarms) alarm.addAlarmAction(action)
  }

  /** Of whatever pools are removed: their names are known to the tables alone. */
  private stranded(stage: Stage): IMetric {
    return new Metric({
      namespace: METRICS_NAMESPACE,
      metricName: 'JobsStranded',
      dimensionsMap: { service: serviceName(stage) },
      statistic: Stats.MAXIMUM,
      period: Duration.minutes(15),
    })
  }

  /** Of all pools and functions together: the log says which (services/broken.ts). */
  private broken(stage: Stage, metricName: string): IMetric {
    return new Metric({
      namespace: METRICS_NAMESPACE,
      metricName,
      dimensionsMap: { service: serviceName(stage) },
      statistic: Stats.SUM,
      period,
    })
  }

  /** Quiet when it counts nothing: these metrics have no value until there is something to count. */
  private any(id: string, alarmDescription: string, metric: IMetric, evaluationPeriods = 1): Alarm {
    return new Alarm(this, id, {
      alarmDescription,
      metric,
      threshold: 1,
      evaluationPeriods,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
  }

  /** In one of the last periods: an error counts at the moment when its function began. */
  private once(id: string, alarmDescription: string, metric: IMetric, evaluationPeriods: number): Alarm {
    return new Alarm(this, id, {
      alarmDescription,
      metric,
      threshold: 1,
      evaluationPeriods,
      datapointsToAlarm: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
  }

  private ofPool(stage: Stage, pool: string, settings: PoolSettings): Alarm[] {
    const told = (metricName: string): IMetric =>
      new Metric({
        namespace: METRICS_NAMESPACE,
        metricName,
        dimensionsMap: { service: serviceName(stage), pool },
        statistic: Stats.MAXIMUM,
        period,
      })
    return [
      this.any(`stopped-${pool}`, `The provider refuses the key, model or credit of pool ${pool}`, told('PoolStopped')),
      this.any(
        `clock-off-${pool}`,
        `The clock of pool ${pool}'s dispatcher is wrong: it sends nothing`,
        told('ClockOff'),
      ),
      this.any(
        `settings-ignored-${pool}`,
        `Changed settings of pool ${pool} no longer fit its configuration, and are left out`,
        told('SettingsIgnored'),
      ),
      this.any(`unreadable-${pool}`, `A record or bell of pool ${pool} does not parse`, told('Unreadable')),
      this.any(`down-${pool}`, `The provider of pool ${pool} is down`, told('ProviderDown')),
      ...(settings.people ? [this.peopleWait(stage, pool)] : []),
      ...LIMITED.filter((limit) => settings[limit.setting] !== undefined).map(({ dimension }) =>
        this.lowered(stage, pool, dimension),
      ),
    ]
  }

  /** A limit that drops for minutes is the provider's; for half an hour, something for people to know. */
  private lowered(stage: Stage, pool: string, dimension: string): Alarm {
    return new Alarm(this, `lowered-${pool}-${dimension}`, {
      alarmDescription: `The provider of pool ${pool} has allowed less than half of the limit (${dimension}) for long`,
      metric: new Metric({
        namespace: METRICS_NAMESPACE,
        metricName: 'AllowedShare',
        dimensionsMap: { service: serviceName(stage), pool, dimension },
        statistic: Stats.MAXIMUM,
        period,
      }),
      threshold: 0.5,
      evaluationPeriods: LOWERED_PERIODS,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
  }

  /** Those who are served out of the stock do not wait; of the others some always do, for a moment. */
  private peopleWait(stage: Stage, pool: string): Alarm {
    return new Alarm(this, `people-wait-${pool}`, {
      alarmDescription: `People who wait in line for pool ${pool} wait for more than ${PEOPLE_WAIT.toSeconds()} s`,
      metric: new Metric({
        namespace: METRICS_NAMESPACE,
        metricName: 'PeopleWaitedMs',
        dimensionsMap: { service: serviceName(stage), pool },
        statistic: Stats.p(90),
        period,
      }),
      threshold: PEOPLE_WAIT.toMilliseconds(),
      evaluationPeriods: PEOPLE_WAIT_PERIODS,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
  }

  /** The schedule starts it five times in this period. A function that nobody starts has no value, so none breaches. */
  private notRunning(dispatcher: LambdaFunction): Alarm {
    return new Alarm(this, 'dispatcher-not-running', {
      alarmDescription: 'Nothing starts the dispatcher: jobs are accepted and wait',
      metric: dispatcher.metricInvocations({ period }),
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.BREACHING,
    })
  }

  private streamBehind(publisher: LambdaFunction): Alarm {
    return new Alarm(this, 'stream-behind', {
      alarmDescription: 'Ends of jobs are published late',
      metric: publisher.metric('IteratorAge', { period, statistic: Stats.MAXIMUM }),
      threshold: STREAM_AGE.toMilliseconds(),
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
  }
}

const depth = (queue: Queue): IMetric =>
  queue.metricApproximateNumberOfMessagesVisible({ period, statistic: Stats.MAXIMUM })
