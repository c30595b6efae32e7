/**
 * The Jobs table's stream, the publisher that reads it, and the bus. Its draws and processes are its own: the rest of a
 * schedule is as it would be without. A shard is read in order, a batch at a time, again from the first that failed.
 */
import type { End } from '../../core/job.ts'
import type { EventPort, JobEvent } from '../../services/ports.ts'
import { publishEnds } from '../../services/publish-ends.ts'
import type { Surroundings } from './calls.ts'
import type { WorldClock } from './clock.ts'
import { FaultMix } from './faults.ts'
import { Fleet } from './fleet.ts'
import { busOf } from './ports.ts'
import type { Role, SimProcess } from './process.ts'
import { Stream } from './random.ts'
import type { Scenario } from './scenario.ts'
import type { Written } from './tables.ts'

/** As lib/end-stream.ts sets it. */
const RETRIES = 10
/** Smaller than in AWS, so that there are several. */
const BATCH_AT_MOST = 8
const FUNCTION_MS = 30_000

interface Told {
  published(event: JobEvent): void
  keptApart(event: JobEvent): void
  threw(role: Role, error: unknown): void
}

export class EndStream implements Surroundings {
  readonly latency: Stream
  readonly latestMs = Infinity
  readonly era = 0
  readonly lateFirstMs = [0, 0] as const
  readonly mix: FaultMix
  private readonly stream: Stream
  private readonly fleet: Fleet<EventPort>
  private readonly shard: End[] = []
  private reading = false
  private tries = 0

  constructor(
    private readonly clock: WorldClock,
    readonly trace: Surroundings['trace'],
    private readonly told: Told,
    { seed, faultless: none }: Scenario,
  ) {
    this.latency = new Stream(seed, 'end latency')
    this.stream = new Stream(seed, 'ends')
    this.mix = new FaultMix(new Stream(seed, 'end faults'), { none, jumps: false })
    const bus: EventPort = { publish: async (p) => this.taken(p.events) }
    this.fleet = new Fleet({
      clock,
      stream: this.stream,
      offset: () => 0,
      compose: (process) => busOf(this, process, bus),
      threw: (role, error) => told.threw(role, error),
    })
  }

  /** Of other tables, from now on. */
  restart(): void {
    this.shard.length = 0
    this.fleet.end()
  }

  get idle(): boolean {
    return this.shard.length === 0 && !this.reading
  }

  /** What a commit brings into the stream. */
  take(commit: readonly Written[]): void {
    for (const { table, sk, after } of commit)
      if (table === 'jobs' && sk === 'end' && after) this.shard.push(after as unknown as End)
    this.readSoon()
  }

  after(ms: number, run: () => void): void {
    this.clock.after(ms, run)
  }
  asking(): void {}
  acting(): void {}
  jump(_: SimProcess): void {}

  private readSoon(): void {
    if (this.reading || this.shard.length === 0) return
    this.reading = true
    this.after(this.latency.spread(50, this.tries > 0 ? 5_000 : 1_000), () => void this.read())
  }

  private async read(): Promise<void> {
    const batch = this.shard.slice(0, this.stream.int(1, BATCH_AT_MOST))
    const ended = await this.fleet.invoke('publisher', FUNCTION_MS, (bus) => publishEnds(bus, batch))
    const failed = ended.kind === 'done' ? ended.value : batch[0]
    this.goOn(batch, failed ? batch.indexOf(failed) : batch.length)
    this.reading = false
    this.readSoon()
  }

  /** A shard may be read again from before: its checkpoint was not kept. */
  private goOn(batch: readonly End[], done: number): void {
    const again = done > 0 && this.mix.active && this.stream.chance(0.05)
    if (again) this.mix.count('stream replayed')
    else this.shard.splice(0, done)
    this.tries = done > 0 ? 0 : this.tries + 1
    if (this.tries <= RETRIES) return
    this.tries = 0
    for (const end of this.shard.splice(0, batch.length)) this.told.keptApart(end)
  }

  private taken(events: readonly JobEvent[]): { failed: JobEvent[] } {
    const refusing = this.mix.active && this.stream.chance(0.15)
    if (refusing) this.mix.count('bus refused some')
    const failed = events.filter(() => refusing && this.stream.chance(0.5))
    for (const event of events) if (!failed.includes(event)) this.told.published(event)
    return { failed }
  }
}
