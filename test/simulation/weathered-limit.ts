/** The limit of a provider in weather: it counts what arrives as it really is, in calls or in tokens, and tells of it. */
import type { PoolSettings } from '../../core/settings.ts'
import { type Amounts, amount, type Weighed } from './checks/counting.ts'
import type { WorldClock } from './clock.ts'
import { isIn, type Weather } from './weather.ts'

/** Tokens of a call of others. */
const OTHERS_TOKENS = 40

export class WeatheredLimit {
  private readonly began: number
  private readonly taken: Weighed[] = []
  private othersAt = 0

  constructor(
    private readonly clock: WorldClock,
    private readonly weather: Weather,
  ) {
    this.began = clock.time
  }

  get isDown(): boolean {
    return isIn(this.weather.down, this.ms)
  }

  /** After how many ms what does not fit now would. */
  waitFor(pool: PoolSettings, arriving: Amounts): number | undefined {
    this.forget(pool)
    this.letOthers(pool)
    const over = this.sum() + (this.inTokens ? arriving.tokens : 1) - this.limitOf(pool)
    return over > 0 ? this.roomIn(pool, over) : undefined
  }

  take(call: Weighed): void {
    this.taken.push(call)
  }

  /** A person's, who tells us nothing of what came of it. */
  personArrives(pool: PoolSettings, call: Weighed): void {
    if (this.isDown) return
    this.forget(pool)
    if (this.sum() + this.weight(call) <= this.limitOf(pool)) this.take(call)
  }

  /** The limit and what is left of it, in the words of most. */
  headers(pool: PoolSettings): Record<string, string> {
    const { tells, of } = this.weather
    const limit = this.limitOf(pool)
    const remaining = Math.max(0, limit - this.sum())
    return tells
      ? { [`x-ratelimit-limit-${of}`]: String(limit), [`x-ratelimit-remaining-${of}`]: String(remaining) }
      : {}
  }

  private get ms(): number {
    return this.clock.time - this.began
  }
  private get inTokens(): boolean {
    return this.weather.of === 'tokens'
  }

  private limitOf(pool: PoolSettings): number {
    const whole = pool[this.weather.of] ?? Number.POSITIVE_INFINITY
    return Math.max(1, Math.floor(isIn(this.weather.half, this.ms) ? whole / 2 : whole))
  }

  private forget({ windowMs }: PoolSettings): void {
    while ((this.taken[0]?.at ?? Number.POSITIVE_INFINITY) <= this.clock.time - windowMs) this.taken.shift()
  }

  private weight(call: Weighed, at = this.clock.time): number {
    return this.inTokens ? amount(call, at).tokens : 1
  }
  private sum(at = this.clock.time, since = 0): number {
    return this.taken.reduce((sum, call) => (call.at > since ? sum + this.weight(call, at) : sum), 0)
  }

  /** Until enough of the oldest has left the window. */
  private roomIn({ windowMs }: PoolSettings, over: number): number {
    let left = 0
    const last = this.taken.find((call) => {
      left += this.weight(call)
      return left >= over
    })
    return last ? last.at + windowMs - this.clock.time : windowMs
  }

  /** Somebody else's calls, evenly spaced, as far as there is room. */
  private letOthers(pool: PoolSettings): void {
    const { time } = this.clock
    const { shared, of } = this.weather
    const each = this.inTokens ? OTHERS_TOKENS : 1
    const calls = isIn(shared, this.ms) ? ((shared?.part ?? 0) * (pool[of] ?? 0)) / each : 0
    const everyMs = pool.windowMs / calls
    this.othersAt = calls === 0 ? time : Math.max(this.othersAt, time - pool.windowMs)
    for (; this.othersAt + everyMs <= time; this.othersAt += everyMs) {
      const at = this.othersAt + everyMs
      if (this.sum(at, at - pool.windowMs) + each <= this.limitOf(pool)) this.take(others(at))
    }
    this.taken.sort((a, b) => a.at - b.at)
  }
}

function others(at: number): Weighed {
  const arriving = { tokens: OTHERS_TOKENS, input: OTHERS_TOKENS, output: 0 }
  return { at, arriving, answered: { from: at, amounts: arriving } }
}
