/** A script for FakeModel: a provider with a sliding window whose limit may change, others on it, and times when it is down. */
import { providerError, type Reply, type Script, text } from './fake-model.ts'

export class LimitedProvider {
  limit = 300
  /** Calls of others in a window, evenly spaced. */
  others = 0
  down = false
  /** Whether its answers tell the limit. */
  tells = true
  afterMs = 400
  /** What else its headers say. */
  says: Readonly<Record<string, string>> = {}
  readonly refusedAt: number[] = []
  readonly admittedAt: number[] = []
  private inWindow: number[] = []
  private othersAt = 0

  constructor(readonly windowMs = 60_000) {}

  readonly script: Script = (_, __, { at }) => this.call(at)

  /** A call that arrives at this moment, whoever makes it. */
  call(at: number): Reply {
    this.letOthers(at)
    if (this.down) return { ...providerError(503, 'overloaded'), afterMs: 20 }
    this.forget(at)
    if (this.inWindow.length >= this.limit) {
      this.refusedAt.push(at)
      const frees = this.inWindow.at(this.inWindow.length - this.limit) as number
      return this.told(providerError(429, 'rate limit reached', frees + this.windowMs - at), 20)
    }
    this.inWindow.push(at)
    this.admittedAt.push(at)
    return this.told(text(), this.afterMs)
  }

  private told({ answer }: Reply, afterMs: number): Reply {
    const remaining = Math.max(0, this.limit - this.inWindow.length)
    const limits = { 'x-ratelimit-limit-requests': `${this.limit}`, 'x-ratelimit-remaining-requests': `${remaining}` }
    const headers = { ...(this.tells ? limits : {}), ...this.says }
    return { answer: { ...answer, headers } as Reply['answer'], afterMs }
  }

  private letOthers(now: number): void {
    const everyMs = this.windowMs / this.others
    this.othersAt = Math.max(this.othersAt, now - this.windowMs)
    for (; this.othersAt + everyMs <= now; this.othersAt += everyMs) {
      const at = this.othersAt + everyMs
      this.forget(at)
      if (this.inWindow.length < this.limit) this.inWindow.push(at)
    }
    if (this.others === 0) this.othersAt = now
  }

  private forget(now: number): void {
    this.inWindow = this.inWindow.filter((at) => at > now - this.windowMs)
  }
}
