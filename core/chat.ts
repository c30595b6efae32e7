/**
 * A chat completion as OpenAI's clients ask for it (OpenAI, "Create chat completion"), so far as Fairlead can bound what it
 * costs before it is made. A field that is not here is refused by name: some make a provider call several times, fetch
 * pages, or answer with more than was reserved.
 */
import * as z from 'zod'
import { estimateTokens } from './prompt.ts'

const Part = z.union([
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('refusal'), refusal: z.string() }),
  z.looseObject({ type: z.enum(['image_url', 'input_audio', 'file']) }),
])
export type ChatPart = z.infer<typeof Part>

const ToolCall = z.looseObject({
  id: z.string(),
  type: z.enum(['function', 'custom']).optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }).optional(),
})
const Message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z.union([z.string(), z.array(Part), z.null()]).optional(),
  tool_calls: z.array(ToolCall).nullish(),
  tool_call_id: z.string().optional(),
})
export type ChatMessage = z.infer<typeof Message>

const Tool = z.looseObject({
  type: z.enum(['function', 'custom']),
  function: z
    .looseObject({
      name: z.string(),
      description: z.string().optional(),
      parameters: z.record(z.string(), z.unknown()).optional(),
      strict: z.boolean().nullish(),
    })
    .optional(),
})

const tokens = z.number().int().min(1).nullish()
const penalty = z.number().min(-2).max(2).nullish()

export const ChatBody = z.strictObject({
  model: z.string().min(1).max(200).describe('One of those that GET /v1/models lists'),
  messages: z.array(Message).min(1).max(4_000),
  max_tokens: tokens.describe("At most the pool's people.maxOutputTokens, and that if left out"),
  max_completion_tokens: tokens,
  n: z.literal(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: penalty,
  presence_penalty: penalty,
  stop: z.union([z.string(), z.array(z.string()).max(16)]).nullish(),
  seed: z.number().int().nullish(),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  tools: z.array(Tool).max(128).nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  functions: z
    .array(z.looseObject({ name: z.string() }))
    .max(128)
    .nullish(),
  function_call: z.union([z.string(), z.looseObject({ name: z.string() })]).nullish(),
  response_format: z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) }).nullish(),
  modalities: z.array(z.literal('text')).nullish(),
  reasoning_effort: z.string().nullish(),
  verbosity: z.string().nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  store: z.boolean().nullish(),
})
export type ChatBody = z.infer<typeof ChatBody>

const MAXIMA = ['max_tokens', 'max_completion_tokens'] as const
export type MaximumField = (typeof MAXIMA)[number]

/** The largest of the maxima that it names, and which. */
export function maximumOf(body: ChatBody): { field: MaximumField; tokens: number } | undefined {
  const named = MAXIMA.flatMap((field) => (body[field] == null ? [] : [{ field, tokens: body[field] }]))
  return named.sort((a, b) => b.tokens - a.tokens)[0]
}

/** Tokens of input to reserve: all that the model reads, counted as jobs' prompts are. */
export const inputTokensOf = ({ messages, tools, functions, response_format }: ChatBody): number =>
  estimateTokens({ prompt: JSON.stringify({ messages, tools, functions, response_format }) })

/** The first part whose tokens nobody can tell before the call: a picture, a sound, a file. */
export function uncountable({ messages }: ChatBody): string | undefined {
  const paths = messages.flatMap(({ content }, i) =>
    Array.isArray(content) ? content.map((part, j) => ({ part, path: `messages.${i}.content.${j}` })) : [],
  )
  return paths.find(({ part }) => part.type !== 'text' && part.type !== 'refusal')?.path
}
