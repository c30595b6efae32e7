/** The response headers that may be shown and stored: limits, waits and the request's name at the provider. */
import { type Never, oneLine } from './redact.ts'

const PASSED = /^(?:x-ratelimit-|anthropic-ratelimit-|ratelimit|retry-after|x-request-id)/

/** A number, a moment or a duration quotes nobody; most of these headers are one, and every call has several. */
const PLAIN = /^[\d.:smhTZ+ -]{1,40}$/

type Headers = Readonly<Record<string, string>> | undefined

export function passedHeaders(headers: Headers, never: Never): Record<string, string> {
  const passed = Object.entries(headers ?? {}).filter(([name]) => PASSED.test(name.toLowerCase()))
  return Object.fromEntries(
    passed.map(([name, value]) => [name.toLowerCase(), PLAIN.test(value) ? value : oneLine(value, never)]),
  )
}

/** A provider that asks for more says in effect `not today`; a garbled date must not park a job for years. */
const LONGEST_WAIT_MS = 86_400_000

/** From `retry-after-ms`, else `retry-after` (seconds, or an HTTP date by RFC 9110, 10.2.3). Never negative. */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const milliseconds = asNumber(headers?.['retry-after-ms'])
  if (milliseconds !== undefined) return bounded(milliseconds)
  const value = headers?.['retry-after']
  const seconds = asNumber(value)
  if (seconds !== undefined) return bounded(seconds * 1_000)
  const at = value && /[A-Za-z]{3}/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? undefined : bounded(at - now)
}

const asNumber = (value: string | undefined): number | undefined =>
  value !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) : undefined

const bounded = (ms: number): number => Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(ms)))
