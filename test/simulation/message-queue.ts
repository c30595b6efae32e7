/** The queue between dispatchers and workers: it loses, doubles and delays, and brings back what its worker left undone. */
import type { JobMessage } from '../../services/ports.ts'
import type { WorldClock } from './clock.ts'
import type { FaultMix } from './faults.ts'
import type { Ended } from './fleet.ts'
import { Stream } from './random.ts'
import type { Scenario } from './scenario.ts'

/** As lib/job-queue.ts sets it. */
const RECEIVES = 3
/** After the end of the slot: as likely before it as behind it, by a worker's clock; or always behind it. */
const AT_THE_END = [-250, 50] as const
const TOO_LATE = [0, 400] as const
const PROBES_LATE = 0.3

interface Around {
  readonly scenario: Scenario
  readonly clock: WorldClock
  readonly mix: FaultMix
  readonly latency: Stream
}
interface Told {
  sent(message: JobMessage): void
  /** One worker's invocation. */
  work(message: JobMessage): Promise<Ended<void>>
}

export class MessageQueue {
  private readonly edges: Stream

  constructor(
    private readonly around: Around,
    private readonly stream: Stream,
    private readonly told: Told,
  ) {
    this.edges = new Stream(around.scenario.seed, 'edges')
  }

  take(messages: readonly JobMessage[]): { failed: JobMessage[] } {
    const { mix } = this.around
    for (const message of messages) {
      this.told.sent(message)
      const late = this.heldUp(message)
      if (late) this.deliverCopies(message, late)
      else if (!mix.befalls('message lost')) {
        this.deliver(message)
        if (mix.befalls('message doubled')) this.deliver(message)
      }
    }
    return { failed: [] }
  }

  /** When it comes, where the schedule is about messages that come late. */
  private heldUp({ jobs }: JobMessage): readonly [number, number] | undefined {
    const { mix, scenario } = this.around
    if (!mix.active) return undefined
    if (scenario.lateCopies) return AT_THE_END
    if (scenario.about === 'leaping') return TOO_LATE
    const probes = scenario.about === 'refusing' && jobs.some((job) => job.probe)
    if (!probes || !this.edges.chance(PROBES_LATE)) return undefined
    return this.edges.chance(0.5) ? TOO_LATE : AT_THE_END
  }

  private deliver(message: JobMessage): void {
    const late = this.around.mix.befalls('message delayed') ? this.stream.spread(20, 60_000) : 0
    this.arrive(message, late + this.around.latency.int(3, 12))
  }

  private deliverCopies(message: JobMessage, [from, to]: readonly [number, number]): void {
    const over = Math.min(...message.jobs.map(({ notAfter }) => notAfter)) - this.around.clock.time
    for (const kind of ['message doubled', 'message delayed'] as const) {
      this.around.mix.count(kind)
      this.arrive(message, Math.max(3, over + this.edges.int(from, to)))
    }
  }

  private arrive(message: JobMessage, afterMs: number, times = 1): void {
    this.around.clock.after(afterMs, () => void this.receive(message, times))
  }

  private async receive(message: JobMessage, times: number): Promise<void> {
    const ended = await this.told.work(message)
    if (ended.kind !== 'done' && times < RECEIVES) this.arrive(message, this.around.scenario.visibilityMs, times + 1)
  }
}
