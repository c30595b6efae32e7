/**
 * What an answer's headers say of a limit. Names are OpenAI's (Azure, Groq and others say the same), Anthropic's and the
 * IETF draft's ("RateLimit header fields for HTTP"). Lower-case names; values are anybody's text.
 */
import { DIMENSIONS, type Dimension } from './cost.ts'
import type { Told } from './feedback.ts'

const WORD: Readonly<Record<Dimension, string>> = {
  requests: 'requests',
  tokens: 'tokens',
  input: 'input-tokens',
  output: 'output-tokens',
}

type Headers = Readonly<Record<string, string>>
type What = 'limit' | 'remaining'

function amountIn(headers: Headers, what: What, d: Dimension): number | undefined {
  const names = [`x-ratelimit-${what}-${WORD[d]}`, `anthropic-ratelimit-${WORD[d]}-${what}`]
  // Where nothing is said of what is limited, it is calls.
  if (d === 'requests') names.push(`x-ratelimit-${what}`, `ratelimit-${what}`)
  const value = names.map((name) => headers[name]).find((text) => text !== undefined)
  return value !== undefined && /^\s*\d{1,15}(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined
}

/** More than any provider allows in a window. */
const ABSURD = 1e12

/** Of each dimension what can be believed: a limit from 1 on, of which no more is left than it is. */
export function toldIn(headers: Headers): Told {
  const told = DIMENSIONS.flatMap((d) => {
    const limit = amountIn(headers, 'limit', d)
    const remaining = amountIn(headers, 'remaining', d)
    if (limit === undefined || limit < 1 || limit > ABSURD) return []
    if (remaining === undefined) return [[d, { limit }]]
    return remaining > limit ? [] : [[d, { limit, remaining }]]
  })
  return Object.fromEntries(told)
}
