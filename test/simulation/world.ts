/**
 * A whole Fairlead in one process and in virtual time: the real services over the memory adapters, behind the faults of
 * calls.ts; around them a queue, a schedule, wakes, a provider. Everything follows from the seed.
 */
import { ledgerKey } from '../../adapters/keys.ts'
import { memoryCapacityStore } from '../../adapters/memory/capacity-store.ts'
import { memoryJobStore } from '../../adapters/memory/job-store.ts'
import { memoryPeopleStore } from '../../adapters/memory/people-store.ts'
import { memoryRingStore } from '../../adapters/memory/ring-store.ts'
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import { POLL_MS, type RunEnd, run } from '../../services/dispatch/run.ts'
import { Doorbell } from '../../services/doorbell.ts'
import type { JobEvent, JobMessage, ModelRequest } from '../../services/ports.ts'
import { work } from '../../services/work.ts'
import { halfOf } from './about.ts'
import { Book } from './book.ts'
import type { Surroundings } from './calls.ts'
import { calmLookOf } from './calm-looks.ts'
import type { Actor, Arrival } from './checks/check.ts'
import { WorldClock } from './clock.ts'
import { EndStream } from './end-stream.ts'
import { type Around, FaultMix } from './faults.ts'
import { type Ended, Fleet } from './fleet.ts'
import { lengthsKnown } from './lengths-known.ts'
import { MessageQueue } from './message-queue.ts'
import { Offsets } from './offsets.ts'
import {
  capacityOf,
  jobsOf,
  knowingNoChanges,
  modelOf,
  type ProviderAnswer,
  peopleOf,
  queueOf,
  readByOldCode,
  ringsOf,
  type Stores,
  wakerOf,
} from './ports.ts'
import type { Role, SimProcess } from './process.ts'
import { Provider } from './provider.ts'
import { processRandom, Stream } from './random.ts'
import { FUNCTION_MS, type Scenario } from './scenario.ts'
import { ObservedTables, type Standing } from './tables.ts'
import { Trace } from './trace.ts'

/** Not a multiple of a minute, so that nothing holds only on the minute. */
export const START = Date.UTC(2030, 0, 1, 9, 30, 7)
const SCHEDULE_MS = 60_000
/** Kept of a dispatcher's time for its last tick, as lambdas/dispatcher.ts does. */
const HAND_OVER_MS = 30_000

/** Told of everything that the checks look at. */
export interface Watcher {
  sent(message: JobMessage, actor: Actor | undefined): void
  arrival(arrival: Arrival): void
  effect(actor: Actor): void
  asking(actor: Actor): void
  published(event: JobEvent): void
  keptApart(event: JobEvent): void
  /** An invocation ended with an error. */
  threw(role: Role, error: unknown): void
}

/** After so long whoever asks for a function of a system that is down gives up. */
const UNREACHED_MS = 1_000

export class World implements Surroundings {
  readonly clock = new WorldClock(START)
  readonly tables = new ObservedTables()
  readonly book = new Book()
  readonly trace: (process: SimProcess, what: string) => void
  readonly history: Trace
  readonly latency: Stream
  readonly mix: FaultMix
  readonly latestMs: number
  readonly lateFirstMs: readonly [number, number]
  /** What was metered, by name. */
  readonly counted = new Map<string, number>()
  actor: Actor | undefined
  era = 0
  /** No function runs. */
  private isDown = false
  private readonly stream: Stream
  readonly ends: EndStream
  private readonly fleet: Fleet<FunctionDeps>
  readonly provider: Provider
  private readonly stores: Stores
  /** The message that each worker is at: a job may have been sent again meanwhile, under another slot. */
  private readonly working = new Map<SimProcess, JobMessage>()
  private readonly withinGuard: boolean
  private readonly calmLookMs: number
  private readonly messages: MessageQueue
  private readonly offsets: Offsets

