/** A provider that counts every call that reaches it, enforces its window strictly, and fails as providers document. */
import type { Usage } from '../../core/job.ts'
import type { PoolSettings } from '../../core/settings.ts'
import type { ModelRequest } from '../../services/ports.ts'
import { mostRequests } from './changes.ts'
import type { PersonsCall } from './checks/check.ts'
import { callOf, foundAs, foundOnArrival } from './checks/counting.ts'
import type { WorldClock } from './clock.ts'
import type { FaultMix } from './faults.ts'
import type { ProviderAnswer } from './ports.ts'
import { Stream } from './random.ts'
import type { Scenario } from './scenario.ts'
import { WeatheredLimit } from './weathered-limit.ts'

type Said = ProviderAnswer['answer']

const headers = {}
const error = (status: number, message: string, more: { code?: string; retryAfterMs?: number } = {}): Said => ({
  kind: 'error',
  status,
  message,
  headers,
  ...more,
})

/** What a provider may say besides yes. */
const FAILURES: Readonly<Record<string, (s: Stream) => Said>> = {
  '429': () => error(429, 'rate limit reached'),
  '429 retry-after': (s) => error(429, 'rate limit reached', { retryAfterMs: s.spread(200, 8_000) }),
  '503': () => error(503, 'unavailable'),
  '529': () => error(529, 'overloaded'),
  '500': () => error(500, 'internal error'),
  '400': () => error(400, 'bad request'),
  '413': () => error(413, 'request too large', { code: 'request_too_large' }),
  '401': () => error(401, 'the key is not valid'),
  '402': () => error(402, 'no credit'),
  '404': () => error(404, 'no such model'),
  network: () => ({ kind: 'error', message: 'socket hang up', headers }),
  timeout: () => ({ kind: 'timeout', message: 'no answer in time' }),
  unconfigured: () => ({ kind: 'unconfigured', message: 'no key' }),
  refusal: () => ({ kind: 'refusal', text: '', usage: { inputTokens: 9, outputTokens: 1 }, model: 'model-a', headers }),
  huge: () => text('x'.repeat(256 * 1024 + 1)),
}
const CUT = 0.1
export const PROVIDER_FAILURES = Object.keys(FAILURES)
/** These last: a key is not mended in the moment after. */
const OUTAGES = ['401', '402', '404', '503', 'unconfigured', '429 retry-after']

/** Never more of input than is estimated: a token of three bytes. */
const text = (said: string, usage: Usage = { inputTokens: 9, outputTokens: 10 }): Said => ({
  kind: 'text',
  text: said,
  usage,
  model: 'model-a-2030',
  whole: true,
  headers,
})

const LONG = 0.08
const LONGEST = 70

/** Whom it refuses by its limit has its job moved: what lands late finds it gone. */
const FULL_FIRST_MS = 12_000

export class Provider {
  private readonly arrivals = new Map<string, number[]>()
  private readonly usage: Stream
  private readonly cuts: Stream
  private readonly limit: WeatheredLimit | undefined
  private outage: { readonly what: string; readonly until: number } | undefined

  constructor(
    private readonly clock: WorldClock,
    private readonly stream: Stream,
    private readonly mix: FaultMix,
    private readonly scenario: Scenario,
  ) {
    this.usage = new Stream(scenario.seed, 'usage')
    this.cuts = new Stream(scenario.seed, 'cuts')
    this.limit = scenario.weather && new WeatheredLimit(clock, scenario.weather)
    if (scenario.about === 'refusing')
      this.outage = { what: stream.pick(['401', '402', 'unconfigured']), until: Infinity }
    if (scenario.about === 'chasing') this.outage = { what: '429', until: clock.time + FULL_FIRST_MS }
  }

  /** What it answers to a call that arrives now. */
  answer(request: ModelRequest, pool: string): ProviderAnswer {
    const { limit } = this
    return limit && pool === 'main' ? this.weathered(request, pool, limit) : this.usual(request, pool)
  }

