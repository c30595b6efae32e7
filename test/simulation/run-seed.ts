/** One schedule from its seed: everything is drawn, happens, comes to rest, and is judged. */

import type { JobEvent } from '../../services/ports.ts'
import { Changer } from './changes.ts'
import { CHECKS } from './checks/all.ts'
import type { Actor, Arrival, Asked, Check, PersonsCall, Witness } from './checks/check.ts'
import { Interactive } from './interactive.ts'
import { movesOf } from './moves.ts'
import { Passing } from './passing.ts'
import { People } from './people.ts'
import type { Role } from './process.ts'
import { Stream } from './random.ts'
import { toBeRestored } from './restore.ts'
import { type Scenario, scenarioOf } from './scenario.ts'
import type { Written } from './tables.ts'
import { START, World } from './world.ts'

export interface Violation {
  readonly check: string
  readonly message: string
  /** ms since the schedule began. */
  readonly at: number
}
export interface SeedResult {
  readonly seed: number
  readonly hash: string
  readonly violation?: Violation
  readonly jobs: number
  readonly calls: number
  readonly faults: number
  /** Virtual time that it took. */
  readonly ms: number
  readonly counts: Readonly<Record<string, number>>
  readonly edges: Readonly<Record<string, number>>
  readonly trace: readonly string[]
}

/**
 * The longest that anything may take once faults have stopped: a stuck function's limit (120 s) and the lease it leaves
 * (28 s), a dispatcher's lease and the schedule (90 s), a probe of a stopped pool (60 s), the longest backoff (64 s). A job
 * that was often throttled may step aside for 300 s, which never comes on top of all that.
 */
const REST_WITHIN_MS = 360_000

interface OfRecord {
  readonly record: { readonly key: { readonly jobId: string } }
}
/** What only wrong code throws. */
const MISTAKES = [TypeError, ReferenceError, RangeError]

export async function runSeed(seed: number, p: { trace?: boolean } = {}): Promise<SeedResult> {
  const schedule = new Schedule(scenarioOf(seed), p.trace ?? false)
  return schedule.run()
}

class Schedule {
  private violation: Violation | undefined
  private checks: readonly Check[] = []
  /** Those that look at what happens most. */
  private on: Readonly<Record<'commit' | 'move' | 'effect', readonly Check[]>> = { commit: [], move: [], effect: [] }
  private readonly world: World
  private readonly people: People
  private readonly interactive: Interactive
  private readonly changer: Changer
  private readonly passing: Passing
  private readonly edges = new Map<string, number>()
  private calls = 0
  private lookAt = 0

  constructor(
    private readonly scenario: Scenario,
    trace: boolean,
  ) {
    this.world = new World(scenario, this, trace)
    this.people = new People(this.world, {
      accepted: (jobId, asked) => this.accepted(jobId, asked),
      odd: (message) => this.fail('answers', message),
    })
    this.interactive = new Interactive(this.world, {
      called: (call) => this.personCalled(call),
      odd: (message) => this.fail('answers', message),
    })
    this.passing = new Passing(this.world, {
      called: (call) => this.personCalled(call),
      odd: (message) => this.fail('answers', message),
    })
    const { world } = this
    this.changer = new Changer(world)
    const witness: Witness = {
      scenario,
      book: world.book,
      tables: world.tables,
      now: () => world.clock.time,
      sinceFaultsMs: () => world.clock.time - START - scenario.faultyMs,
      asked: (n) => this.people.requests.get(n),
      fail: (check, message) => this.fail(check, message),
      counted: (name) => world.counted.get(name) ?? 0,
      edge: (name) => this.edges.set(name, (this.edges.get(name) ?? 0) + 1),
    }
    this.ask(CHECKS.map((make) => make(witness)))
    world.tables.observe = (commit) => this.looking(() => this.committed(commit))
  }

  private ask(checks: readonly Check[]): void {
    this.checks = checks
    const having = (hook: keyof Check) => checks.filter((check) => check[hook])
    this.on = { commit: having('commit'), move: having('move'), effect: having('effect') }
  }

  async run(): Promise<SeedResult> {
    const { world, scenario } = this
    this.people.begin()
    this.interactive.begin()
    this.changer.begin()
    this.passing.begin()
    if (scenario.restore)
      toBeRestored(world, scenario.restore, {
        stopped: () => this.ask(this.checks.filter((check) => check.restored)),
        restored: () => this.looking(() => this.checks.forEach((check) => check.restored?.())),
      })
    world.after(new Stream(scenario.seed, 'phase').int(0, 60_000), () => world.start())
    world.after(scenario.faultyMs, () => {
      world.calm()
      this.people.meddlers.mend()
      void this.changer.mend()
    })
    await world.clock.drive(() => this.violation !== undefined || this.rests())
    if (!this.violation) for (const check of this.checks) check.rest?.()
    return this.result()
  }

