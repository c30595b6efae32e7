/**
 * Everything that runs: six functions, and a seventh where people may call through; what starts each, and what each may
 * touch. A reader of this file sees who is connected to whom; how a connection is made stands in the file that it is imported from.
 */
import { Duration, Stack } from 'aws-cdk-lib'
import { RecursiveLoop } from 'aws-cdk-lib/aws-lambda'
import type { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs'
import type { Queue } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { callsOf, type Settings } from '../core/settings.ts'
import { Alarms } from './alarms.ts'
import { bindBedrock } from './bedrock.ts'
import { bindChat, ChatFront, poolsOffered } from './chat-api.ts'
import { addDashboard } from './dashboard.ts'
import { bindEnds, bindEventBus } from './end-stream.ts'
import { addFirstJob } from './first-job.ts'
import { fairleadFunction } from './function.ts'
import { FUNCTIONS, type FunctionName, GRANTS } from './grants.ts'
import { HttpFront } from './http-api.ts'
import type { Inputs } from './inputs.ts'
import { bindDispatcher } from './invoke.ts'
import { deadLetterQueue, JobQueue, WORKER_TIMEOUT } from './job-queue.ts'
import { askAboutRemovals, REMOVALS_TIMEOUT } from './removals.ts'
import { Ticks } from './schedule.ts'
import { bindCursorKey, ProviderKeys } from './secrets.ts'
import { bindTables, type Tables } from './tables.ts'

/** An HTTP API gives up after 30 s; a function that ends before can still answer with a reason. */
const HTTP_TIMEOUT = Duration.seconds(29)

/**
 * MB of memory, which is also the share of a CPU. All of them wait for others most of their time; the publisher, which
 * only copies, does with half.
 */
const SIZES = {
  api: { timeout: HTTP_TIMEOUT, memorySize: 512 },
  approval: { timeout: HTTP_TIMEOUT, memorySize: 512 },
  /**
   * Lambda's longest, so that the lease changes hands seldom. Handing over to itself is how it works on; after sixteen
   * times Lambda would stop the chain, as a loop that somebody forgot.
   */
  dispatcher: { timeout: Duration.minutes(15), memorySize: 512, recursiveLoop: RecursiveLoop.ALLOW },
  /** It wakes the dispatcher that sent it its message, which closes such a chain, too. */
  worker: { timeout: WORKER_TIMEOUT, memorySize: 512, recursiveLoop: RecursiveLoop.ALLOW },
  publisher: { timeout: Duration.seconds(30), memorySize: 256 },
  removals: { timeout: REMOVALS_TIMEOUT, memorySize: 512 },
  /** It waits in line for 25 s at most, then its call lasts five minutes (services/chat/chat.ts), then it settles. */
  chat: { timeout: Duration.seconds(345), memorySize: 512 },
} as const

type Functions = Readonly<Record<Exclude<FunctionName, 'chat'>, NodejsFunction>> & { readonly chat?: NodejsFunction }

interface ServiceProps extends Inputs {
  readonly tables: Tables
}

export class ServiceStack extends Stack {
  constructor(scope: Construct, id: string, p: ServiceProps) {
    super(scope, id, { description: 'Fairlead: the functions and what starts them' })
    const fns = this.functions(p)
    const { removals, ...others } = fns
    askAboutRemovals(this, { removals, settings: p.settings, before: Object.values(others) })
    const jobs = this.dispatching(fns, p)
    this.providers(fns, p)
    const unpublished = this.publishing(fns, p)
    this.front(fns, p)
    this.watching(fns, p, jobs, unpublished)
  }

  private functions({ stage, settings, configFile, tables }: ServiceProps): Functions {
    const needed = FUNCTIONS.filter((name) => name !== 'chat' || isOffered(settings))
    const made = needed.map(
      (name) => [name, fairleadFunction(this, { stage, name, configFile, ...SIZES[name] })] as const,
    )
    for (const [name, fn] of made) if (name !== 'chat') bindTables(fn, tables, GRANTS[name])
    return Object.fromEntries(made) as unknown as Functions
  }

  private dispatching({ api, dispatcher, worker, chat }: Functions, { stage, settings }: ServiceProps): JobQueue {
    const jobs = new JobQueue(this, 'queue')
    jobs.bindSender(dispatcher)
    jobs.bindConsumer(worker, settings)
    for (const fn of [api, dispatcher, worker, ...(chat ? [chat] : [])]) bindDispatcher(fn, stage)
    new Ticks(this, 'ticks', dispatcher)
    return jobs
  }

  private providers({ worker, chat }: Functions, p: ServiceProps): void {
    const keys = new ProviderKeys(this, 'provider-keys', p)
    const models = Object.values(p.settings.kinds).flatMap(callsOf)
    const called = new Set(models.map(({ pool }) => pool))
    keys.bind(worker, Object.fromEntries(Object.entries(p.settings.pools).filter(([pool]) => called.has(pool))))
    bindBedrock(worker, { settings: p.settings, models, answers: 'whole' })
    if (chat) bindChat(chat, { ...p, keys })
  }

  private publishing({ publisher }: Functions, { tables }: ServiceProps): Queue {
    const deadLetters = deadLetterQueue(this, 'unpublished')
    bindEnds(publisher, { jobs: tables.jobs, deadLetters })
    bindEventBus(this, publisher)
    return deadLetters
  }

  private front(functions: Functions, { stage, settings }: ServiceProps): void {
    bindCursorKey(this, [functions.api, functions.approval])
    const { url } = new HttpFront(this, 'http', { stage, functions })
    addFirstJob(this, { url, settings })
    if (functions.chat) new ChatFront(this, 'chat-http', { stage, chat: functions.chat })
  }

  private watching(fns: Functions, p: ServiceProps, { queue, deadLetters }: JobQueue, unpublished: Queue): void {
    new Alarms(this, 'alarms', {
      ...fns,
      deadLetters: { jobs: deadLetters, ends: unpublished },
      topic: p.alarmTopic,
      stage: p.stage,
      pools: p.settings.pools,
    })
    addDashboard(this, { ...p, functions: Object.values(fns), queue, deadLetters: [deadLetters, unpublished] })
  }
}

const isOffered = (settings: Settings): boolean => Object.keys(poolsOffered(settings)).length > 0
