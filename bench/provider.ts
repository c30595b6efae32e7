/** The simulated provider as a process of a benchmark: told over IPC how long calls take, and telling of each. */
import type { Counting } from '../local/simulated-provider/counting.ts'
import { randomFrom } from '../local/simulated-provider/latency.ts'
import { type Call, type Change, type Scripted, simulatedProvider } from '../local/simulated-provider.ts'
import { type Lognormal, lognormal } from './distribution.ts'

export interface ProviderOrder {
  readonly requests: number
  readonly windowMs: number
  readonly tokens?: number
  readonly counting?: Counting
  readonly latencyMs: number | Lognormal
  /** Bytes of each answer's text; the usual short line if absent. */
  readonly textBytes?: number
  /** So seldom a call is never answered; by the seed, and a retry is a call of its own. */
  readonly hangsOneIn?: number
  readonly seed?: number
  /** Refused calls take a place in its window, as at some providers. */
  readonly refusedCount?: boolean
  /** Every call that arrives is appended here. */
  readonly logFile?: string
}
export interface Called {
  readonly kind: 'called'
  readonly jobId: string
  /** Epoch ms of its arrival. */
  readonly at: number
  /** What the answer takes, as drawn: what a busy machine adds to it is not the provider's. */
  readonly takesMs: number
  readonly hangs: boolean
}
export type ProviderAnswer = { kind: 'listening'; url: string } | Called

/** Longer than any call may take: its caller gives up first. */
const HANG_MS = 3_600_000

const tell = (answer: ProviderAnswer): void => void process.send?.(answer)

async function serve(order: ProviderOrder): Promise<void> {
  const random = randomFrom(order.seed ?? 1)
  const { latencyMs: latency } = order
  const takes = typeof latency === 'number' ? () => latency : lognormal(latency, random)
  const hangs = () => order.hangsOneIn !== undefined && random() < 1 / order.hangsOneIn
  const script = (call: Call): Scripted => {
    const called: Called = { kind: 'called', jobId: call.job ?? '', at: Date.now(), takesMs: takes(), hangs: hangs() }
    tell(called)
    const body = order.textBytes === undefined ? {} : { body: answerOf(order.textBytes) }
    return { status: 200, ...body, delayMs: called.hangs ? HANG_MS : called.takesMs }
  }
  const { requests, windowMs, refusedCount = false, tokens, counting, logFile } = order
  const provider = await simulatedProvider({
    requests,
    windowMs,
    refusedCount,
    script,
    ...(tokens === undefined ? {} : { tokens }),
    ...(counting === undefined ? {} : { counting }),
    ...(logFile === undefined ? {} : { logFile }),
  })
  process.once('SIGTERM', () => void provider.close().then(() => process.exit(0)))
  process.on('message', (change: Change) => provider.change(change))
  tell({ kind: 'listening', url: provider.url })
}

function answerOf(bytes: number): object {
  const content = '[simulated] No model wrote this. '.repeat(bytes / 32 + 1).slice(0, bytes)
  return {
    id: 'chatcmpl-simulated',
    object: 'chat.completion',
    created: 0,
    model: 'simulated',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 250, completion_tokens: 250, total_tokens: 500 },
  }
}

process.once('message', (order: ProviderOrder) => void serve(order))
process.once('disconnect', () => process.exit(1))
