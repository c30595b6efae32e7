/** A chat completion from a provider with a protocol of its own, through the AI SDK: its answer in OpenAI's shape. */
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3FinishReason,
  LanguageModelV3GenerateResult,
  LanguageModelV3StreamPart,
} from '@ai-sdk/provider'
import type { Usage } from '../../../core/job.ts'
import type { ChatAnswer, ChatCall } from '../../../services/ports.ts'
import type { Mentionable } from '../failure.ts'
import { passedHeaders } from '../headers.ts'
import type { Leaving } from '../leaving.ts'
import { usageOf } from '../usage.ts'
import { attempted, whole } from './attempted.ts'
import { optionsOf, Unsupported } from './options.ts'
import { brokenOff, DONE, dataEvent } from './sse.ts'

export async function translated(p: ChatCall, model: () => LanguageModelV3, never: Mentionable): Promise<ChatAnswer> {
  let options: LanguageModelV3CallOptions
  try {
    options = optionsOf(p.body)
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error
    return { kind: 'unsupported', at: error.at, message: error.message }
  }
  return attempted(p, never, async (call) => {
    const ask = { ...options, abortSignal: call.signal }
    if (p.body.stream) return streams(await model().doStream(ask), { call, p, never })
    const result = await model().doGenerate(ask)
    call.done()
    const text = JSON.stringify(completionOf(result, about(p, never, result.response?.id)))
    const headers = passedHeaders(result.response?.headers, never)
    return { kind: 'answers', contentType: 'application/json', headers, chunks: whole(text, usageOf(result.usage)) }
  })
}

interface About {
  readonly id: string
  readonly created: number
  readonly model: string
}
const about = ({ body }: ChatCall, { now }: Mentionable, id = 'fairlead'): About => ({
  id: `chatcmpl-${id}`,
  created: Math.floor(now() / 1_000),
  model: body.model,
})

const FINISH: Readonly<Record<LanguageModelV3FinishReason['unified'], string>> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'content_filter',
  'tool-calls': 'tool_calls',
  error: 'stop',
  other: 'stop',
}

function completionOf({ content, finishReason, usage }: LanguageModelV3GenerateResult, of: About) {
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const calls = content.flatMap(toolCallIn)
  const message = { role: 'assistant', content: text || null, ...(calls.length > 0 ? { tool_calls: calls } : {}) }
  const choice = { index: 0, message, finish_reason: FINISH[finishReason.unified], logprobs: null }
  return { ...of, object: 'chat.completion', choices: [choice], usage: openAiUsage(usageOf(usage)) }
}

const toolCallIn = (part: LanguageModelV3Content) =>
  part.type === 'tool-call'
    ? [{ id: part.toolCallId, type: 'function', function: { name: part.toolName, arguments: part.input } }]
    : []

const openAiUsage = ({ inputTokens = 0, outputTokens = 0, cacheReadTokens = 0 }: Usage) => ({
  prompt_tokens: inputTokens,
  completion_tokens: outputTokens,
  total_tokens: inputTokens + outputTokens,
  prompt_tokens_details: { cached_tokens: cacheReadTokens },
})

function streams(
  { stream, response }: Awaited<ReturnType<LanguageModelV3['doStream']>>,
  asked: { call: Leaving; p: ChatCall; never: Mentionable },
): ChatAnswer {
  const headers = passedHeaders(response?.headers, asked.never)
  return { kind: 'answers', contentType: 'text/event-stream', headers, chunks: streamed(stream, asked) }
}

/** The events of OpenAI's stream: deltas, the reason of the end, the usage where it was asked for. */
async function* streamed(
  parts: ReadableStream<LanguageModelV3StreamPart>,
  { call, p, never }: { call: Leaving; p: ChatCall; never: Mentionable },
): AsyncGenerator<Uint8Array, Usage | undefined, undefined> {
  const of = { ...about(p, never), object: 'chat.completion.chunk' }
  const chunk = (delta: object, finish_reason: string | null = null) =>
    dataEvent({ ...of, choices: [{ index: 0, delta, finish_reason }] })
  const calls: string[] = []
  let usage: Usage | undefined
  try {
    yield chunk({ role: 'assistant', content: '' })
    for await (const part of parts as unknown as AsyncIterable<LanguageModelV3StreamPart>) {
      if (part.type === 'error') throw part.error
      if (part.type === 'finish') {
        usage = usageOf(part.usage)
        yield chunk({}, FINISH[part.finishReason.unified])
        continue
      }
      const delta = deltaOf(part, calls)
      if (delta) yield chunk(delta)
    }
    if (usage && p.body.stream_options?.include_usage)
      yield dataEvent({ ...of, choices: [], usage: openAiUsage(usage) })
    yield DONE
  } catch {
    yield brokenOff()
  } finally {
    call.done()
  }
  return usage
}

/** `calls`: the ids of the tools called so far, in their order. */
function deltaOf(part: LanguageModelV3StreamPart, calls: string[]): object | undefined {
  switch (part.type) {
    case 'text-delta':
      return { content: part.delta }
    case 'tool-input-start':
      return toolDelta(calls.push(part.id) - 1, {
        id: part.id,
        type: 'function',
        function: { name: part.toolName, arguments: '' },
      })
    case 'tool-input-delta':
      return toolDelta(calls.indexOf(part.id), { function: { arguments: part.delta } })
    case 'tool-call':
      // Whole, where the provider gave it no deltas.
      return calls.includes(part.toolCallId)
        ? undefined
        : toolDelta(calls.push(part.toolCallId) - 1, {
            id: part.toolCallId,
            type: 'function',
            function: { name: part.toolName, arguments: part.input },
          })
    default:
      return undefined
  }
}
const toolDelta = (index: number, call: object) => ({ tool_calls: [{ index, ...call }] })
