/** OpenAI's request in the AI SDK's words, for providers with a protocol of their own; or the field that has none there. */
import type {
  JSONSchema7,
  LanguageModelV3CallOptions,
  LanguageModelV3FunctionTool,
  LanguageModelV3Message,
  LanguageModelV3ToolChoice,
} from '@ai-sdk/provider'
import { type ChatBody, type ChatMessage, type ChatPart, maximumOf } from '../../../core/chat.ts'

export class Unsupported extends Error {
  constructor(readonly at: string) {
    super(`${at} cannot be sent to this model's provider.`)
  }
}
const unsupported = (at: string): never => {
  throw new Unsupported(at)
}

/** They change nothing of the answer, only who is told of it. */
const HINTS = ['user', 'safety_identifier', 'prompt_cache_key', 'service_tier', 'modalities', 'parallel_tool_calls']
const TRANSLATED = [
  ...['model', 'messages', 'max_tokens', 'max_completion_tokens', 'n', 'stream', 'stream_options', 'temperature'],
  ...['top_p', 'stop', 'tools', 'tool_choice', 'response_format'],
]
/** What is said so of a field changes nothing: clients send their defaults along. */
const NONE_AT_ZERO = ['frequency_penalty', 'presence_penalty', 'top_logprobs']
const saysNothing = (field: string, value: unknown): boolean =>
  value == null || value === false || (value === 0 && NONE_AT_ZERO.includes(field))
/** Of Anthropic and of Bedrock's Converse API; OpenAI's goes to 2. */
const TEMPERATURE_AT_MOST = 1

/** Throws Unsupported. */
export function optionsOf(body: ChatBody): LanguageModelV3CallOptions {
  for (const [field, value] of Object.entries(body))
    if (!saysNothing(field, value) && ![...HINTS, ...TRANSLATED].includes(field)) unsupported(field)
  const { temperature, top_p, stop } = body
  if ((temperature ?? 0) > TEMPERATURE_AT_MOST) unsupported('temperature')
  const settings = {
    maxOutputTokens: maximumOf(body)?.tokens,
    temperature,
    topP: top_p,
    stopSequences: typeof stop === 'string' ? [stop] : stop,
    tools: body.tools?.map(toolOf),
    toolChoice: choiceOf(body.tool_choice),
    responseFormat: formatOf(body.response_format),
  }
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value != null))
  return { ...given, prompt: promptOf(body.messages) }
}

function promptOf(messages: readonly ChatMessage[]): LanguageModelV3Message[] {
  const calls = messages.flatMap(({ tool_calls }) => tool_calls ?? [])
  const nameOf = (id: string | undefined) => calls.find((call) => call.id === id)?.function?.name
  return messages.map((message, i) => messageOf(message, `messages.${i}`, nameOf))
}

function messageOf(
  { role, content, tool_calls, tool_call_id: toolCallId }: ChatMessage,
  at: string,
  nameOf: (id: string | undefined) => string | undefined,
): LanguageModelV3Message {
  const text = textOf(content, `${at}.content`)
  const said = text === '' ? [] : [{ type: 'text' as const, text }]
  switch (role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: text }
    case 'user':
      return { role, content: said }
    case 'assistant':
      return { role, content: [...said, ...(tool_calls ?? []).map((call, i) => callOf(call, `${at}.tool_calls.${i}`))] }
    case 'tool': {
      const toolName = nameOf(toolCallId) ?? unsupported(`${at}.tool_call_id`)
      const output = { type: 'text' as const, value: text }
      return { role, content: [{ type: 'tool-result', toolCallId: toolCallId ?? '', toolName, output }] }
    }
    case 'function':
      return unsupported(`${at}.role`)
  }
}

function textOf(content: ChatMessage['content'], at: string): string {
  if (typeof content === 'string' || content == null) return content ?? ''
  return content
    .map((part: ChatPart, i) => (part.type === 'text' ? String(part.text) : unsupported(`${at}.${i}`)))
    .join('')
}

function callOf(call: NonNullable<ChatMessage['tool_calls']>[number], at: string) {
  const { name = unsupported(at), arguments: input = '{}' } = call.function ?? {}
  try {
    return {
      type: 'tool-call' as const,
      toolCallId: call.id,
      toolName: name,
      input: JSON.parse(input || '{}') as unknown,
    }
  } catch {
    return unsupported(`${at}.function.arguments`)
  }
}

function toolOf({ function: of }: NonNullable<ChatBody['tools']>[number], i: number): LanguageModelV3FunctionTool {
  const { name, description, parameters, strict } = of ?? unsupported(`tools.${i}`)
  return {
    type: 'function',
    name,
    inputSchema: (parameters ?? { type: 'object', properties: {} }) as JSONSchema7,
    ...(description === undefined ? {} : { description }),
    ...(strict == null ? {} : { strict }),
  }
}

function choiceOf(choice: ChatBody['tool_choice']): LanguageModelV3ToolChoice | undefined {
  if (choice == null) return undefined
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { type: choice }
  const { name } = ((typeof choice === 'object' && choice['function']) || {}) as { name?: unknown }
  return typeof name === 'string' ? { type: 'tool', toolName: name } : unsupported('tool_choice')
}

function formatOf(format: ChatBody['response_format']): LanguageModelV3CallOptions['responseFormat'] {
  if (format == null || format.type === 'text') return undefined
  const { schema, name, description } = (format['json_schema'] ?? {}) as Record<string, unknown>
  if (schema === undefined) unsupported('response_format')
  const given = Object.entries({ schema, name, description }).filter(([, value]) => value !== undefined)
  return { type: 'json', ...Object.fromEntries(given) }
}
