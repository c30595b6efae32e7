/**
 * One page, in the order in which questions come: what waits, what the limit allows, what was refused, how jobs end,
 * what the provider allows at present and whether it is down, whether the functions are well, whether messages are stuck, what broke;
 * what the cache saves and other pools serve, where a kind says so, and how calls of people go, where they may call
 * through. It shows, and decides nothing.
 */
import { Duration } from 'aws-cdk-lib'
import {
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  MathExpression,
  Metric,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import type { Queue } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import type { Settings } from '../core/settings.ts'
import { poolsOffered } from './chat-api.ts'
import { METRICS_NAMESPACE, serviceName } from './function.ts'
import type { Stage } from './inputs.ts'

/** As core/job.ts names them; a test compares, because lib/ knows of core its settings only. */
export const OUTCOMES = ['succeeded', 'failed', 'rejected', 'cancelled', 'expired'] as const

/** As services/broken.ts names them; a test compares, too. */
export const BROKEN = [
  'RequestsBroken',
  'AttemptsBroken',
  'TicksFailed',
  'SendsRefused',
  'WakesFailed',
  'EndsUnreadable',
] as const

const WIDTH = 12
const period = Duration.minutes(1)

interface DashboardProps {
  readonly stage: Stage
  readonly settings: Settings
  readonly functions: readonly LambdaFunction[]
  readonly queue: Queue
  readonly deadLetters: readonly Queue[]
}

export function addDashboard(scope: Construct, p: DashboardProps): Dashboard {
  return new Dashboard(scope, 'dashboard', {
    dashboardName: serviceName(p.stage),
    widgets: [
      [waiting(p), againstLimit(p)],
      [refused(p), ended(p)],
      [allowed(p), down(p)],
      [functions(p), queues(p)],
      [broken(p)],
      ...(cachingKinds(p).length > 0 ? [[saved(p), hitRate(p)]] : []),
      ...(shared(p).length > 0 ? [[peopleWaits(p)]] : []),
      ...(chatting(p).length > 0 ? [[passedThrough(p)]] : []),
      ...(fallbackPools(p).length > 0 ? [[elsewhere(p)]] : []),
    ],
  })
}

/** A metric of ours, with the dimension that Powertools adds to each: without it CloudWatch finds nothing. */
const ours = (p: DashboardProps, name: string, statistic: string, dimensions: Record<string, string> = {}): IMetric =>
  new Metric({
    namespace: METRICS_NAMESPACE,
    metricName: name,
    dimensionsMap: { service: serviceName(p.stage), ...dimensions },
    statistic,
    period,
    label: [name, ...Object.values(dimensions)].join(' '),
  })

const graph = (title: string, left: IMetric[], right: IMetric[] = []): IWidget =>
  new GraphWidget({ title, left, right, width: WIDTH, liveData: true })

const pools = (p: DashboardProps): string[] => Object.keys(p.settings.pools)

function waiting(p: DashboardProps): IWidget {
  const each = (name: string) =>
    Object.entries(p.settings.pools).flatMap(([pool, { tiers }]) =>
      Object.keys(tiers).map((tier) => ours(p, name, Stats.MAXIMUM, { pool, tier })),
    )
  return graph(
    'Queued and running, by tier',
    [...each('Queued'), ...each('Running')],
    [ours(p, 'DraftsWaiting', Stats.MAXIMUM)],
  )
}

const againstLimit = (p: DashboardProps): IWidget =>
  graph(
    'Calls in the window, against the limit',
    pools(p).flatMap((pool) => ['CallsInWindow', 'Limit'].map((name) => ours(p, name, Stats.MAXIMUM, { pool }))),
  )

const refused = (p: DashboardProps): IWidget =>
  graph(
    '429s and late slots',
    pools(p).flatMap((pool) => ['Refused429', 'LateSlots'].map((name) => ours(p, name, Stats.SUM, { pool }))),
  )

const allowed = (p: DashboardProps): IWidget =>
  graph(
    'Calls that the provider allows in a window, and what others take of it',
    pools(p).flatMap((pool) =>
      ['Allowed', 'Strangers'].map((name) => ours(p, name, Stats.AVERAGE, { pool, dimension: 'requests' })),
    ),
  )

const down = (p: DashboardProps): IWidget =>
  graph(
    'Providers that are down, or refuse the key',
    pools(p).flatMap((pool) => ['ProviderDown', 'PoolStopped'].map((name) => ours(p, name, Stats.MAXIMUM, { pool }))),
  )

const ended = (p: DashboardProps): IWidget =>
  graph(
    'Jobs ended, by outcome',
    OUTCOMES.map((outcome) => ours(p, 'JobsEnded', Stats.SUM, { outcome })),
  )

/** The slowest per cent, because a mean hides the dispatcher's long runs and the worker's slow models alike. */
const functions = (p: DashboardProps): IWidget =>
  graph(
    'Functions: errors, and durations (p99)',
    p.functions.map((fn) => fn.metricErrors({ period })),
    p.functions.map((fn) => fn.metricDuration({ period, statistic: Stats.p(99) })),
  )

/** What was caught, and tried again or answered 500: the functions' own errors do not hold it. */
const broken = (p: DashboardProps): IWidget =>
  graph(
    'What broke: the logs say where',
    BROKEN.map((name) => ours(p, name, Stats.SUM)),
  )

const queues = (p: DashboardProps): IWidget =>
  graph(
    'Messages: on their way, and dead letters',
    [p.queue.metricApproximateNumberOfMessagesVisible({ period })],
    p.deadLetters.map((queue) => queue.metricApproximateNumberOfMessagesVisible({ period })),
  )

const cachingKinds = (p: DashboardProps): { pool: string; kind: string }[] =>
  Object.entries(p.settings.kinds).flatMap(([kind, { pool, cache }]) => (cache ? [{ pool, kind }] : []))

const fallbackPools = ({ settings }: DashboardProps): string[] => [
  ...new Set(Object.values(settings.kinds).flatMap(({ fallback }) => fallback.map(({ pool }) => pool))),
]

const elsewhere = (p: DashboardProps): IWidget =>
  graph(
    "Other pools' jobs that were called here",
    fallbackPools(p).map((pool) => ours(p, 'FallbackCalls', Stats.SUM, { pool })),
  )

/** Each hit is a permit that another job has. */
const saved = (p: DashboardProps): IWidget =>
  graph(
    'Permits and tokens that the cache saved, and jobs that wait for another’s call',
    cachingKinds(p).flatMap((of) => ['CacheHits', 'CacheWaits'].map((name) => ours(p, name, Stats.SUM, of))),
    cachingKinds(p).map((of) => ours(p, 'TokensSaved', Stats.SUM, of)),
  )

const hitRate = (p: DashboardProps): IWidget =>
  graph(
    'Hit rate of the cache, in per cent',
    cachingKinds(p).map(
      ({ pool, kind }, i) =>
        new MathExpression({
          expression: `100 * h${i} / (h${i} + m${i})`,
          usingMetrics: {
            [`h${i}`]: ours(p, 'CacheHits', Stats.SUM, { pool, kind }),
            [`m${i}`]: ours(p, 'CacheMisses', Stats.SUM, { pool, kind }),
          },
          label: `${pool} ${kind}`,
          period,
        }),
    ),
  )

const shared = ({ settings }: DashboardProps): string[] =>
  Object.entries(settings.pools).flatMap(([pool, { people }]) => (people ? [pool] : []))

/** Of those in line alone the wait is told: the others had none. */
const peopleWaits = (p: DashboardProps): IWidget =>
  graph(
    'Permits of people: at once and out of the line; right: ms that the slowest in a hundred waited in line',
    shared(p).flatMap((pool) => [
      ours(p, 'PeopleAtOnce', Stats.SUM, { pool }),
      ours(p, 'PeopleWaitedMs', Stats.SAMPLE_COUNT, { pool }),
    ]),
    shared(p).map((pool) => ours(p, 'PeopleWaitedMs', Stats.p(99), { pool })),
  )

const chatting = (p: DashboardProps): string[] => Object.keys(poolsOffered(p.settings))

const passedThrough = (p: DashboardProps): IWidget =>
  graph(
    'Calls of people passed through, by outcome, and permits that could not be closed',
    chatting(p).flatMap((pool) =>
      ['answered', 'failed', 'waited-in-vain'].map((outcome) => ours(p, 'PeopleCalls', Stats.SUM, { pool, outcome })),
    ),
    chatting(p).map((pool) => ours(p, 'PermitsNotClosed', Stats.SUM, { pool })),
  )
