/** What may befall a call of the outside, where, and how often: the mix that a seed draws, and what was counted of it. */
import type { Stream } from './random.ts'

/**
 * `crash-*`: the process dies, without or with the effect. `throttle`: an error, no effect. `unknown`: an error, with it.
 * `late`: an error or a death, and the effect much later. `unheard`: the answer is lost and the SDK asks again.
 * `duplicate`: it lands a second time, later. `hang`: no answer ever. `freeze`: the process stands still and goes on.
 * `conflict`: it met a transaction and is tried again, or given up. `partial`: of a batch, a part. `torn`: a read of
 * many items that sees them at two moments, as a Query does beside a transaction. `jump`: the process's clock leaps.
 */
export const FAULTS = [
  'crash-before',
  'crash-after',
  'throttle',
  'unknown',
  'late',
  'unheard',
  'duplicate',
  'hang',
  'slow',
  'freeze',
  'conflict',
  'partial',
  'torn',
  'jump',
] as const
export type Fault = (typeof FAULTS)[number]

const ANYWHERE: readonly Fault[] = ['crash-before', 'crash-after', 'hang', 'slow', 'freeze', 'jump']
const READ: readonly Fault[] = [...ANYWHERE, 'throttle']
const TORN: readonly Fault[] = [...READ, 'torn']
const WRITE: readonly Fault[] = [...READ, 'unknown', 'late', 'unheard', 'duplicate', 'conflict']
const BATCH: readonly Fault[] = [...READ, 'unknown', 'late', 'duplicate', 'partial']

/**
 * Each kind of call: what may befall it, and how often it does where faults are of ordinary frequency. What every poll
 * does seldom, what a schedule does once or twice often: all of it is to be hit.
 */
const CALLS = {
  'jobs.create': { may: WRITE, rate: 0.06 },
  'jobs.createAll': { may: BATCH, rate: 0.15 },
  'jobs.createFresh': { may: BATCH, rate: 0.15 },
  'jobs.enter': { may: WRITE, rate: 0.08 },
  'jobs.enterAll': { may: BATCH, rate: 0.15 },
  'jobs.reenter': { may: WRITE, rate: 0.15 },
  'jobs.load': { may: TORN, rate: 0.07 },
  'jobs.live': { may: TORN, rate: 0.05 },
  'jobs.lane': { may: TORN, rate: 0.04 },
  'jobs.claim': { may: WRITE, rate: 0.11 },
  'jobs.release': { may: WRITE, rate: 0.25 },
  'jobs.discard': { may: WRITE, rate: 0.95 },
  'jobs.transition': { may: WRITE, rate: 0.12 },
  'jobs.requestCancel': { may: WRITE, rate: 0.3 },
  'jobs.endUnentered': { may: WRITE, rate: 0.4 },
  'jobs.leader': { may: READ, rate: 0.06 },
  'jobs.lead': { may: WRITE, rate: 0.12 },
  'rings.ring': { may: WRITE, rate: 0.07 },
  'rings.bells': { may: TORN, rate: 0.006 },
  'rings.deleteBells': { may: BATCH, rate: 0.04 },
  'rings.owners': { may: TORN, rate: 0.1 },
  'rings.note': { may: BATCH, rate: 0.05 },
  'rings.leave': { may: WRITE, rate: 0.9 },
  'capacity.acquire': { may: WRITE, rate: 0.08 },
  'capacity.write': { may: WRITE, rate: 0.02 },
  'capacity.lease': { may: READ, rate: 0.06 },
  'capacity.overview': { may: READ, rate: 0.04 },
  'capacity.putOverview': { may: WRITE, rate: 0.02 },
  'capacity.stopped': { may: READ, rate: 0.06 },
  'capacity.stop': { may: WRITE, rate: 0.3 },
  'capacity.resume': { may: WRITE, rate: 0.3 },
  'capacity.overrides': { may: READ, rate: 0.1 },
  'capacity.override': { may: WRITE, rate: 0.2 },
  'people.hold': { may: WRITE, rate: 0.14 },
  'people.read': { may: READ, rate: 0.004 },
  'people.write': { may: WRITE, rate: 0.05 },
  'people.take': { may: WRITE, rate: 0.08 },
  'people.join': { may: WRITE, rate: 0.1 },
  'people.ask': { may: WRITE, rate: 0.1 },
  'people.leave': { may: WRITE, rate: 0.2 },
  'people.close': { may: WRITE, rate: 0.1 },
  'rings.records': { may: READ, rate: 0.08 },
  'rings.keep': { may: BATCH, rate: 0.05 },
  'queue.send': { may: [...READ, 'unknown', 'partial'], rate: 0.06 },
  'waker.wake': { may: [...READ, 'unknown', 'late', 'duplicate'], rate: 0.1 },
  'model.prepare': { may: READ, rate: 0.05 },
  'model.call': { may: ANYWHERE, rate: 0.1 },
  'events.publish': { may: BATCH.filter((fault) => fault !== 'jump'), rate: 0.1 },
} as const satisfies Record<string, { may: readonly Fault[]; rate: number }>
export type CallKind = keyof typeof CALLS
export const CALL_KINDS = Object.keys(CALLS) as CallKind[]
export const mayBefall = (call: CallKind): readonly Fault[] => CALLS[call].may

