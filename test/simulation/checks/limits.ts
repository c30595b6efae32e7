/** What a pool limits beside calls. */
import type { PoolSettings } from '../../../core/settings.ts'

export const limitsOnlyCalls = ({ tokens, inputTokens, outputTokens, day, concurrency }: PoolSettings): boolean =>
  [tokens, inputTokens, outputTokens, day, concurrency].every((limit) => limit === undefined)
