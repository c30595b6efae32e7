/**
 * The whole of Fairlead in one process: the same handlers as in AWS, with the front, the poller, the schedule and the
 * sweep that API Gateway, the event source mapping, EventBridge and DynamoDB's TTL are there.
 */
import type { Context } from 'aws-lambda'
import { aiSdkModel } from '../adapters/models/ai-sdk.ts'
import { providerChat } from '../adapters/models/chat/port.ts'
import { systemClock } from '../adapters/system/clock.ts'
import { systemRandom } from '../adapters/system/random.ts'
import type { Settings } from '../core/settings.ts'
import { apiApp } from '../lambdas/api.ts'
import { approvalApp } from '../lambdas/approval.ts'
import { chatApp } from '../lambdas/chat.ts'
import { dispatcherHandler } from '../lambdas/dispatcher.ts'
import type { FunctionDeps } from '../lambdas/shared/deps.ts'
import { httpHandler } from '../lambdas/shared/http-handler.ts'
import { log } from '../lambdas/shared/wrap.ts'
import { workerHandler } from '../lambdas/worker.ts'
import { Doorbell } from '../services/doorbell.ts'
import { stranded, strandedLine } from '../services/stranded.ts'
import { NotAgreed } from './consent.ts'
import type { DataFolder } from './data-folder.ts'
import { LocalDispatching } from './dispatching.ts'
import type { EngineName } from './engine/choice.ts'
import { type Front, startFront } from './front.ts'
import { freeLeases } from './leases.ts'
import { DEVELOPER } from './settings.ts'
import { type Observe, openStores, type Stores } from './stores.ts'
import { sweepDaily } from './sweep.ts'
import { tokenFor } from './tokens.ts'

export interface System {
  readonly url: string
  readonly token: string
  readonly engine: string
  /** Ends new work, lets running calls settle, closes what was opened. */
  stop(): Promise<void>
}

/** A function of this machine has a Lambda's fifteen minutes; the dispatcher hands over to its successor in time. */
const FUNCTION_MS = 900_000
const contextFor = (name: string): Context => {
  const started = Date.now()
  return {
    functionName: `fairlead-${name}`,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:fairlead-${name}`,
    memoryLimitInMB: '1024',
    awsRequestId: `${name}-${started}`,
    logGroupName: '',
    logStreamName: '',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, started + FUNCTION_MS - Date.now()),
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  }
}

export async function startSystem(p: {
  settings: Settings
  folder: DataFolder
  port: number
  engine?: EngineName
  observe?: Observe
  /** Asked before anything is called; a no ends the start. */
  mayBegin?: (deps: FunctionDeps) => Promise<boolean>
}): Promise<System> {
  const stores = await openStores(p.folder, p.engine, p.observe)
  try {
    return await serve({ ...p, stores })
  } catch (error) {
    await stores.close()
    throw error
  }
}

interface Serving {
  readonly settings: Settings
  readonly folder: DataFolder
  readonly port: number
  readonly stores: Stores
  readonly mayBegin?: (deps: FunctionDeps) => Promise<boolean>
}

async function serve(p: Serving): Promise<System> {
  const dispatching = new LocalDispatching()
  const deps = compose(p, dispatching)
  const use = () => deps
  await holdsOnlyWhatIsConfigured(deps)
  if ((await p.mayBegin?.(deps)) === false) throw new NotAgreed()
  await freeLeases(p.stores.capacity, Object.keys(p.settings.pools))
  const stopping = new AbortController()
  const front: Front = await startFront({
    api: httpHandler(apiApp, use),
    approval: httpHandler(approvalApp, use),
    chat: chatApp(deps),
    callers: p.settings.callers,
    secret: p.folder.secret,
    context: contextFor,
    port: p.port,
  })
  const work = workerHandler(use)
  const polling = p.stores.queue.poll((event) => work(event, contextFor('worker')), stopping.signal)
  dispatching.start(dispatcherHandler(use, stopping.signal), contextFor)
  const sweeping = sweepDaily(p.stores.sweep, deps.clock, stopping.signal)
  const stop = async () => {
    await front.close()
    stopping.abort()
    await dispatching.stop()
    await Promise.all([polling, sweeping])
    await p.stores.close()
    p.folder.release()
  }
  let stopped: Promise<void> | undefined
  return {
    url: front.url,
    token: tokenFor(p.folder.secret, DEVELOPER.id),
    engine: p.stores.engine,
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }
}

export class StillHolds extends Error {
  readonly code = 'still-holds'
}

/** A start that would leave jobs where nobody looks at them, or fail them, is none. */
async function holdsOnlyWhatIsConfigured(deps: FunctionDeps): Promise<void> {
  const lines = (await stranded(deps)).map((one) => strandedLine(deps.settings, one))
  if (lines.length === 0) return
  throw new StillHolds(
    `${lines.join('; ')}. Start once more with the configuration that has them and let them run, or cancel them; --reset throws away all that is kept here.`,
  )
}

function compose(p: { settings: Settings; folder: DataFolder; stores: Stores }, waker: LocalDispatching): FunctionDeps {
  const { jobs, rings, capacity, people, queue } = p.stores
  const clock = systemClock
  const key = async (variable: string) => process.env[variable]
  return {
    settings: p.settings,
    jobs,
    rings,
    capacity,
    people,
    clock,
    random: systemRandom(),
    doorbell: new Doorbell({ rings, capacity, waker, clock }),
    // CloudWatch is not here, and nothing else collects metrics.
    meter: { count: () => undefined },
    log,
    queue: queue.queue,
    waker,
    model: aiSdkModel({ key, now: clock.now }),
    chat: providerChat({ key, now: clock.now }),
    cursorKey: p.folder.secret,
  }
}
