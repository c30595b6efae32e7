/** A provider in virtual time: it answers as its script says, and keeps an exact log of the calls that reached it. */
import type { Clock, ModelAnswer, ModelPort, ModelRequest } from '../../services/ports.ts'

export interface Call {
  readonly jobId: string
  readonly fence: number
  readonly attempt: number
  /** Epoch ms at which it arrived. */
  readonly at: number
}
export interface Reply {
  readonly answer: ModelAnswer
  readonly afterMs: number
}
/** `dies`: the worker that called is gone before the answer. `nth` counts the calls for this job, from 1. */
export type Script = (request: ModelRequest, nth: number, call: Call) => Reply | 'dies'

const USAGE = { inputTokens: 20, outputTokens: 10 }
const headers = {}

export const text = (said = 'Dear Grace, thank you.', afterMs = 400): Reply => ({
  answer: { kind: 'text', text: said, usage: USAGE, model: 'model-a-2030', whole: true, headers },
  afterMs,
})
export const refusal = (): Reply => ({
  answer: { kind: 'refusal', text: '', usage: USAGE, model: 'model-a-2030', headers },
  afterMs: 300,
})
export const providerError = (status: number, message = `status ${status}`, retryAfterMs?: number): Reply => ({
  answer: { kind: 'error', status, message, headers, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  afterMs: 100,
})
export const rateLimited = (retryAfterMs: number): Reply => providerError(429, 'rate limit reached', retryAfterMs)
export const badKey = (): Reply => providerError(401, 'the key is not valid')

export class FakeModel implements ModelPort {
  readonly calls: Call[] = []
  script: Script = () => text()
  /** What getting ready for a call takes: longer than its slot lasts, and the call is not made. */
  prepareMs = 0
  /** And what connecting takes, which begins when the slot is near. */
  connectMs = 0
  private readonly made = new Map<string, number>()

  constructor(private readonly clock: Clock) {}

  async call(request: ModelRequest): Promise<ModelAnswer> {
    if (this.prepareMs > 0) await this.clock.until(this.clock.now() + this.prepareMs)
    if (!(await request.nears())) return { kind: 'missed' }
    if (this.connectMs > 0) await this.clock.until(this.clock.now() + this.connectMs)
    if (!(await request.begin())) return { kind: 'missed' }
    const { jobId, fence, attempt } = request
    const call = { jobId, fence, attempt, at: this.clock.now() }
    const nth = (this.made.get(jobId) ?? 0) + 1
    this.made.set(jobId, nth)
    this.calls.push(call)
    const reply = this.script(request, nth, call)
    if (reply === 'dies') return new Promise(() => undefined)
    await this.clock.until(call.at + reply.afterMs)
    return reply.answer
  }

  of(jobId: string): Call[] {
    return this.calls.filter((c) => c.jobId === jobId)
  }
}
