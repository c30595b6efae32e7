/**
 * The model port over the AI SDK: one call to the pool's provider, and what it said as a value. It never retries and
 * never judges (the queue and core/retry.ts do), and no key or prompt leaves it except to the provider.
 */
import { type GenerateTextResult, generateText, type ToolSet } from 'ai'
import type { ModelAnswer, ModelPort, ModelRequest } from '../../services/ports.ts'
import { failureAnswer, type Mentionable } from './failure.ts'
import { passedHeaders } from './headers.ts'
import { needsKey, readKey } from './key.ts'
import { modelCache } from './providers.ts'

/** Its warnings go to the console in its own form; ours is for structured logs, and they cannot be acted on per call. */
globalThis.AI_SDK_LOG_WARNINGS = false

/** `key` answers the value of a variable that `keyVariable` names; `now` is needed for a `retry-after` given as a date. */
export function aiSdkModel(p: {
  key: (variable: string) => Promise<string | undefined>
  now: () => number
}): ModelPort {
  const modelOf = modelCache()
  return {
    async prepare({ pool: { provider } }) {
      if (needsKey(provider)) await readKey(provider.keyVariable, p.key)
    },
    call: async (request) => {
      const { provider } = request.pool
      const read = needsKey(provider) ? await readKey(provider.keyVariable, p.key) : undefined
      if (read && read.kind !== 'key') return read
      const secret = { provider, key: read?.key, content: [request.prompt, request.system ?? ''] }
      return ask(request, () => modelOf(provider, read?.key)(request.model), { ...secret, now: p.now })
    },
  }
}

type Model = ReturnType<ReturnType<ReturnType<typeof modelCache>>>

async function ask(request: ModelRequest, model: () => Model, never: Mentionable): Promise<ModelAnswer> {
  const abortSignal = AbortSignal.timeout(request.timeoutMs)
  try {
    const { temperature } = request
    const result = await generateText({
      model: model(),
      prompt: request.prompt,
      ...(request.system === undefined ? {} : { system: request.system }),
      ...(temperature === undefined ? {} : { temperature }),
      maxOutputTokens: request.maxOutputTokens,
      maxRetries: 0,
      abortSignal,
      headers: callHeaders(request),
    })
    return textAnswer(result, never)
  } catch (error) {
    return failureAnswer({ error, timedOut: abortSignal.aborted, request, never })
  }
}

/** So that a provider's log, or a gateway before it, can be matched with jobs. */
const callHeaders = ({ jobId, attempt, fence }: ModelRequest): Record<string, string> => ({
  'x-fairlead-job': jobId,
  'x-fairlead-attempt': String(attempt),
  'x-fairlead-fence': String(fence),
})

function textAnswer(result: GenerateTextResult<ToolSet, never>, never: Mentionable): ModelAnswer {
  const refusal = refusalIn(result.response.body)
  const { inputTokens, outputTokens } = result.usage
  return {
    kind: result.finishReason === 'content-filter' || refusal !== undefined ? 'refusal' : 'text',
    text: result.text || (refusal ?? ''),
    usage: { inputTokens, outputTokens },
    model: result.response.modelId,
    headers: passedHeaders(result.response.headers, never),
  }
}

/** OpenAI puts a refusal beside the empty content and finishes with `stop`; the SDK does not read it. */
function refusalIn(body: unknown): string | undefined {
  const { choices } = (body ?? {}) as { choices?: { message?: { refusal?: unknown } }[] }
  const refusal = Array.isArray(choices) ? choices[0]?.message?.refusal : undefined
  return typeof refusal === 'string' && refusal !== '' ? refusal : undefined
}
