/** What a job's call asks its provider, by the settings of today. */
import type { LiveRecord } from '../core/job.ts'
import { countsTokens } from '../core/ledgers.ts'
import { estimateTokens, renderPrompt } from '../core/prompt.ts'
import type { KindSettings, PoolSettings } from '../core/settings.ts'
import type { CallSlot, ModelRequest } from './ports.ts'

export type Asked = Omit<ModelRequest, keyof CallSlot>

/** `model`: the kind's own, or its fallback's in this pool. */
export function askedOf(
  record: LiveRecord,
  kind: KindSettings,
  { pool, model }: Pick<ModelRequest, 'pool' | 'model'>,
  input: unknown,
): Asked {
  const text = renderPrompt(kind, input)
  return {
    jobId: record.key.jobId,
    fence: record.fence,
    attempt: record.attempt + 1,
    pool,
    model,
    ...text,
    ...(kind.promptCache ? { cacheSystem: true } : {}),
    maxOutputTokens: outputWithin(record, kind, pool, text),
    ...(kind.temperature === undefined ? {} : { temperature: kind.temperature }),
    timeoutMs: kind.timeoutMs,
  }
}

/** What is asked for never exceeds what was reserved, though the kind's settings may have grown since the submit. */
function outputWithin(
  record: LiveRecord,
  kind: KindSettings,
  pool: PoolSettings,
  text: { system?: string; prompt: string },
): number {
  if (!countsTokens(pool)) return kind.maxOutputTokens
  const input = record.inputTokens ?? estimateTokens(text)
  return Math.max(1, Math.min(kind.maxOutputTokens, record.tokens - input))
}
