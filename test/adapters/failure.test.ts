import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { aiSdkModel } from '../../adapters/models/ai-sdk.ts'
import { simulatedProvider } from '../../local/simulated-provider.ts'
import {
  aCompletion,
  anthropic,
  aRequest,
  call,
  compatible,
  errorFrom,
  KEY,
  NOW,
  openAiError,
  PROMPT,
  providerSaying,
  serverDoing,
  toClose,
} from '../support/scripted-provider.ts'

describe('an error answer', () => {
  test('of 429 carries code, wait and headers', async () => {
    const provider = await simulatedProvider({ requests: 1, windowMs: 60_000, latency: () => 0, now: () => NOW })
    toClose.push(provider.close)
    await call(compatible(provider.url))
    expect(await call(compatible(provider.url))).toMatchObject({
      kind: 'error',
      status: 429,
      code: 'rate_limit_exceeded',
      retryAfterMs: 60_000,
      headers: { 'x-ratelimit-remaining-requests': '0', 'retry-after': '60', 'retry-after-ms': '60000' },
    })
  })

  test.each([
    ['retry-after in seconds', { 'retry-after': '7' }, 7_000],
    ['retry-after in parts of a second', { 'retry-after': '0.5' }, 500],
    ['retry-after as a date', { 'retry-after': 'Sun, 01 Mar 2026 12:00:20 GMT' }, 20_000],
    ['a date that is over', { 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, 0],
    ['retry-after-ms before retry-after', { 'retry-after-ms': '1200', 'retry-after': '2' }, 1_200],
    ['no more than a day', { 'retry-after': 'Fri, 01 Mar 2999 12:00:00 GMT' }, 86_400_000],
    ['nothing from what is neither', { 'retry-after': '-5' }, undefined],
  ])('gives the wait: %s', async (_, headers, expected) => {
    const { baseUrl } = await providerSaying(429, openAiError('rate_limit_exceeded', 'slow down'), headers)
    expect((await errorFrom(call(compatible(baseUrl)))).retryAfterMs).toBe(expected)
  })

  test('gives the wait until a date from when the answer came, not from when the call began', async () => {
    let now = NOW - 30_000
    const baseUrl = await serverDoing((_, response) => {
      now = NOW
      response.writeHead(429, { 'retry-after': 'Sun, 01 Mar 2026 12:00:20 GMT' }).end('{}')
    })
    const model = aiSdkModel({ key: async () => KEY, now: () => now })
    expect((await errorFrom(model.call(aRequest(compatible(baseUrl))))).retryAfterMs).toBe(20_000)
  })

  test.each([
    [401, openAiError('invalid_api_key', 'Bad key.'), 'invalid_api_key', 'Bad key.; check TEST_KEY'],
    [
      404,
      openAiError('model_not_found', 'No model x.'),
      'model_not_found',
      'No model x.; check the model and the base URL',
    ],
    [429, openAiError('insufficient_quota', 'Check plan.', 'insufficient_quota'), 'insufficient_quota', 'Check plan.'],
    [400, { error: { message: 'Bad field.', type: 'bad_request', code: 400 } }, 'bad_request', 'Bad field.'],
    [400, { object: 'error', message: 'Old gateway.', type: 'BadRequestError' }, 'BadRequestError', 'Old gateway.'],
    [502, '<html>Bad Gateway</html>', undefined, 'Bad Gateway'],
    [503, { detail: 'loading' }, undefined, 'loading'],
  ])('of %i says status, code and reason: %j', async (status, body, code, text) => {
    const { baseUrl } = await providerSaying(status, body)
    const error = await errorFrom(call(compatible(baseUrl)))
    expect([error.status, error.code]).toEqual([status, code])
    expect(error.message).toBe(`the provider answered ${code ? `${status} ${code}` : status}: ${text}`)
  })

  test('of an overloaded Anthropic says so', async () => {
    const body = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
    const { baseUrl } = await providerSaying(529, body)
    expect(await call(anthropic(baseUrl))).toMatchObject({ kind: 'error', status: 529, code: 'overloaded_error' })
  })

  test('that filters the prompt is a refusal', async () => {
    const { baseUrl } = await providerSaying(400, openAiError('content_filter', 'The prompt was filtered.'))
    expect(await call(compatible(baseUrl))).toMatchObject({ kind: 'refusal', text: 'The prompt was filtered.' })
  })
})

describe('a message', () => {
  const messageOf = async (text: string, code = 'x_code') => {
    const { baseUrl } = await providerSaying(400, openAiError(code, text), { 'x-request-id': 'r' })
    const error = await errorFrom(call(compatible(baseUrl)))
    return error.message
  }

  test('is one printable line of at most 200 characters', async () => {
    const message = await messageOf(`first\u001b[31m\nsecond\u202e ${'long '.repeat(100)}`)
    expect(message).toMatch(/^the provider answered 400 x_code: first \[31m second long /)
    expect(message).toHaveLength(200)
    expect(message).not.toMatch(/[\p{C}]/u)
  })

  test('keeps the mend when the text is cut', async () => {
    const { baseUrl } = await providerSaying(401, openAiError('invalid_api_key', 'so '.repeat(200)))
    const { message } = await errorFrom(call(compatible(baseUrl)))
    expect(message).toMatch(/…; check TEST_KEY$/)
    expect(message).toHaveLength(200)
  })

  test.each([
    ['whole', `Incorrect API key provided: ${KEY}.`],
    ['as a header', `bad header Authorization: Bearer ${KEY}`],
    ['starred out in the middle', 'Incorrect API key provided: sk-proj-****cdef.'],
    ['where the line is cut', `${'x'.repeat(155)} ${KEY}`],
  ])('never shows the key: %s', async (_, text) => {
    const message = await messageOf(text)
    expect(message).not.toMatch(/sk-|plain|12345|cdef/)
  })

  test('never shows the key in place of a code', async () => {
    const { baseUrl } = await providerSaying(400, openAiError(KEY, 'odd'))
    expect(JSON.stringify(await call(compatible(baseUrl)))).not.toContain(KEY)
  })

  test.each([
    ['whole', `Invalid input: ${PROMPT}`],
    ['escaped', `Invalid input: ${JSON.stringify(JSON.stringify(PROMPT))}`],
    ['shortened in the middle', "input_value='Lead: Ada Lovelace of...e the introduction.'"],
    ['a name in quotation marks', "value 'Lovelace' is not allowed"],
    ['the system prompt', 'near: YOU WRITE FIRST EMAILS on'],
  ])('never quotes the prompt: %s', async (_, text) => {
    const message = await messageOf(text)
    expect(message).not.toMatch(/Ada|Lovelace|Acme|introduction|FIRST EMAILS/i)
    expect(message).toContain('[prompt]')
  })
})

test('a message never quotes a prompt whose short lines come escaped', async () => {
  const { baseUrl } = await providerSaying(400, openAiError('x_code', 'at Ada\\\\nOpal\\\\nZoe\\\\u00e9'))
  const { message } = await errorFrom(call(compatible(baseUrl), { prompt: 'Ada\nOpal\nZoe' }))
  expect(message).toBe('the provider answered 400 x_code: at [prompt]\\\\u00e9')
})

describe('without an answer', () => {
  test('a refused connection is an error without a status', async () => {
    const { port } = await closedPort()
    const error = await errorFrom(call(compatible(`http://127.0.0.1:${port}/v1`)))
    expect(error).toEqual({
      kind: 'error',
      message: `the provider at 127.0.0.1:${port} could not be reached: ECONNREFUSED`,
      headers: {},
    })
  })

  test('a connection that is cut is an error without a status', async () => {
    const provider = await simulatedProvider({
      requests: 5,
      windowMs: 60_000,
      script: () => ({ status: 200, destroy: true, delayMs: 0 }),
    })
    toClose.push(provider.close)
    const error = await errorFrom(call(compatible(provider.url)))
    expect(error).not.toHaveProperty('status')
    expect(error.message).toMatch(/could not be reached: ECONNRESET$/)
  })

  test('the time ends the call', async () => {
    const baseUrl = await serverDoing(() => undefined)
    const answer = await call(compatible(baseUrl), { timeoutMs: 20 })
    expect(answer).toEqual({ kind: 'timeout', message: 'no whole answer within 20 ms' })
  })

  test('the time ends a call whose answer began', async () => {
    const baseUrl = await serverDoing((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"id":')
    })
    expect(await call(compatible(baseUrl), { timeoutMs: 50 })).toHaveProperty('kind', 'timeout')
  })

  test('a redirect is not followed', async () => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    const { baseUrl: moved } = await providerSaying(307, '', { location: `${baseUrl}/chat/completions` })
    const error = await errorFrom(call(compatible(moved)))
    expect(error.message).toMatch(/answered with a redirect, which is never followed: set baseUrl/)
    expect(seen).toEqual([])
  })
})

async function closedPort(): Promise<{ port: number }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return { port }
}
