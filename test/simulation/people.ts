/** Who uses the queue: callers that submit and repeat. Who interferes is in meddlers.ts. */
import { type Accepted, type SubmitRequest, submit } from '../../services/submit.ts'
import { aCaller } from '../support/callers.ts'
import { Batches, type Entry } from './batches.ts'
import type { Asked } from './checks/check.ts'
import { LateLooker } from './late-looker.ts'
import { Meddlers } from './meddlers.ts'
import { Stream } from './random.ts'
import { mayRefuse, REST_MS } from './scenario.ts'
import { START, type World } from './world.ts'

const TRIES = 5
/** Of those who come, so many bring a batch: about a third of the jobs. */
const BATCHED = 0.08
const KINDS = ['reply', 'step', 'step', 'nudge', 'intro', 'survey', 'spare']
/** A long schedule's first owner keeps the dispatcher up while the others are idle, so that these leave the ring. */
const TRICKLE_EVERY_MS = 9_000
const BEFORE_LEAVING_MS = 290_000

const LATE_ONES = 2
const RETURNS = { atOnce: 1, atMost: 6 }
const RETURNS_LEAVING = { atOnce: 3, atMost: 18 }
export interface Heard {
  accepted(jobId: string, asked: Asked): void
  /** An answer that contradicts the documents. */
  odd(message: string): void
}

export class People {
  /** Requests that somebody still waits for or will repeat. */
  pending = 0
  private lateOnes = 0
  private returned = 0
  readonly requests = new Map<number, Asked>()
  private readonly stream: Stream
  private readonly returns: Stream
  private readonly topics: Stream
  private readonly batches: Batches
  readonly lateLooker: LateLooker
  readonly meddlers: Meddlers
  private readonly jobIds: string[] = []
  private readonly keys = new Set<string>()

  constructor(
    private readonly world: World,
    private readonly heard: Heard,
  ) {
    this.stream = new Stream(world.scenario.seed, 'people')
    this.topics = new Stream(world.scenario.seed, 'topics')
    this.returns = new Stream(world.scenario.seed, 'returns')
    this.lateLooker = new LateLooker(world, {
      next: () => this.newRequest(0),
      accepted: (jobId, asked) => heard.accepted(jobId, asked),
      owes: (requests) => void (this.pending += requests),
    })
    this.meddlers = new Meddlers(world, {
      stream: this.stream,
      returns: this.returns,
      jobIds: this.jobIds,
      odd: (message) => heard.odd(message),
      waited: (asking) => this.waited(asking),
    })
    this.batches = new Batches(world, this.stream, {
      accepted: (jobId, asked) => heard.accepted(jobId, asked),
      odd: (message) => heard.odd(message),
      first: (jobId) => this.jobIds.push(jobId),
    })
  }

  /** Everything that will be asked for in the active time. */
  begin(): void {
    const { jobs, activeMs, meddling, longMs, rests, restore, looksLate, untilIdle, faultyMs } = this.world.scenario
    const again = rests ? activeMs + REST_MS : (restore?.againMs ?? 0)
    const shape = this.stream.pick(['burst', 'burst', 'waves', 'even', 'even'] as const)
    for (let n = 0; n < jobs; ) {
      const many = this.stream.chance(BATCHED) ? this.stream.int(2, 12) : 1
      const after = n >= jobs / 2 ? again : 0
      this.at(after + this.arrivalMs(shape, activeMs), () => (many > 1 ? this.submitMany(many) : this.submitNew()))
      n += many
    }
    for (let n = 0; n < jobs * meddling; n++) this.at(this.stream.int(0, activeMs * 1.4), () => this.meddlers.meddle())
    for (let ms = 0; ms < longMs; ms += TRICKLE_EVERY_MS) this.at(ms, () => this.submitNew(0))
    this.sayItIsWell()
    if (looksLate && untilIdle) void this.lateLooker.look(START + faultyMs)
    if (longMs === 0) return
    for (let n = 0; n < 6; n++) this.at(this.stream.int(BEFORE_LEAVING_MS, longMs), () => this.submitNew())
  }

  /** While the provider is down some say that it is well, too early or just in time. */
  private sayItIsWell(): void {
    const { down } = this.world.scenario.weather ?? {}
    if (!down?.impatient) return
    const s = new Stream(this.world.scenario.seed, 'say it is well')
    for (let n = s.int(1, 3); n > 0; n--) {
      const at = s.chance(0.5) ? s.int(down.from + 2_000, down.to) : down.to + s.int(0, 8_000)
      this.at(at, () => void this.waited(this.meddlers.resumed('main')))
    }
  }

  /** Most at once, or in a few waves between which the queue may run empty, or evenly. */
  private arrivalMs(shape: 'burst' | 'waves' | 'even', activeMs: number): number {
    if (shape === 'waves') return this.stream.int(0, 3) * Math.ceil(activeMs / 3) + this.stream.int(0, 150)
    return shape === 'burst' && this.stream.chance(0.8) ? this.stream.int(0, 300) : this.stream.int(0, activeMs)
  }

  /** One more, as anybody may come at any moment. */
  submitNew(owner = this.someOwner(), later: { startAt?: number } = {}): void {
    const { asked, request } = this.newRequest(owner)
    const idempotencyKey = this.keyed(0.8) ? this.keyFor(asked) : undefined
    void this.waited(this.submitUntilAnswered(asked, { ...request, ...later, idempotencyKey }))
  }

