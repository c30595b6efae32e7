/**
 * A whole Fairlead in one process: the real services over tables in memory, in virtual time. What AWS does around them
 * is here as well: the queue delivers, the schedule starts a dispatcher every minute, a wake starts one at once.
 * Everything follows from the seed: no wall clock, no ambient randomness.
 */
import { endKey, inputKey } from '../../adapters/keys.ts'
import { memoryCapacityStore } from '../../adapters/memory/capacity-store.ts'
import { memoryJobStore } from '../../adapters/memory/job-store.ts'
import { memoryPeopleStore } from '../../adapters/memory/people-store.ts'
import { memoryRingStore } from '../../adapters/memory/ring-store.ts'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import { fromLiveItem, partsOf } from '../../adapters/records.ts'
import type { End, JobParts, LiveRecord } from '../../core/job.ts'
import type { FunctionDeps } from '../../lambdas/shared/deps.ts'
import type { Caller } from '../../services/caller.ts'
import { type RunEnd, run } from '../../services/dispatch/run.ts'
import type { JobMessage, Random } from '../../services/ports.ts'
import { type SubmitRequest, submit } from '../../services/submit.ts'
import { work } from '../../services/work.ts'
import { aCaller } from './callers.ts'
import { FakeChat } from './fake-chat.ts'
import { FakeModel } from './fake-model.ts'
import { type Befalls, faulty, newDoorbell } from './port-faults.ts'
import { seededRandom } from './seeded-random.ts'
import { VirtualClock } from './virtual-clock.ts'
import { type WorldSettings, worldSettings } from './world-settings.ts'

/** Not a multiple of a minute, so that nothing holds only on the minute. */
export const START = Date.UTC(2030, 0, 1, 9, 30, 7)
const SCHEDULE_MS = 60_000
/** What it takes to start a dispatcher, and to hand a message to a worker. */
const START_MS = 50
const DELIVERY_MS = 20
/** A Lambda's fifteen minutes, less what the function keeps for handing over. */
const RUN_MS = 870_000
/** As lib/job-queue.ts sets them. */
const VISIBILITY_MS = 960_000
const RECEIVES = 3

export interface Run {
  readonly pool: string
  readonly from: number
  to?: number
  end?: RunEnd | { readonly broke: unknown }
}
export interface Count {
  readonly name: string
  readonly value: number
  readonly dimensions: Readonly<Record<string, string>>
}

export interface Line {
  readonly what: string
  readonly facts: Readonly<Record<string, string>>
}

export class World {
  readonly clock = new VirtualClock(START)
  readonly tables = new MemoryTables()
  readonly model = new FakeModel(this.clock)
  readonly chat = new FakeChat(this.clock)
  readonly random: Random
  /** Every dispatcher that was started, every message that was sent, everything that was metered. */
  readonly runs: Run[] = []
  readonly messages: JobMessage[] = []
  readonly counts: Count[] = []
  /** Every line of the log. */
  readonly lines: Line[] = []
  /** The process of the API. */
  readonly api: FunctionDeps
  /** The processes of the n-th dispatcher and of the n-th message's worker, counted from 1. */
  dispatcher: (n: number) => FunctionDeps = () => this.process()
  worker: (n: number, message: JobMessage) => FunctionDeps
  /** After how many ms each copy of the n-th message arrives: none if it is lost. */
  delivery: (n: number, message: JobMessage) => readonly number[] = () => [DELIVERY_MS]
  /** Whether the queue takes a message. */
  takes: (message: JobMessage) => boolean = () => true
  /** Whether a wake is heard. */
  wakes = true

  constructor(p: WorldSettings & { seed?: number } = {}) {
    const { seed = 1, ...settings } = p
    this.random = seededRandom(seed)
    this.ports = {
      settings: worldSettings(settings),
      jobs: memoryJobStore(this.tables),
      rings: memoryRingStore(this.tables),
      capacity: memoryCapacityStore(this.tables),
      people: memoryPeopleStore(this.tables),
      clock: this.clock,
      random: this.random,
      model: this.model,
      chat: this.chat,
      queue: { send: async ({ messages }) => this.take(messages) },
      waker: { wake: async ({ pool }) => this.woken(pool) },
      meter: { count: (name, value, dimensions = {}) => void this.counts.push({ name, value, dimensions }) },
      log: { broken: (what, facts) => void this.lines.push({ what, facts }) },
      cursorKey: 'a key for cursors',
    }
    this.api = this.process()
    const worker = this.process()
    this.worker = () => worker
  }
  private readonly ports: Omit<FunctionDeps, 'doorbell'>

