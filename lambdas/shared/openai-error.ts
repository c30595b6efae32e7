/** What went wrong, as OpenAI's clients read it (OpenAI, "Error codes"), with our code and the mend in the message. */
import type { Context } from 'hono'
import { STATUS, type Wrong } from './problems.ts'

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
}

export const openAiErrorOf = ({ code, detail, remedy, at }: Wrong) => {
  const status = STATUS[code]
  const type = TYPES[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error')
  return { error: { message: `${detail} ${remedy}`, type, param: at ?? null, code } }
}

export function openAiError(c: Context, r: Wrong): Response {
  if (r.retryAfterS !== undefined) c.header('Retry-After', String(r.retryAfterS))
  // Their clients repeat what ended in 5xx, which no repetition mends here.
  if (r.code === 'provider-config') c.header('x-should-retry', 'false')
  return c.json(openAiErrorOf(r), STATUS[r.code])
}
