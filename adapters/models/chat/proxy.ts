/** A chat completion to a provider that speaks OpenAI's protocol: the request and its answer go through as they are. */
import { APICallError } from '@ai-sdk/provider'
import type { ChatBody } from '../../../core/chat.ts'
import type { Usage } from '../../../core/job.ts'
import type { ChatAnswer, ChatCall } from '../../../services/ports.ts'
import type { Mentionable } from '../failure.ts'
import { passedHeaders } from '../headers.ts'
import type { Leaving } from '../leaving.ts'
import { send } from '../sending.ts'
import { counted } from '../usage.ts'
import { attempted, whole } from './attempted.ts'
import { brokenOff, eventsOf, jsonOf, sent } from './sse.ts'

export function proxied(p: ChatCall, baseUrl: string, never: Mentionable): Promise<ChatAnswer> {
  const url = `${baseUrl.replace(/\/$/, '')}/chat/completions`
  return attempted(p, never, async (call) => {
    const response = await send(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(never.key === undefined ? {} : { authorization: `Bearer ${never.key}` }),
      },
      body: JSON.stringify(asSent(p.body)),
      signal: call.signal,
    })
    return answer(response, { call, url, body: p.body, never })
  })
}

/** The provider is asked for the usage of a stream, whether the client wants to see it or not. */
const asSent = (body: ChatBody): ChatBody =>
  body.stream ? { ...body, stream_options: { ...body.stream_options, include_usage: true } } : body

interface Asked {
  readonly call: Leaving
  readonly url: string
  readonly body: ChatBody
  readonly never: Mentionable
}

async function answer(response: Response, asked: Asked): Promise<ChatAnswer> {
  const received = Object.fromEntries(response.headers)
  const contentType = received['content-type'] ?? 'application/json'
  const headers = passedHeaders(received, asked.never)
  if (response.status === 200 && response.body && /^text\/event-stream/i.test(contentType))
    return { kind: 'answers', contentType, headers, chunks: streamed(response.body, asked) }
  const text = await response.text()
  const usage = response.status === 200 ? usageIn(text) : undefined
  if (!usage) throw noCompletion(asked.url, { status: response.status, received, text })
  asked.call.done()
  return { kind: 'answers', contentType, headers, chunks: whole(text, usage.told) }
}

/** For the event of usage alone whoever has not asked has no use: clients look into `choices`, which is empty there. */
async function* streamed(
  bytes: ReadableStream<Uint8Array>,
  { call, body }: Asked,
): AsyncGenerator<Uint8Array, Usage | undefined, undefined> {
  const shown = body.stream_options?.include_usage === true
  let usage: Usage | undefined
  try {
    for await (const event of eventsOf(bytes)) {
      const chunk = jsonOf(event)
      usage = told(chunk) ?? usage
      if (shown || !isUsageAlone(chunk)) yield sent(event)
    }
  } catch {
    yield brokenOff()
  } finally {
    call.done()
  }
  return usage
}

const isUsageAlone = (chunk: ReturnType<typeof jsonOf>): boolean =>
  chunk?.['usage'] != null && Array.isArray(chunk['choices']) && chunk['choices'].length === 0

interface ToldUsage {
  readonly prompt_tokens?: unknown
  readonly completion_tokens?: unknown
  readonly prompt_tokens_details?: { readonly cached_tokens?: unknown } | null
}

function told(chunk: ReturnType<typeof jsonOf>): Usage | undefined {
  const usage = chunk?.['usage'] as ToldUsage | null | undefined
  if (typeof usage !== 'object' || usage === null) return undefined
  return counted({
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
    cacheReadTokens: usage.prompt_tokens_details?.cached_tokens,
  })
}

/** What a whole completion says that it used; undefined where it is none. */
function usageIn(text: string): { told: Usage | undefined } | undefined {
  const completion = jsonOf(`data:${text.replace(/[\r\n]+/g, ' ')}`)
  return Array.isArray(completion?.['choices']) ? { told: told(completion) } : undefined
}

const noCompletion = (url: string, p: { status: number; received: Record<string, string>; text: string }) =>
  new APICallError({
    message: '',
    url,
    requestBodyValues: {},
    statusCode: p.status,
    responseHeaders: p.received,
    responseBody: p.text,
  })
