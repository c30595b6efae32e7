/**
 * The model port over the AI SDK's provider packages: one call to the pool's provider, and what it said as a value. It
 * never retries and never judges (the queue and core/retry.ts do), and no key or prompt leaves it except to the provider.
 */
import type { LanguageModelV3, LanguageModelV3CallOptions, LanguageModelV3GenerateResult } from '@ai-sdk/provider'
import type { ModelAnswer, ModelPort, ModelRequest } from '../../services/ports.ts'
import { failureAnswer, type Mentionable } from './failure.ts'
import { passedHeaders } from './headers.ts'
import { needsKey, readKey } from './key.ts'
import { type Leaving, leaving } from './leaving.ts'
import { modelCache } from './providers.ts'
import { usageOf } from './usage.ts'

/** `key` answers the value of a variable that `keyVariable` names; `now` is needed for a `retry-after` given as a date. */
export function aiSdkModel(p: {
  key: (variable: string) => Promise<string | undefined>
  now: () => number
}): ModelPort {
  const modelOf = modelCache()
  return {
    call: async (request) => {
      const { provider } = request.pool
      const read = needsKey(provider) ? await readKey(provider.keyVariable, p.key) : undefined
      if (read && read.kind !== 'key') return read
      const secret = { provider, key: read?.key, content: [request.prompt, request.system ?? ''] }
      return ask(request, () => modelOf(request.pool, read?.key)(request.model), { ...secret, now: p.now })
    },
  }
}

async function ask(request: ModelRequest, model: () => LanguageModelV3, never: Mentionable): Promise<ModelAnswer> {
  const call = leaving(request, request.timeoutMs)
  try {
    const answer = await Promise.race([model().doGenerate(optionsOf(request, call)), call.over])
    return textAnswer(answer, request, never)
  } catch (error) {
    if (call.missed()) return { kind: 'missed' }
    return failureAnswer({ error, timedOut: call.signal.aborted, request, never })
  } finally {
    call.done()
  }
}

function optionsOf(request: ModelRequest, { signal }: Leaving): LanguageModelV3CallOptions {
  const { system, temperature } = request
  return {
    prompt: [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: system, ...marked(request) }]),
      { role: 'user', content: [{ type: 'text', text: request.prompt }] },
    ],
    ...(temperature === undefined ? {} : { temperature }),
    maxOutputTokens: request.maxOutputTokens,
    abortSignal: signal,
    headers: callHeaders(request),
  }
}

/** Up to here a prompt is kept by Anthropic ("Prompt caching") and Bedrock ("Cache checkpoints"); others keep unasked. */
const KEPT = { anthropic: { cacheControl: { type: 'ephemeral' } }, bedrock: { cachePoint: { type: 'default' } } }
const marked = ({ cacheSystem }: ModelRequest) => (cacheSystem ? { providerOptions: KEPT } : {})

/** So that a provider's log, or a gateway before it, can be matched with jobs. */
const callHeaders = ({ jobId, attempt, fence }: ModelRequest): Record<string, string> => ({
  'x-fairlead-job': jobId,
  'x-fairlead-attempt': String(attempt),
  'x-fairlead-fence': String(fence),
})

function textAnswer(result: LanguageModelV3GenerateResult, { model }: ModelRequest, never: Mentionable): ModelAnswer {
  const { usage, response } = result
  const refusal = refusalIn(response?.body)
  const text = result.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  return {
    kind: result.finishReason.unified === 'content-filter' || refusal !== undefined ? 'refusal' : 'text',
    text: text || (refusal ?? ''),
    usage: usageOf(usage),
    model: response?.modelId ?? model,
    whole: result.finishReason.unified === 'stop',
    headers: passedHeaders(response?.headers, never),
  }
}

/** OpenAI puts a refusal beside the empty content and finishes with `stop`; the SDK does not read it. */
function refusalIn(body: unknown): string | undefined {
  const { choices } = (body ?? {}) as { choices?: { message?: { refusal?: unknown } }[] }
  const refusal = Array.isArray(choices) ? choices[0]?.message?.refusal : undefined
  return typeof refusal === 'string' && refusal !== '' ? refusal : undefined
}
