/** The code and the text of an error answer, from the body's common shapes. Foreign text: nothing in it is trusted. */
import type { APICallError } from '@ai-sdk/provider'
import { type Never, oneLine } from './redact.ts'

/** Codes are compared and shown; anything else in their place is dropped. */
const CODE = /^[A-Za-z][\w.-]{1,79}$/

type Fields = Readonly<Record<string, unknown>>

/**
 * `{error: {message, type, code}}` (OpenAI and compatible ones), `{error: {type, message}}` (Anthropic),
 * `{message, __type}` with the header x-amzn-errortype (Bedrock), `{error: 'text'}` and `{detail: 'text'}` (gateways).
 */
export function providerError(error: APICallError, never: Never): { code?: string; text: string } {
  const body = fieldsOf(parsed(error.responseBody))
  const inner = fieldsOf(body.error)
  // A numeric code repeats the status; then the type says more.
  const amazon = error.responseHeaders?.['x-amzn-errortype'] ?? body.__type
  const codes = [inner.code, inner.type, body.code, shortType(amazon), body.type]
  const code = codes.find((c): c is string => typeof c === 'string' && CODE.test(c) && c !== never.key)
  const texts = [inner.message, body.error, body.message, body.detail, error.message]
  const text = oneLine(texts.find((t): t is string => typeof t === 'string' && t.trim() !== '') ?? '', never)
  return { text: text || 'no reason given', ...(code === undefined ? {} : { code }) }
}

const fieldsOf = (value: unknown): Fields => (value !== null && typeof value === 'object' ? (value as Fields) : {})

/** `ThrottlingException:http://internal.amazon.com/...` and `com.amazon#ThrottlingException`. */
const shortType = (type: unknown): string | undefined =>
  typeof type === 'string' ? type.split(':')[0]?.split('#').at(-1) : undefined

function parsed(body: string | undefined): unknown {
  try {
    return JSON.parse(body ?? '')
  } catch {
    return undefined
  }
}
