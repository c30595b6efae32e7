/**
 * What a call costs as its provider counts it: reserved before the call, settled to what it has really used.
 * - Bedrock takes input and max output off the quota when a call begins, and in the end input, what was written to its
 *   cache, and output times a burndown rate, five for Claude from 3.7 on (AWS, "Token burndown rate"). The most that may
 *   come of it is reserved, so that settling only ever gives back.
 * - Anthropic counts input and output apart; what is read from its cache is free, and max output is not looked at
 *   (Anthropic, "Rate limits").
 * - OpenAI takes the larger of max output and its estimate of the input, once, and refused calls count (OpenAI, "Rate
 *   limits").
 * - `total`: input and max output, and nothing comes back: for a provider of which no more is known.
 */
import type { Cost } from './cost.ts'
import type { Usage } from './job.ts'
import type { Accounting, PoolSettings } from './settings.ts'

/** What a call may use at most, in tokens. */
export interface Ask {
  readonly input: number
  readonly output: number
}

export interface Rules {
  readonly accounting: Accounting
  /** What a token of output weighs in the provider's count of tokens. */
  readonly burndown: number
}

/** At OpenAI's own addresses as OpenAI; elsewhere behind its protocol is anybody. */
const OPENAI_HOSTS = /(?:^|\.)(?:openai\.com|openai\.azure\.com)$/
/** Claude before 3.7: claude-v2, claude-instant, claude-3-haiku, claude-3-5-sonnet. */
const OLDER_CLAUDE = /claude-(?:v2|instant|3-(?!7))/

export function rulesFor(pool: Pick<PoolSettings, 'provider' | 'accounting' | 'burndown'>, model: string): Rules {
  const accounting = accountingOf(pool)
  const ofModel = accounting === 'bedrock' && /claude/.test(model) && !OLDER_CLAUDE.test(model) ? 5 : 1
  return { accounting, burndown: pool.burndown ?? ofModel }
}

/** As the pool says, else as its provider's documents say. */
export function accountingOf({ provider, accounting }: Pick<PoolSettings, 'provider' | 'accounting'>): Accounting {
  if (accounting) return accounting
  if (provider.kind !== 'openai-compatible') return provider.kind
  return OPENAI_HOSTS.test(new URL(provider.baseUrl).hostname) ? 'openai' : 'total'
}

/**
 * How a call under OpenAI's protocol says its most of output: OpenAI's newer models take the newer name alone, most others
 * know only the older.
 */
export const maximumField = (pool: Parameters<typeof accountingOf>[0]): 'max_completion_tokens' | 'max_tokens' =>
  accountingOf(pool) === 'openai' ? 'max_completion_tokens' : 'max_tokens'

/** One call with so many tokens; parts of a token count whole. */
const oneCall = (tokens: number, input: number, output: number): Cost => ({
  requests: 1,
  tokens: Math.ceil(tokens),
  input: Math.ceil(input),
  output: Math.ceil(output),
})

/** The most that a call may cost. */
export function reserved({ accounting, burndown }: Rules, { input, output }: Ask): Cost {
  const tokens = accounting === 'openai' ? Math.max(input, output) : input + output * burndown
  return oneCall(tokens, input, output)
}

/** Whether what was reserved becomes what was used. */
export const settles = (accounting: Accounting): boolean => accounting === 'bedrock' || accounting === 'anthropic'

/** What it has cost; what its provider does not tell or never gives back costs what was reserved. */
export function settled({ accounting, burndown }: Rules, usage: Usage, was: Cost): Cost {
  const { inputTokens: input, outputTokens: output } = usage
  if (!settles(accounting) || input === undefined || output === undefined) return was
  const uncached = Math.max(0, input - (usage.cacheReadTokens ?? 0))
  return oneCall(uncached + output * burndown, uncached, output)
}