  constructor(
    readonly scenario: Scenario,
    private readonly watcher: Watcher,
    keepTrace = false,
  ) {
    const { seed, clocks } = scenario
    this.history = new Trace(keepTrace)
    this.trace = (process, what) => this.history.add(this.clock.time, process.name, what)
    this.latency = new Stream(seed, 'latency')
    this.stream = new Stream(seed, 'world')
    const { faultless: none, about } = scenario
    const faults = {
      none: none || scenario.weather?.calm === true,
      jumps: clocks !== 'exact',
      half: halfOf(scenario),
      only: about !== undefined,
    }
    this.mix = new FaultMix(new Stream(seed, 'faults'), faults)
    this.lateFirstMs = about === 'chasing' ? [12_000, 20_000] : [300, 20_000]
    this.latestMs = scenario.forgetMs > 0 ? scenario.forgetMs / 2 : Infinity
    this.provider = new Provider(this.clock, new Stream(seed, 'provider'), this.mix, scenario)
    this.withinGuard = clocks !== 'beyond'
    this.calmLookMs = calmLookOf(scenario)
    this.stores = {
      jobs: memoryJobStore(this.tables),
      rings: memoryRingStore(this.tables),
      capacity: memoryCapacityStore(this.tables),
      people: memoryPeopleStore(this.tables),
      tables: this.tables,
    }
    if (scenario.short > 0) this.tables.commit(lengthsKnown(scenario))
    this.messages = new MessageQueue(this, this.stream, {
      sent: (message) => watcher.sent(message, this.actor),
      work: (message) => this.work(message),
    })
    this.ends = new EndStream(this.clock, this.trace, watcher, scenario)
    this.offsets = new Offsets(this, this.stream, scenario)
    this.fleet = new Fleet({
      clock: this.clock,
      stream: this.stream,
      offset: () => this.offsets.next(),
      compose: (process) => this.compose(process),
      threw: (role, error) => watcher.threw(role, error),
    })
  }

  get pools(): string[] {
    return Object.keys(this.scenario.settings.pools)
  }