  private usual(request: ModelRequest, pool: string): ProviderAnswer {
    if (this.isFull(request, pool)) return { answer: error(429, 'rate limit reached'), afterMs: 5 }
    const failure = this.failure()
    if (!failure) return { answer: this.text(request), afterMs: this.stream.spread(30, 700) }
    this.mix.count(`provider ${failure}`)
    return { answer: (FAILURES[failure] as (s: Stream) => Said)(this.stream), afterMs: this.stream.spread(10, 2_000) }
  }

  /** No two calls' answers are alike; some are cut. */
  private text(request: ModelRequest): Said {
    const { usage, whole } = this.said(request)
    const said = text(`${request.prompt} Thanks. ${request.jobId} ${request.fence}`, usage)
    return { ...said, whole: whole && !this.cuts.chance(CUT) } as Said
  }

  /** Where answers are mostly short some are as long as they may be, and longer. */
  private said(request: ModelRequest): { usage: Usage; whole: boolean } {
    const usage = this.used(request)
    const { short } = this.scenario
    if (short === 0) return { usage, whole: true }
    const length = this.usage.chance(LONG) ? this.usage.int(1, LONGEST) : this.usage.int(1, short)
    const { maxOutputTokens: most } = request
    return { usage: { ...usage, outputTokens: Math.min(length, most) }, whole: length <= most }
  }

  private weathered(request: ModelRequest, pool: string, limit: WeatheredLimit): ProviderAnswer {
    const { down } = this.scenario.weather ?? {}
    if (limit.isDown) return { answer: error(down?.impatient ? 500 : 503, 'unavailable'), afterMs: 20 }
    const told = <T extends Said>(said: T): T =>
      'headers' in said ? { ...said, headers: { ...said.headers, ...limit.headers(request.pool) } } : said
    const retryAfterMs = limit.waitFor(request.pool, foundOnArrival(request))
    if (retryAfterMs !== undefined)
      return { answer: told(error(429, 'rate limit reached', { retryAfterMs })), afterMs: 5 }
    const said = this.usual({ ...request, pool: { ...request.pool, requests: undefined } }, pool)
    limit.take(foundAs({ at: this.clock.time, request, said }))
    return { answer: told(said.answer), afterMs: said.afterMs }
  }

  /** A person's own call, which tells us nothing of what came of it. Counted where the window is. */
  personArrives(call: PersonsCall): void {
    const pool = this.scenario.settings.pools[call.pool] as PoolSettings
    this.limit?.personArrives(pool, foundAs(callOf(pool, call)))
  }

  /** Four bytes a token; a part of the input is sometimes found in its cache. */
  private used({ system = '', prompt, maxOutputTokens }: ModelRequest): Usage {
    const inputTokens = Math.ceil(Buffer.byteLength(system + prompt) / 4)
    const cacheReadTokens = this.usage.chance(0.2) ? this.usage.int(0, inputTokens) : 0
    return { inputTokens, cacheReadTokens, outputTokens: this.usage.int(1, maxOutputTokens) }
  }

  private inWindow(pool: string, windowMs: number): number[] {
    const arrivals = this.arrivals.get(pool) ?? []
    this.arrivals.set(pool, arrivals)
    while ((arrivals[0] ?? Infinity) <= this.clock.time - windowMs) arrivals.shift()
    return arrivals
  }

  private isFull({ pool: { windowMs, requests } }: ModelRequest, pool: string): boolean {
    if (requests === undefined) return false
    const { settings, changes } = this.scenario
    const arrivals = this.inWindow(pool, windowMs)
    if (arrivals.length >= mostRequests(pool, settings.pools[pool]?.requests ?? Infinity, changes)) return true
    arrivals.push(this.clock.time)
    return false
  }

  private failure(): string | undefined {
    if (!this.mix.active) return undefined
    if (this.outage && this.outage.until > this.clock.time) return this.outage.what
    if (this.scenario.about === 'chasing') return '401'
    if (!this.stream.chance(this.scenario.providerFails)) return undefined
    if (this.stream.chance(0.1))
      this.outage = { what: this.stream.pick(OUTAGES), until: this.clock.time + this.stream.spread(500, 20_000) }
    return this.stream.pick(PROVIDER_FAILURES)
  }
}