/** Around the calls: what the queue, the schedule, the wakes, time limits and the provider do. */
export const AROUND = [
  'message lost',
  'message doubled',
  'message delayed',
  'schedule skipped',
  'schedule doubled',
  'schedule late',
  'wake lost',
  'time limit worker',
  'time limit dispatcher',
  'time limit api',
  'dispatcher told to stop',
  'dispatcher frozen',
] as const
export type Around = (typeof AROUND)[number]

interface Odds {
  readonly fault: Fault
  readonly upTo: number
}

/** What befalls half of all calls of a kind, and how often each of the others does; if not said, never. */
export type Half = readonly (readonly [CallKind, Fault, others?: number])[]

/** A seed's own mix: some kinds, each at its own weight, all of them more or less frequent. None at all is one of them. */
export class FaultMix {
  /** Cleared when faults stop. */
  active: boolean
  total = 0
  readonly counts = new Map<string, number>()
  private readonly odds = new Map<CallKind, readonly Odds[]>()
  private readonly around = new Map<Around, number>()

  constructor(
    readonly stream: Stream,
    /** `only`: no call is befallen by anything but what befalls half of its kind. */
    p: { none: boolean; jumps: boolean; half?: Half; only?: boolean },
  ) {
    this.active = !p.none
    if (p.none) return
    const frequency = stream.spread(75, 360) / 100
    const weight = new Map(FAULTS.map((f) => [f, stream.chance(0.6) ? stream.spread(10, 100) : 0]))
    if (!p.jumps) weight.set('jump', 0)
    for (const call of CALL_KINDS) this.odds.set(call, p.only ? [] : oddsOf(call, weight, frequency))
    for (const [call, fault, others = 0] of p.half ?? []) this.odds.set(call, halfAnd(call, fault, others))
    for (const kind of AROUND) this.around.set(kind, stream.chance(0.4) ? 0.15 * stream.unit() : 0)
  }

  /** What befalls this call, if anything. */
  draw(call: CallKind): Fault | undefined {
    if (!this.active) return undefined
    const drawn = this.stream.unit()
    const odds = this.odds.get(call) as readonly Odds[]
    const last = odds.at(-1)
    if (!last || drawn >= last.upTo) return undefined
    return odds.find((o) => drawn < o.upTo)?.fault
  }

  /** Whether this happens now; counted if it does. */
  befalls(kind: Around): boolean {
    if (!this.active || !this.stream.chance(this.around.get(kind) as number)) return false
    this.count(kind)
    return true
  }

  count(what: string): void {
    this.total++
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }
}

function halfAnd(call: CallKind, fault: Fault, each: number): Odds[] {
  const others = each > 0 ? mayBefall(call).filter((other) => other !== fault) : []
  return [{ fault, upTo: 0.5 }, ...others.map((other, i) => ({ fault: other, upTo: 0.5 + each * (i + 1) }))]
}

function oddsOf(call: CallKind, weight: ReadonlyMap<Fault, number>, frequency: number): Odds[] {
  const may = mayBefall(call).filter((f) => (weight.get(f) as number) > 0)
  const sum = may.reduce((total, f) => total + (weight.get(f) as number), 0)
  const rate = Math.min(0.9, CALLS[call].rate * frequency)
  let upTo = 0
  return may.map((fault) => {
    upTo += (rate * (weight.get(fault) as number)) / sum
    return { fault, upTo }
  })
}