  after(ms: number, then: () => void): void {
    this.clock.after(ms, then)
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  asking(actor: Actor): void {
    this.watcher.asking(actor)
  }

  acting(actor: Actor | undefined): void {
    this.actor = actor
    if (actor) this.watcher.effect(actor)
  }

  jump(process: SimProcess): void {
    this.offsets.leap(process)
  }

  /** Somebody's request to the API. */
  request<T>(task: (deps: FunctionDeps) => Promise<T>): Promise<Ended<T>> {
    return this.invokeFor('api', this.limit('api'), task)
  }

  isHeld(pool: string): boolean {
    return this.tables.get('capacity', ledgerKey(pool))?.['state'] === 'held'
  }

  /** The schedule, from now on. */
  start(): void {
    if (!this.mix.befalls('schedule skipped')) this.scheduled()
    if (this.mix.befalls('schedule doubled')) this.after(this.stream.int(0, 500), () => this.scheduled())
    this.after(SCHEDULE_MS, () => this.start())
  }

  /** Faults stop: from now on clocks are right again, as far as the guard asks for it. */
  calm(): void {
    this.mix.active = false
    this.ends.mix.active = false
    for (const process of this.fleet.processes) process.setClock(this.offsets.next())
  }

  /** Every function ends, and none begins. */
  stop(): void {
    this.isDown = true
    this.fleet.end()
  }

  /** Functions run again, over other tables: of a backup of that moment. */
  restored(standing: readonly Standing[], of: number): void {
    this.era++
    this.isDown = false
    this.tables.replace(standing)
    const items = standing.map(({ table, put }) => ({ table, pk: put.pk, sk: put.sk, before: undefined, after: put }))
    this.book.restart(items, of)
    this.ends.restart()
    // The schedule goes on as it was, or begins with its being enabled.
    if (this.stream.chance(0.5)) this.scheduled()
  }

  /** Invocations under way that are not stuck for ever, by role. */
  busy(role: Role): number {
    let n = 0
    for (const { process } of this.fleet.running) if (process.role === role) n++
    return n
  }

  private scheduled(): void {
    const late = this.mix.befalls('schedule late') ? this.stream.spread(100, 40_000) : 0
    this.after(late, () => this.dispatch(this.pools))
  }

  private dispatch(pools: readonly string[]): void {
    const limitMs = this.limit('dispatcher')
    const stop = this.mix.befalls('dispatcher told to stop') ? new AbortController() : undefined
    if (stop) this.after(this.stream.spread(50, 30_000), () => stop.abort())
    void this.invokeFor('dispatcher', limitMs, async (deps, process) => {
      if (this.mix.befalls('dispatcher frozen'))
        this.after(this.stream.spread(20, 20_000), () => process.freeze(this.stream.spread(3_000, 90_000)))
      const until = process.now() + limitMs - Math.min(HAND_OVER_MS, limitMs / 3)
      const lookEveryMs = () => (this.mix.active ? POLL_MS : this.calmLookMs)
      const running = { until, lookEveryMs, ...(stop ? { signal: stop.signal } : {}) }
      const runs = pools.map((pool) => run(deps, { pool, ...running }))
      await Promise.allSettled(runs)
      return Promise.all<RunEnd>(runs)
    })
  }

  private invokeFor<T>(
    role: Role,
    limitMs: number,
    task: (deps: FunctionDeps, process: SimProcess) => Promise<T>,
  ): Promise<Ended<T>> {
    if (this.isDown) return this.pause(UNREACHED_MS).then(() => ({ kind: 'died' }))
    return this.fleet.invoke(role, limitMs, task)
  }

  /** Where those that start sooner soon end. */
  private isToLive(): boolean {
    const { about } = this.scenario
    return (about === 'doubling' && !this.mix.active) || (about === 'chasing' && this.clock.time > START + 20_000)
  }

  private limit(role: keyof Scenario['limits']): number {
    const cut = this.mix.befalls(`time limit ${role}` as Around)
    if (role === 'dispatcher' && this.isToLive()) return FUNCTION_MS
    return cut ? this.stream.spread(100, 20_000) : this.scenario.limits[role]
  }

  private work(message: JobMessage): Promise<Ended<void>> {
    return this.invokeFor('worker', this.limit('worker'), (deps, process) => {
      this.working.set(process, message)
      return work(deps, message)
    })
  }

  private woken(pool: string): void {
    if (!this.mix.befalls('wake lost')) this.after(this.latency.int(5, 40), () => this.dispatch([pool]))
  }

  /** The call is on its way now, whatever becomes of its process. */
  private arrive(request: ModelRequest, process: SimProcess): Promise<ProviderAnswer> {
    const networkMs = this.withinGuard ? request.pool.guard.networkMs : request.pool.guard.networkMs * 2
    return new Promise((resolve) => {
      this.after(this.latency.int(0, networkMs), () => resolve(this.arrived(request, process)))
    })
  }

  private arrived(request: ModelRequest, process: SimProcess): ProviderAnswer {
    const { jobId, fence } = request
    const job = this.book.of(jobId)
    const message = this.working.get(process)
    const permit = message?.jobs.find((j) => j.key.jobId === jobId && j.fence === fence - 1)
    const pool = (permit && message?.pool) ?? job?.pool ?? (this.pools[0] as string)
    this.trace(process, `arrives ${jobId} ${fence}`)
    const said = this.provider.answer(request, pool)
    this.watcher.arrival({ request, process, at: this.clock.time, pool, job, permit, said })
    return said
  }

  private compose(process: SimProcess): FunctionDeps {
    const { scenario, stores } = this
    const old = scenario.oldBesideNew && new Stream(scenario.seed, `code of ${process.id}`).chance(0.5)
    const rings = readByOldCode(ringsOf(this, process, stores, scenario), () => old && this.mix.active)
    const changing = scenario.changes.length > 0
    const capacity = knowingNoChanges(capacityOf(this, process, stores, { changing }), () => old && this.mix.active)
    const waker = wakerOf(this, process, { wake: async ({ pool }) => this.woken(pool) })
    const arrive = (request: ModelRequest, from: SimProcess) => this.arrive(request, from)
    return {
      settings: scenario.settings,
      jobs: jobsOf(this, process, stores),
      rings,
      capacity,
      people: peopleOf(this, process, stores),
      clock: process,
      random: processRandom(new Stream(scenario.seed, `process ${process.id}`)),
      doorbell: new Doorbell({ rings, capacity, waker, clock: process }),
      meter: { count: (name, value) => this.counted.set(name, (this.counted.get(name) ?? 0) + value) },
      log: { broken: () => undefined },
      queue: queueOf(this, process, { send: async ({ messages }) => this.messages.take(messages) }),
      waker,
      model: modelOf(this, process, { arrive, withinGuard: this.withinGuard }),
      // People bring the provider of their calls along (passing.ts).
      chat: { call: () => Promise.reject(new Error('nobody calls through here')) },
      cursorKey: 'a key for cursors',
    }
  }
}