  private submitMany(many: number): void {
    const entries = Array.from({ length: many }, () => {
      const { asked, request } = this.newRequest(this.someOwner())
      const idempotencyKey = this.keyed(0.3) ? `key ${asked.n}` : undefined
      return { asked, request: { ...request, owner: asked.owner, idempotencyKey } }
    })
    void this.waited(this.batches.untilAnswered(entries))
  }

  /** A key that outlives its job's input names a new job: which of the two a check means would be open. */
  private keyed(share: number): boolean {
    return this.stream.chance(share) && this.world.scenario.forgetMs === 0
  }

  private someOwner(): number {
    return this.stream.chance(0.5) ? 0 : this.stream.int(0, this.world.scenario.owners.length - 1)
  }

  private newRequest(owner: number): Entry {
    const { owners, crowd, forgetMs, topics } = this.world.scenario
    const asked = {
      n: this.requests.size,
      owner: owners[crowd && this.stream.chance(0.9) ? 0 : owner] as string,
      kind: crowd && this.stream.chance(0.9) ? 'step' : this.stream.pick(KINDS),
    }
    this.requests.set(asked.n, asked)
    const later = this.stream.chance(forgetMs > 0 ? 0.2 : 0.06)
    const startAt = later ? this.world.clock.time + this.stream.spread(100, 20_000 + forgetMs) : undefined
    const about = topics > 0 ? { topic: `topic ${this.topics.int(1, topics)}` } : {}
    return { asked, request: { kind: asked.kind, input: { name: 'Grace', n: asked.n, ...about }, startAt } }
  }

  /** Some use a key that another caller has used: keys are each caller's own. */
  private keyFor({ n, owner }: Asked): string {
    const others = [...this.requests.values()].filter((r) => r.owner !== owner)
    const key = `key ${others.length > 0 && this.stream.chance(0.03) ? this.stream.pick(others).n : n}`
    const mine = `${owner} ${key}`
    if (this.keys.has(mine)) return `key ${n}`
    this.keys.add(mine)
    return key
  }

  /** Just while a dispatcher ends, or soon after it: what is rung now must not fall between. */
  whileEnding(): void {
    if (++this.lateOnes > LATE_ONES) return
    this.pending++
    const ms = this.stream.chance(0.6) ? this.stream.int(0, 2_500) : this.stream.int(2_500, 40_000)
    this.world.after(ms, () => {
      this.pending--
      this.submitNew()
    })
  }

  /**
   * Owners are about to leave the ring, and just then some of them come back; half of their jobs still stand in their
   * lanes when a dispatcher that was taken over goes on.
   */
  whileLeaving(owners: readonly string[]): void {
    const { atOnce, atMost } = this.world.scenario.about === 'leaving' ? RETURNS_LEAVING : RETURNS
    for (let i = 0; i < atOnce && this.world.mix.active && ++this.returned <= atMost; i++) this.comesBack(owners)
  }

  private comesBack(owners: readonly string[]): void {
    const { stream } = this
    const owner = this.world.scenario.owners.indexOf(stream.pick(owners))
    this.pending++
    this.world.after(stream.spread(1, 60_000), () => {
      this.pending--
      const stays = this.returns.chance(0.5)
      this.submitNew(owner, stays ? { startAt: this.world.clock.time + this.returns.spread(20_000, 90_000) } : {})
    })
  }

  private at(ms: number, act: () => void): void {
    this.pending++
    this.world.clock.at(START + ms, () => {
      this.pending--
      act()
    })
  }

  private async waited(asking: Promise<unknown>): Promise<void> {
    this.pending++
    await asking
    this.pending--
  }

  private async submitUntilAnswered(asked: Asked, request: SubmitRequest): Promise<void> {
    for (let i = 0; i < TRIES; i++) {
      const answer = await this.submitOnce(asked, request)
      if (answer?.ok) return this.afterwards(asked, request, answer.jobId)
      if (answer && mayRefuse(this.world.scenario, answer.code)) return
      if (answer && answer.code !== 'backlog-full') return this.heard.odd(`submit was refused: ${answer.code}`)
      // Without a key a repeat would be another job: whoever sent none leaves it at that.
      if (!answer && request.idempotencyKey === undefined) return
      await this.world.pause(this.stream.spread(50, 5_000))
    }
  }

  private async submitOnce(asked: Asked, request: SubmitRequest): Promise<Accepted | undefined> {
    const ended = await this.world.request((deps) => submit(deps, aCaller(asked.owner), request))
    if (ended.kind !== 'done') return undefined
    if (ended.value.ok) this.heard.accepted(ended.value.jobId, asked)
    return ended.value
  }

  /** Some repeat what was accepted long ago, one in a hundred with another body. */
  private async afterwards(asked: Asked, request: SubmitRequest, jobId: string): Promise<void> {
    this.jobIds.push(jobId)
    if (request.idempotencyKey === undefined || !this.stream.chance(0.12)) return
    const { era } = this.world
    await this.world.pause(this.stream.spread(5, 30_000))
    const other = this.stream.chance(0.1)
    const again = other ? { ...request, input: { ...(request.input as object), name: 'Ada' } } : request
    const ended = await this.world.request((deps) => submit(deps, aCaller(asked.owner), again))
    if (ended.kind !== 'done') return
    // Restored tables know nothing of it.
    if (era !== this.world.era) return
    const { value } = ended
    if (!value.ok && value.code === 'backlog-full') return
    if (other) {
      if (value.ok || value.code !== 'key-reused') this.heard.odd('another request under a used key was taken')
    } else if (!value.ok || value.jobId !== jobId || !value.repeated)
      this.heard.odd(`a repeat of ${jobId} came to another answer`)
  }
}
