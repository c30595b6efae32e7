/** The chat completions dialect: what a call asks for, and the answer to it. The text says that it is simulated. */
import * as z from 'zod'
import type { Tokens } from './counting.ts'

const Content = z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() })), z.null()])
export const ChatRequest = z.looseObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: Content.optional() })).min(1),
  max_tokens: z.number().int().positive().nullish(),
  max_completion_tokens: z.number().int().positive().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
})
export type ChatRequest = z.infer<typeof ChatRequest>

/** What a call that names no maximum may write. */
const DEFAULT_MAX_TOKENS = 1_000
const CHARS_PER_TOKEN = 4
const tokensIn = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN)

const maxTokens = (r: ChatRequest): number => r.max_tokens ?? r.max_completion_tokens ?? DEFAULT_MAX_TOKENS
const textOf = (content: ChatRequest['messages'][number]['content']): string =>
  typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('')
const inputTokens = (r: ChatRequest): number =>
  tokensIn(r.messages.reduce((chars, { content }) => chars + textOf(content).length, 0))

/** The input, and all the output that may come. */
export const asked = (r: ChatRequest): Tokens => ({ input: inputTokens(r), output: maxTokens(r) })

export function completion(r: ChatRequest, p: { id: string; createdMs: number }) {
  const whole = simulatedText(r)
  const text = whole.slice(0, maxTokens(r) * CHARS_PER_TOKEN)
  const usage = { prompt_tokens: inputTokens(r), completion_tokens: tokensIn(text.length) }
  return {
    id: p.id,
    object: 'chat.completion',
    created: Math.floor(p.createdMs / 1_000),
    model: r.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text },
        finish_reason: text === whole ? 'stop' : 'length',
      },
    ],
    usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens },
  }
}

/** The events of the same answer as a stream: word by word, and the usage where it is asked for. */
export function eventsOf(r: ChatRequest, { usage, choices, ...answer }: ReturnType<typeof completion>): string[] {
  const of = { ...answer, object: 'chat.completion.chunk' }
  const [{ message, finish_reason }] = choices as [(typeof choices)[number]]
  const chunk = (delta: object, finish: string | null = null) => ({
    ...of,
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
  const words = message.content.match(/\S+\s*|\s+/g) ?? []
  const asked = r.stream_options?.include_usage ? [{ ...of, choices: [], usage }] : []
  const chunks = [chunk({ role: 'assistant', content: '' }), ...words.map((content) => chunk({ content }))]
  const all = [...chunks, chunk({}, finish_reason), ...asked].map((event) => JSON.stringify(event))
  return [...all, '[DONE]'].map((data) => `data: ${data}\n\n`)
}

const QUOTED_CHARS = 120

/** A little of the prompt, so that one draft can be told from another. */
function simulatedText({ messages }: ChatRequest): string {
  const said = textOf(messages.findLast(({ role }) => role === 'user')?.content)
  const line =
    said
      .split('\n')
      .find((l) => l.trim() !== '')
      ?.trim() ?? 'nothing'
  const quoted = line.length > QUOTED_CHARS ? `${line.slice(0, QUOTED_CHARS)}…` : line
  return `[simulated] No model wrote this. The prompt begins: ${quoted}`
}
