/**
 * A provider to run against without an account: `POST /v1/chat/completions` over real HTTP, with limits that it
 * enforces strictly and counts of what reached it. It knows nothing of Fairlead but three headers, and its window
 * (simulated-provider/window.ts) is independent of the ledger, so that it can judge it.
 */
import type { IncomingMessage } from 'node:http'
import { closed } from './closed.ts'
import { asked, ChatRequest, completion, eventsOf } from './simulated-provider/completion.ts'
import { bodyOf, listening, type Reply, sender } from './simulated-provider/http.ts'
import { randomFrom, usualLatencyMs } from './simulated-provider/latency.ts'
import { limitHeaders, overLimit } from './simulated-provider/limits.ts'
import { type Call, callOf, tally } from './simulated-provider/tally.ts'
import { type LimitName, type Limits, SlidingWindow } from './simulated-provider/window.ts'

export type { Call }

/** Instead of the usual answer. Status 200 without a body keeps the usual text; without `delayMs`, the usual latency. */
export interface Scripted {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly delayMs?: number
  readonly destroy?: true
}

export interface SimulatedProviderOptions extends Limits {
  /** 0, the default, takes a free one. */
  readonly port?: number
  readonly latency?: (random01: number) => number
  readonly seed?: number
  readonly now?: () => number
  /** Gets one JSON line per arrival (tally.ts, `Arrival`). */
  readonly logFile?: string
  /** Asked for each call that the limits admit; such a call stays counted as admitted. */
  readonly script?: (call: Call) => Scripted | undefined
}

/** Calls that are no chat completion (400) are in none of these. */
export interface SimulatedProviderStats {
  readonly admitted: number
  readonly refused: number
  /** Admitted, in the window that ends now. */
  readonly inWindow: number
  /** The most admitted in any window so far. */
  readonly worstWindow: number
  /** The most that any window has held of each limit, as a share of it. */
  readonly worst: Readonly<Partial<Record<LimitName, number>>>
  /** Pairs of job and fence that arrived more than once. */
  readonly repeated: number
}

/** What may befall it while it runs. Each absent: as it is. */
export interface Change {
  readonly requests?: number
  /** Calls of somebody else in a window, evenly spaced; those that are refused are not tried again. */
  readonly strangers?: number
  /** 503 to every call, admitted or not. */
  readonly down?: boolean
}

export interface SimulatedProvider {
  /** With /v1, as a base URL. */
  readonly url: string
  stats(): SimulatedProviderStats
  change(change: Change): void
  /** Drops the answers that are still due. Closing again waits for the same end. */
  close(): Promise<void>
}

export async function simulatedProvider(options: SimulatedProviderOptions): Promise<SimulatedProvider> {
  const provider = judge(options)
  const answers = sender()
  const { server, port } = await listening((request, response) => {
    reply(request, provider).then(
      (r) => answers.send(response, r),
      () => response.destroy(),
    )
  }, options.port ?? 0)
  const close = async () => {
    answers.abandon()
    await closed(server)
    provider.close()
  }
  let closing: Promise<void> | undefined
  return {
    url: `http://127.0.0.1:${port}/v1`,
    stats: provider.stats,
    change: provider.change,
    close: () => (closing ??= close()),
  }
}

type Judge = ReturnType<typeof judge>

async function reply(request: IncomingMessage, provider: Judge): Promise<Reply> {
  const route = `${request.method} ${request.url?.split('?')[0]}`
  if (route === 'GET /stats') return { status: 200, body: provider.stats() }
  const body = await bodyOf(request)
  if (route !== 'POST /v1/chat/completions') return failure(404, `${route} is not simulated`)
  if (body === undefined) return failure(413, 'the body is too large')
  return provider.call(request, body)
}

function judge(options: SimulatedProviderOptions) {
  const { now = Date.now, latency = usualLatencyMs, script = () => undefined } = options
  const window = new SlidingWindow(options)
  const log = tally(options.logFile)
  const random = randomFrom(options.seed ?? 1)
  const counts = { arrived: 0, admitted: 0, refused: 0 }
  const strangers = strangersOf(options.windowMs, (at) => {
    const arrived = window.arrive(at, { input: 0, output: 0 })
    log.arrived({ n: 0 }, { at, status: arrived.kind === 'admitted' ? 200 : 429 })
    if (arrived.kind === 'admitted') arrived.answered(at)
  })
  let down = false
  let last = Number.NEGATIVE_INFINITY
  /** A wall clock may step back; arrivals have an order all the same. */
  const time = () => (last = Math.max(last, now()))

  function call({ headers }: IncomingMessage, body: string): Reply {
    const at = time()
    strangers.letIn(at)
    counts.arrived += 1
    const caller = callOf(headers, counts.arrived)
    const answered = decide(caller, body, at)
    log.arrived(caller, { at, status: answered.destroy ? 0 : answered.status, ...tokensOf(answered) })
    return { ...answered, headers: { ...limitHeaders(window, at), ...answered.headers } }
  }

  function decide(caller: Call, body: string, at: number): Reply {
    const parsed = ChatRequest.safeParse(jsonIn(body))
    if (!parsed.success) return failure(400, parsed.error.issues[0]?.message ?? 'the body is no chat completion')
    if (down) return failure(503, '[simulated] The provider is down.')
    const verdict = window.arrive(at, asked(parsed.data))
    counts[verdict.kind] += 1
    if (verdict.kind === 'refused') return overLimit(options, verdict)
    const answer = completion(parsed.data, { id: `chatcmpl-simulated-${caller.n}`, createdMs: at })
    const events = parsed.data.stream ? { events: eventsOf(parsed.data, answer) } : {}
    const usual = { status: 200, body: answer, ...events }
    const scripted = script(caller)
    const said = scripted && scripted.status !== 200 ? { body: {}, ...scripted } : { ...usual, ...scripted }
    const { prompt_tokens: input, completion_tokens: output } = answer.usage
    const sent = () => verdict.answered(time(), said.status === 200 ? { input, output } : undefined)
    return { ...said, delayMs: said.delayMs ?? latency(random()), sent }
  }

  const stats = (): SimulatedProviderStats => ({
    admitted: counts.admitted,
    refused: counts.refused,
    inWindow: window.admitted(time()),
    worstWindow: window.worst(),
    worst: window.worstShares(),
    repeated: log.repeated(),
  })
  const change = (to: Change): void => {
    strangers.letIn(time())
    if (to.requests !== undefined) window.change('requests', to.requests)
    if (to.strangers !== undefined) strangers.inWindow = to.strangers
    down = to.down ?? down
  }
  return { call, stats, change, close: log.close }
}

/** Calls of somebody else, let in when somebody looks: in the order of time, as if they had come by themselves. */
function strangersOf(windowMs: number, arrive: (at: number) => void) {
  let lastAt = Number.NEGATIVE_INFINITY
  return {
    inWindow: 0,
    letIn(now: number): void {
      const everyMs = windowMs / this.inWindow
      for (lastAt = Math.max(lastAt, now - windowMs); lastAt + everyMs <= now; lastAt += everyMs)
        arrive(lastAt + everyMs)
      if (this.inWindow === 0) lastAt = now
    },
  }
}

function tokensOf({ body }: Reply): { tokens?: number } {
  const usage = (body as { usage?: { total_tokens?: number } } | undefined)?.usage
  return usage?.total_tokens === undefined ? {} : { tokens: usage.total_tokens }
}

const failure = (status: number, message: string): Reply => ({
  status,
  body: { error: { message, type: 'invalid_request_error', code: status === 404 ? 'not_found' : 'invalid_request' } },
})

function jsonIn(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