  /** Another process over the same tables. */
  process(befalls?: Befalls): FunctionDeps {
    const deps = newDoorbell(this.ports as FunctionDeps)
    return befalls ? faulty(deps, befalls) : deps
  }

  now(): number {
    return this.clock.now()
  }

  /** The dispatchers that got the lease. */
  get holders(): Run[] {
    return this.runs.filter((r) => r.end !== 'taken')
  }

  /** The sum of what was metered under a name. */
  counted(name: string): number {
    return this.counts.reduce((sum, c) => sum + (c.name === name ? c.value : 0), 0)
  }

  /** The schedule, from now on. */
  start(): void {
    for (const pool of Object.keys(this.ports.settings.pools)) void this.dispatch(pool)
    this.after(SCHEDULE_MS, () => this.start())
  }

  async dispatch(pool = 'main', until = this.now() + RUN_MS): Promise<void> {
    const one: Run = { pool, from: this.now() }
    this.runs.push(one)
    one.end = await run(this.dispatcher(this.runs.length), { pool, until }).catch((broke: unknown) => ({ broke }))
    one.to = this.now()
  }

  /** A job of `ada`, or of whoever asks; its id. */
  async submit(kind = 'step', request: Partial<SubmitRequest> = {}, caller: Caller = aCaller(request.owner)) {
    const done = await submit(this.api, caller, { kind, input: { name: 'Grace' }, ...request })
    if (!done.ok) throw new Error(`${done.code}: ${done.detail}`)
    return done.jobId
  }

  async submitMany(count: number, kind?: string, request?: Partial<SubmitRequest>): Promise<string[]> {
    const ids: string[] = []
    for (let i = 0; i < count; i++) ids.push(await this.submit(kind, request))
    return ids
  }

  pass(ms: number): Promise<void> {
    return this.clock.runTo(this.now() + ms)
  }

  until(holds: () => boolean, atMostMs?: number): Promise<void> {
    return this.clock.runUntil(holds, atMostMs)
  }

  /** Until every one of these jobs has ended. */
  ended(ids: readonly string[], atMostMs?: number): Promise<void> {
    const left = [...ids]
    return this.until(() => {
      while (left.length > 0 && this.end(left.at(-1) as string)) left.pop()
      return left.length === 0
    }, atMostMs)
  }

  /** What the tables hold, read past every port. */
  end(jobId: string): End | undefined {
    return this.tables.get('jobs', endKey(jobId)) as End | undefined
  }
  parts(jobId: string): JobParts | undefined {
    return partsOf(this.tables.query('jobs', { pk: inputKey(jobId).pk }).items, this.now())
  }
  live(): LiveRecord[] {
    return [...this.tables.all()].flatMap(({ table, put }) => (table === 'live' ? [fromLiveItem(put)] : []))
  }
  liveOf(jobId: string): LiveRecord[] {
    return this.live().filter((r) => r.key.jobId === jobId)
  }
  bells(pool = 'main'): number {
    return this.tables.query('rings', { pk: `bell#${pool}` }).items.length
  }

  private after(ms: number, then: () => void): void {
    void this.clock.until(this.now() + ms).then(then)
  }

  private woken(pool: string): void {
    if (this.wakes) this.after(START_MS, () => void this.dispatch(pool))
  }

  private take(messages: readonly JobMessage[]): { failed: JobMessage[] } {
    const taken = messages.filter((message) => this.takes(message))
    for (const message of taken) {
      const n = this.messages.push(message)
      for (const ms of this.delivery(n, message)) this.after(ms, () => void this.receive(n, message, 1))
    }
    return { failed: messages.filter((message) => !taken.includes(message)) }
  }

  /** A worker that fails brings its message back, as often as the queue allows. */
  private async receive(n: number, message: JobMessage, times: number): Promise<void> {
    try {
      await work(this.worker(n, message), message)
    } catch {
      if (times < RECEIVES) this.after(VISIBILITY_MS, () => void this.receive(n, message, times + 1))
    }
  }
}

/** A world in which nobody dispatches: what is queued stays. */
export function asleep(): World {
  const world = new World()
  world.wakes = false
  return world
}
