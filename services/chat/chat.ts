/**
 * A person's chat completion, passed through to its pool's provider under a permit: taken from the stock, or waited for in
 * line, used at once, and settled when the last of the answer has gone. Who dies in between leaves a permit that ends by
 * itself, counted as it was reserved. Neither prompt nor answer is kept or told anywhere.
 */
import { maximumField } from '../../core/accounting.ts'
import { type ChatBody, inputTokensOf, maximumOf, uncountable } from '../../core/chat.ts'
import type { Usage } from '../../core/job.ts'
import { countsTokens } from '../../core/ledgers.ts'
import type { Caller } from '../caller.ts'
import type { ChatDeps } from '../deps.ts'
import type { PermitRequest, SharedPool } from '../permits/ask.ts'
import type { ChatAnswer } from '../ports.ts'
import { type Answer, type Refusal, refuse } from '../refusal.ts'
import { poolOf } from './pool.ts'
import { refusalFor } from './said.ts'
import { Seat } from './seat.ts'

export interface ChatRequest {
  readonly body: ChatBody
  /** So long it may wait for its permit. */
  readonly waitS: number
  /** Aborts when whoever asks has gone. */
  readonly gone: AbortSignal
}

/** A call that the provider answers. */
export interface OpenCall {
  readonly pool: string
  readonly permit: string
  readonly waitedMs: number
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
  /** Whoever does not read it to its end cancels it: only then is the permit settled. */
  readonly body: ReadableStream<Uint8Array>
}

/** A call lasts no longer, its answer included: Lambda and API Gateway give up on a silent stream about then. */
export const CALL_LASTS_MS = 300_000
/** From the stock a call leaves with only a connection to be made; in line it hears of its permit by looking. */
const AT_ONCE_MS = 300
const FROM_LINE_MS = 1_000
/** A permit that was missed is given back and asked for again: the connection, or this process, was slow. */
const TRIES = 3

export async function chat(deps: ChatDeps, caller: Caller, request: ChatRequest): Promise<Answer<{ call: OpenCall }>> {
  const found = await poolOf(deps, caller, request.body.model)
  if (!found.ok) return found
  const { id, pool } = found
  const wrong = unbounded(pool, request.body)
  if (wrong) return wrong
  const body = withMaximum(pool, request.body)
  const since = deps.clock.now()
  const left = new AbortController()
  const gone = AbortSignal.any([request.gone, left.signal])
  for (let tries = 1; ; tries++) {
    const leftS = Math.max(0, request.waitS - (deps.clock.now() - since) / 1_000)
    const ask = askFor(body, { waitS: leftS, gone, atOnceMs: tries === 1 ? AT_ONCE_MS : FROM_LINE_MS })
    const seat = new Seat({ deps, caller, pool: id, ask })
    const answer = await called(deps, pool, { body, gone }, seat)
    if (answer.kind === 'missed' && seat.permit && !seat.refusal && tries < TRIES) continue
    return outcome(deps, { id, since, left }, seat, answer)
  }
}

/** The call, and what becomes of its permit where it has no answer. */
async function called(
  deps: ChatDeps,
  pool: SharedPool,
  p: { body: ChatBody; gone: AbortSignal },
  seat: Seat,
): Promise<ChatAnswer> {
  const { nears, begin } = seat
  try {
    const answer = await deps.chat.call({ ...p, pool, timeoutMs: CALL_LASTS_MS, nears, begin })
    // What a provider counts of a call that it refused is not known: what was reserved is never less.
    if (answer.kind === 'failed' && answer.sent) await seat.settle({})
    else if (answer.kind !== 'answers') await seat.release()
    return answer
  } catch (error) {
    await seat.settle({})
    throw error
  }
}

function outcome(
  deps: ChatDeps,
  { id, since, left }: { id: string; since: number; left: AbortController },
  seat: Seat,
  answer: ChatAnswer,
): Answer<{ call: OpenCall }> {
  seat.throwIfBroken()
  const count = (outcome: string) => deps.meter.count('PeopleCalls', 1, { pool: id, outcome })
  switch (answer.kind) {
    case 'answers': {
      count('answered')
      const { contentType, headers, chunks } = answer
      const about = { pool: id, permit: seat.permit?.id ?? '', waitedMs: seat.seatedAt - since }
      const body = settledAtEnd(chunks, left, (usage) => seat.settle(usage ?? {}))
      return { ok: true, call: { ...about, contentType, headers, body } }
    }
    case 'unsupported':
      return refuse('unsupported-field', answer.message, 'Leave it out, or use a model of another pool.', {
        at: answer.at,
      })
    case 'missed':
      count('waited-in-vain')
      return seat.refusal ?? missedThrice(id)
    case 'failed':
      count('failed')
      return refusalFor(answer.said)
  }
}

const missedThrice = (pool: string): Refusal =>
  refuse('no-permit-free', `The provider of ${pool} could not be reached in a permit's time.`, 'Ask again.', {
    retryAfterS: 1,
  })

/** A stream and not a generator: one that was never begun would not settle where it is cancelled. */
function settledAtEnd(
  chunks: AsyncGenerator<Uint8Array, Usage | undefined, undefined>,
  left: AbortController,
  settle: (usage: Usage | undefined) => Promise<void>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await chunks.next()
        if (!next.done) return controller.enqueue(next.value)
        await settle(next.value)
        controller.close()
      },
      async cancel() {
        left.abort()
        const { value } = await chunks.return(undefined)
        await settle(value instanceof Uint8Array ? undefined : value)
      },
    },
    { highWaterMark: 0 },
  )
}

const askFor = (body: ChatBody, p: Required<Pick<PermitRequest, 'waitS' | 'gone' | 'atOnceMs'>>): PermitRequest => ({
  inputTokens: inputTokensOf(body),
  maxOutputTokens: maximumOf(body)?.tokens ?? 0,
  model: body.model,
  useWithinMs: FROM_LINE_MS,
  lastsMs: CALL_LASTS_MS,
  ...p,
})

/** What its cost cannot be told of before it is made. */
function unbounded(pool: SharedPool, body: ChatBody): Refusal | undefined {
  const { maxOutputTokens: most } = pool.people
  const named = maximumOf(body)
  if (named && named.tokens > most)
    return refuse('too-large', `A call may be asked for at most ${most} tokens of output here.`, 'Ask for fewer.', {
      at: named.field,
    })
  const path = uncountable(body)
  return path !== undefined && countsTokens(pool)
    ? refuse('unsupported-field', `${path}: how many tokens it has cannot be told before the call.`, COUNTABLE, {
        at: path,
      })
    : undefined
}
const COUNTABLE = 'Send text alone to a pool that limits tokens.'

const withMaximum = (pool: SharedPool, body: ChatBody): ChatBody =>
  maximumOf(body) ? body : { ...body, [maximumField(pool)]: pool.people.maxOutputTokens }
