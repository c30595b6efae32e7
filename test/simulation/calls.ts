/**
 * One call of the outside, from asking to answer, and what each fault makes of it. Every call takes time in the world;
 * its effect falls on one moment of it. Nothing else in the simulation reaches the tables for the system under test.
 */
import type { Actor } from './checks/check.ts'
import type { CallKind, Fault, FaultMix } from './faults.ts'
import type { SimProcess } from './process.ts'
import type { Stream } from './random.ts'

/** What an adapter throws when it gives up: its retries are over. */
export class PortDown extends Error {
  readonly code = 'port-down'
}

export interface Call<T> {
  readonly kind: CallKind
  readonly args: unknown
  /** The effect, in one moment. */
  readonly land: () => Promise<T>
  /** Of a batch, a part. */
  readonly landPart?: (share: number) => Promise<unknown>
  /** A read that sees its items at two moments: the first half, and what then reads the second and joins them. */
  readonly torn?: () => Promise<() => Promise<T>>
  /** What the adapter answers when a first sending was not heard and the second met it: the second's answer if absent. */
  readonly resent?: (first: T, second: T) => T
  /** A transaction's token: after this answer a second sending changes nothing and is answered alike. */
  readonly remembered?: (answer: T) => boolean
  /** The effect falls on the moment of asking. */
  readonly atOnce?: boolean
}

/** What calls need of the world around them. */
export interface Surroundings {
  readonly latency: Stream
  readonly mix: FaultMix
  /** Nothing lands later than that: inputs are kept for longer than any request is on its way. */
  readonly latestMs: number
  /** From when to when a first put may land that is late: when its job has ended, and before faults stop. */
  readonly lateFirstMs: readonly [number, number]
  /** Counts on when other tables take the place of those that stood. */
  readonly era: number
  /** In the world's time, whatever becomes of the process. */
  after(ms: number, run: () => void): void
  /** A process asks: whatever befalls the call is still to come. */
  asking(actor: Actor): void
  /** An effect is about to land, or an answer to be heard. */
  trace(process: SimProcess, what: string): void
  acting(actor: Actor | undefined): void
  /** Leaps of the process's clock. */
  jump(process: SimProcess): void
}

const ordinaryMs = (s: Stream): number => s.int(1, 4)
const slowMs = (s: Stream): number => s.spread(50, 15_000)
const frozenMs = (s: Stream): number => s.spread(300, 80_000)
const lateMs = (s: Stream): number => s.spread(5, 80_000)
const gaveUpMs = (s: Stream): number => s.spread(5, 6_000)
const silent = () => undefined
const NOWHERE = new Promise<never>(silent)
/** Whoever asked may be dead when it fails. */
const quiet = <T>(landed: Promise<T>): Promise<T> => {
  landed.catch(silent)
  return landed
}

class Asked<T> {
  readonly stream: Stream
  private readonly era: number

  constructor(
    readonly around: Surroundings,
    readonly process: SimProcess,
    readonly call: Call<T>,
    private readonly resolve: (answer: Promise<T>) => void,
    private readonly reject: (error: Error) => void,
  ) {
    this.stream = around.mix.stream
    this.era = around.era
  }

  atLatest(ms: number): number {
    return Math.min(ms, this.around.latestMs)
  }

  land(effect: () => Promise<T> = this.call.land): Promise<T> {
    if (this.around.era !== this.era) return NOWHERE
    this.around.trace(this.process, this.call.kind)
    const { kind, args } = this.call
    this.around.acting({ process: this.process, kind, args })
    const landed = effect()
    this.around.acting(undefined)
    return quiet(landed)
  }

  /** The ordinary course: the effect falls on the beginning or on the end of the time it takes. */
  go(ms = ordinaryMs(this.around.latency)): void {
    if (this.call.atOnce || this.around.latency.chance(0.5)) this.answer(ms, this.land())
    else this.process.later(ms, () => this.resolve(this.land()))
  }

  /** Sent again, after the first has landed. */
  async again(first: Promise<T>): Promise<T> {
    const answer = await first
    if (this.call.remembered?.(answer)) return answer
    const second = await this.land()
    return this.call.resent ? this.call.resent(answer, second) : second
  }

  answer(ms: number, landed: Promise<T>): void {
    this.process.later(ms, () => this.resolve(landed))
  }

  giveUp(ms = gaveUpMs(this.stream)): void {
    this.process.later(ms, () => this.reject(new PortDown(this.call.kind)))
  }
}

const BEFALL: Readonly<Record<Fault, <T>(a: Asked<T>) => void>> = {
  'crash-before': (a) => a.process.die(),
  'crash-after': (a) => {
    a.land()
    a.process.die()
  },
  throttle: (a) => a.giveUp(),
  unknown: (a) => {
    a.land()
    a.giveUp()
  },
  late(a) {
    const ms = a.call.kind === 'jobs.enter' ? a.stream.spread(...a.around.lateFirstMs) : lateMs(a.stream)
    a.around.after(a.atLatest(ms), () => a.land())
    if (a.stream.chance(0.3)) a.process.die()
    else a.giveUp()
  },
  unheard(a) {
    const first = a.land()
    a.process.later(gaveUpMs(a.stream), () => a.answer(1, quiet(a.again(first))))
  },
  duplicate(a) {
    const first = a.land()
    a.answer(1, first)
    a.around.after(a.atLatest(lateMs(a.stream)), () => void quiet(a.again(first)))
  },
  hang: (a) => {
    if (a.stream.chance(0.5)) a.land()
  },
  slow: (a) => {
    a.go(a.atLatest(slowMs(a.stream)))
  },
  freeze(a) {
    a.go()
    a.process.freeze(a.atLatest(frozenMs(a.stream)))
  },
  conflict(a) {
    if (a.stream.chance(0.3)) a.giveUp(a.stream.spread(20, 1_000))
    else a.process.later(a.stream.spread(5, 1_000), () => a.go())
  },
  partial(a) {
    const { landPart } = a.call
    if (landPart) a.land(() => landPart(a.stream.unit()) as Promise<never>)
    if (a.stream.chance(0.3)) a.process.die()
    else a.giveUp()
  },
  torn(a) {
    const { torn } = a.call
    if (!torn) return a.go()
    const half = torn()
    a.process.later(a.stream.spread(1, 300), () =>
      a.answer(
        1,
        a.land(() => half.then((join) => join())),
      ),
    )
  },
  jump(a) {
    a.around.jump(a.process)
    a.go()
  },
}

/** Asks the outside for something. */
export function ask<T>(around: Surroundings, process: SimProcess, call: Call<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    // What a process still does in the moment of its death reaches nobody.
    if (!process.alive) return
    around.asking({ process, kind: call.kind, args: call.args })
    const asked = new Asked(around, process, call, resolve, reject)
    const fault = around.mix.draw(call.kind)
    if (!fault) return asked.go()
    around.mix.count(`${fault} ${call.kind}`)
    around.trace(process, `${fault} ${call.kind}`)
    BEFALL[fault](asked)
  })
}
