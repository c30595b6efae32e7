/** What providers tell of tokens, so far as it is believed. */
import type { LanguageModelV3Usage } from '@ai-sdk/provider'
import type { Usage } from '../../core/job.ts'

/** More than any model takes or gives: what is above it, or below nothing, is no count of tokens and is not believed. */
const TOKENS_AT_MOST = 100_000_000

export const counted = (usage: Readonly<Record<keyof Usage, unknown>>): Usage =>
  Object.fromEntries(
    Object.entries(usage).filter(
      ([, n]) => Number.isInteger(n) && (n as number) >= 0 && (n as number) <= TOKENS_AT_MOST,
    ),
  )

export const usageOf = ({ inputTokens, outputTokens }: LanguageModelV3Usage): Usage =>
  counted({
    inputTokens: inputTokens.total,
    outputTokens: outputTokens.total,
    cacheReadTokens: inputTokens.cacheRead,
  })