  /** Looked at ten times a second of the world's: it costs a look at every job. */
  private rests(): boolean {
    const { world, people } = this
    if (world.clock.time < this.lookAt) return false
    this.lookAt = world.clock.time + 100
    const { faultyMs, longMs, crowd, capped, restore } = this.scenario
    // Some hundred jobs take their time in a pool of few tokens, and an owner's in what it may have.
    const withinMs = (crowd ? 3 : capped ? 2 : 1) * REST_WITHIN_MS + this.passing.standsMs
    if (world.clock.time - START > faultyMs + longMs + withinMs) {
      this.fail('rest', `it does not come to rest: ${this.restless() ?? 'its functions'}`)
      return true
    }
    const toCome = restore !== undefined && world.clock.time < START + faultyMs
    if (toCome || (world.mix.active && !this.scenario.faultless)) return false
    if (this.changer.pending > 0 || people.pending > 0 || this.interactive.pending + this.passing.pending > 0)
      return false
    if (world.busy('worker') > 0 || !world.ends.idle) return false
    if (this.restless()) return false
    return !this.scenario.untilIdle || world.pools.every((pool) => this.isFree(pool))
  }

  /** An accepted job that has not ended and waits for nobody. */
  private restless(): string | undefined {
    for (const job of this.world.book.jobs.values()) {
      const state = this.world.book.home(job)?.['state']
      if (job.acceptedAt !== undefined && !job.end && state !== 'in-review') return `${job.id} is ${state}`
    }
    return undefined
  }

  private isFree(pool: string): boolean {
    const state = this.world.tables.get('capacity', { pk: pool, sk: 'ledger' })?.['state']
    // Of a ledger that was deleted nobody has looked at the pool since.
    return state === 'free' || (state === undefined && !this.scenario.restore)
  }

  /** An error of a check's own would reach the product as one of the outside, and be forgiven. */
  private looking(look: () => void): void {
    try {
      look()
    } catch (error) {
      this.fail('crashed', `a check itself: ${(error as Error).stack}`)
    }
  }

  private fail(check: string, message: string): void {
    this.violation ??= { check, message, at: this.world.clock.time - START }
  }

  private accepted(jobId: string, asked: Asked): void {
    this.looking(() => {
      for (const check of this.checks) check.accepted?.(jobId, asked)
    })
    const job = this.world.book.of(jobId)
    if (job) job.acceptedAt ??= this.world.clock.time
  }

  private committed(commit: readonly Written[]): void {
    const { world } = this
    for (const w of commit)
      world.history.add(world.clock.time, w.table, w.pk, w.sk, `${w.after?.['state']}`, `${w.after?.['fence']}`)
    for (const check of this.on.commit) check.commit?.(commit, world.actor)
    for (const move of movesOf(commit))
      for (const check of this.on.move) check.move?.(move, world.book.of(move.jobId), world.actor)
    world.book.keep(commit)
    world.ends.take(commit)
    const [first] = commit
    if (!first || !this.scenario.untilIdle) return
    const [before, after] = [first.before?.['state'], first.after?.['state']]
    if (after === 'ending') this.people.whileEnding()
    if (before === 'ending' && after === 'free') this.people.lateLooker.whileFree(first.pk)
  }

  sent(message: Parameters<NonNullable<Check['sent']>>[0], actor: Actor | undefined): void {
    this.looking(() => {
      for (const check of this.checks) check.sent?.(message, actor)
    })
    this.people.meddlers.whileProbing(message)
  }
  arrival(arrival: Arrival): void {
    this.calls++
    this.looking(() => {
      for (const check of this.checks) check.arrival?.(arrival)
    })
  }
  private personCalled(call: PersonsCall): void {
    this.calls++
    this.world.provider.personArrives(call)
    this.looking(() => {
      for (const check of this.checks) check.personCalled?.(call)
    })
  }
  published(event: JobEvent): void {
    this.looking(() => {
      for (const check of this.checks) check.published?.(event)
    })
  }
  keptApart(event: JobEvent): void {
    this.looking(() => {
      for (const check of this.checks) check.keptApart?.(event)
    })
  }
  /** Ports fail where faults are; a mistake of the code's own is none of them. */
  threw(role: Role, error: unknown): void {
    if (this.scenario.faultless || MISTAKES.some((kind) => error instanceof kind))
      this.fail('threw', `${role}: ${(error as Error).stack ?? error}`)
  }
  asking({ kind, args }: Actor): void {
    if (kind === 'rings.leave') this.people.whileLeaving((args as { owners: readonly string[] }).owners)
    if (kind === 'jobs.enter') this.people.meddlers.whileEntering((args as OfRecord).record.key.jobId)
    if (kind === 'jobs.release') this.people.meddlers.whileReleasing((args as OfRecord).record.key.jobId)
  }
  effect(actor: Actor): void {
    this.looking(() => {
      for (const check of this.on.effect) check.effect?.(actor)
    })
  }

  private result(): SeedResult {
    const { world } = this
    return {
      seed: this.scenario.seed,
      hash: world.history.hash,
      ...(this.violation ? { violation: this.violation } : {}),
      jobs: world.book.jobs.size,
      calls: this.calls,
      faults: world.mix.total + world.ends.mix.total,
      ms: world.clock.time - START,
      counts: Object.fromEntries([...world.mix.counts, ...world.ends.mix.counts]),
      edges: Object.fromEntries(this.edges),
      trace: world.history.lines,
    }
  }
}
