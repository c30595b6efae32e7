import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { aiSdkModel } from '../../adapters/models/ai-sdk.ts'
import { leaving, send } from '../../adapters/models/leaving.ts'
import { PoolSettings, type ProviderSettings } from '../../core/settings.ts'
import { simulatedProvider } from '../../local/simulated-provider.ts'
import type { ModelAnswer, ModelRequest } from '../../services/ports.ts'

const KEY = 'plain-1234567890abcdef'
const PROMPT = 'Lead: Ada Lovelace of Acme, ada@acme.example.\nWrite the introduction.'
const NOW = Date.parse('2026-03-01T12:00:00Z')

const toClose: (() => unknown)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0)) await close()
  vi.unstubAllEnvs()
})

interface Seen {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A provider that gives every call the same answer, and keeps what it saw. */
async function providerSaying(status: number, body: unknown, headers: Record<string, string> = {}) {
  const seen: Seen[] = []
  const connections: Socket[] = []
  const listener: RequestListener = async (request, response) => {
    let sent = ''
    for await (const chunk of request) sent += chunk
    seen.push({ url: request.url, headers: request.headers, body: sent })
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
  }
  return { baseUrl: await serverDoing(listener, (socket) => connections.push(socket)), seen, connections }
}

async function serverDoing(listener: RequestListener, connected?: (socket: Socket) => void): Promise<string> {
  const server = createServer(listener)
  if (connected) server.on('connection', connected)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  toClose.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

const compatible = (baseUrl: string): ProviderSettings => ({
  kind: 'openai-compatible',
  baseUrl,
  keyVariable: 'TEST_KEY',
})
const anthropic = (baseUrl: string): ProviderSettings => ({ kind: 'anthropic', baseUrl, keyVariable: 'TEST_KEY' })

const SLOT = { nears: async () => true, begin: async () => true }
const aRequest = (provider: ProviderSettings, over: Partial<ModelRequest> = {}): ModelRequest => ({
  jobId: 'job-7',
  fence: 3,
  attempt: 1,
  pool: PoolSettings.parse({ provider, requests: 10 }),
  model: 'test-model',
  system: 'You write first emails on behalf of a seller.',
  prompt: PROMPT,
  maxOutputTokens: 50,
  timeoutMs: 20_000,
  ...SLOT,
  ...over,
})

const call = (provider: ProviderSettings, over: Partial<ModelRequest> = {}, key: string | undefined = KEY) =>
  aiSdkModel({ key: async () => key, now: () => NOW }).call(aRequest(provider, over))

async function errorFrom(answer: ModelAnswer | Promise<ModelAnswer>): Promise<Extract<ModelAnswer, { kind: 'error' }>> {
  const got = await answer
  if (got.kind !== 'error') throw new Error(`expected an error, got ${JSON.stringify(got)}`)
  return got
}

const openAiError = (code: string, message: string, type = 'invalid_request_error') => ({
  error: { message, type, param: null, code },
})
const aCompletion = (message: object, finish = 'stop') => ({
  id: 'c1',
  object: 'chat.completion',
  created: 1,
  model: 'test-model-2026',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
  usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
})

describe('a call that is ready', () => {
  const providers: [string, (baseUrl: string) => ProviderSettings][] = [
    ['openai-compatible', compatible],
    ['anthropic', anthropic],
    ['bedrock', () => ({ kind: 'bedrock', region: 'us-east-1' })],
  ]

  const slots = ['nears', 'begin'] as const
  test.each(providers.flatMap(([name, provider]) => slots.map((asked) => [name, asked, provider] as const)))(
    'of %s is not sent where its slot was missed: %s',
    async (_, asked, provider) => {
      const { baseUrl, seen, connections } = await providerSaying(200, aCompletion({ content: 'hi' }))
      vi.stubEnv('AWS_ENDPOINT_URL_BEDROCK_RUNTIME', baseUrl.replace('/v1', ''))
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATESTTESTTESTTEST')
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
      const no = vi.fn(async () => false)
      expect(await call(provider(baseUrl), { [asked]: no })).toEqual({ kind: 'missed' })
      expect(no).toHaveBeenCalledOnce()
      expect(seen).toEqual([])
      expect(connections).toHaveLength(asked === 'nears' ? 0 : 1)
    },
  )

  test('leaves once: its slot is for one request', async () => {
    const { baseUrl, seen } = await providerSaying(200, {})
    const { signal, done } = leaving(SLOT, 1_000)
    const request = { signal, method: 'POST', body: '{}' }
    await send(baseUrl, request)
    await expect(send(baseUrl, request)).rejects.toThrow(/second request/)
    expect(seen).toHaveLength(1)
    done()
  })

  test('waits for its slot with its connection standing, and goes as one piece of known length', async () => {
    const { baseUrl, seen, connections } = await providerSaying(200, aCompletion({ content: 'hi' }))
    const nears = async () => {
      expect(connections).toHaveLength(0)
      return true
    }
    const begin = async () => {
      await vi.waitFor(() => expect(connections).toHaveLength(1))
      expect(seen).toEqual([])
      return true
    }
    await call(compatible(baseUrl), { nears, begin })
    const [{ headers, body }] = seen as [Seen]
    expect(headers).toMatchObject({ 'content-length': String(Buffer.byteLength(body)) })
    expect(headers).not.toHaveProperty('transfer-encoding')
    expect(connections).toHaveLength(1)
  })

  test('takes another connection when its own is closed before its slot', async () => {
    const { baseUrl, seen, connections } = await providerSaying(200, aCompletion({ content: 'hi' }))
    const begin = vi.fn(async () => {
      await vi.waitFor(() => expect(connections).toHaveLength(1))
      connections[0]?.destroy()
      await vi.waitFor(() => expect(connections).toHaveLength(2))
      return true
    })
    expect(await call(compatible(baseUrl), { begin })).toHaveProperty('kind', 'text')
    expect(begin).toHaveBeenCalledOnce()
    expect(seen).toHaveLength(1)
  })

  test('is given up when it cannot connect for as long as an answer may take', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const nears = async () => {
      vi.advanceTimersByTime(10_000)
      queueMicrotask(() => queueMicrotask(() => vi.advanceTimersByTime(250)))
      return true
    }
    const answer = call(compatible('http://127.0.0.1:9/v1'), { nears, timeoutMs: 250 })
    expect(await answer.finally(() => vi.useRealTimers())).toHaveProperty('kind', 'timeout')
  })

  test('does not run out of time while it waits for its slot', async () => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const begin = async () => {
      vi.advanceTimersByTime(10_000)
      expect(seen).toEqual([])
      return true
    }
    const answer = call(compatible(baseUrl), { begin, timeoutMs: 250 })
    expect(await answer.finally(() => vi.useRealTimers())).toHaveProperty('kind', 'text')
  })
})

describe('an answer', () => {
  test('carries text, usage, model and the rate-limit headers', async () => {
    const provider = await simulatedProvider({ requests: 5, windowMs: 60_000, latency: () => 0 })
    toClose.push(provider.close)
    const answer = await call(compatible(provider.url))
    expect(answer).toMatchObject({
      kind: 'text',
      text: expect.stringMatching(/^\[simulated\] .*Ada Lovelace/),
      model: 'test-model',
      usage: { inputTokens: expect.any(Number), outputTokens: expect.any(Number) },
      headers: { 'x-ratelimit-limit-requests': '5', 'x-ratelimit-remaining-requests': '4' },
    })
  })

  test('passes on only headers about limits and the request id', async () => {
    const { baseUrl } = await providerSaying(200, aCompletion({ content: 'hi' }), {
      'set-cookie': 'a=b',
      'x-request-id': `req-1 ${KEY}`,
      'x-other': '1',
      'retry-after': '3',
      ratelimit: 'limit=5',
    })
    const answer = await call(compatible(baseUrl))
    expect(answer).toHaveProperty('headers', {
      'x-request-id': 'req-1 [key]',
      'retry-after': '3',
      ratelimit: 'limit=5',
    })
  })

  test('whose finish reason is the content filter is a refusal', async () => {
    const { baseUrl } = await providerSaying(200, aCompletion({ content: 'I' }, 'content_filter'))
    expect(await call(compatible(baseUrl))).toMatchObject({ kind: 'refusal', text: 'I', usage: { inputTokens: 11 } })
  })

  test('with a refusal beside its content is a refusal', async () => {
    const { baseUrl } = await providerSaying(200, aCompletion({ content: null, refusal: 'I cannot help.' }))
    expect(await call(compatible(baseUrl))).toMatchObject({ kind: 'refusal', text: 'I cannot help.' })
  })

  test('by which Anthropic refuses is a refusal', async () => {
    const { baseUrl } = await providerSaying(200, {
      type: 'message',
      id: 'm1',
      role: 'assistant',
      model: 'claude-test',
      content: [{ type: 'text', text: 'No.' }],
      stop_reason: 'refusal',
      usage: { input_tokens: 5, output_tokens: 2 },
    })
    expect(await call(anthropic(baseUrl))).toMatchObject({ kind: 'refusal', text: 'No.', model: 'claude-test' })
  })

  test('that is no completion is an error without a status, so that it is tried again', async () => {
    const { baseUrl } = await providerSaying(200, '<html>Welcome</html>')
    const error = await errorFrom(call(compatible(baseUrl)))
    expect(error).not.toHaveProperty('status')
    expect(error.message).toBe('the provider answered 200 with a body that is no completion')
  })
})

describe('a call', () => {
  test('names job, attempt and fence, and carries the key, the model and the limits', async () => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    await call(compatible(baseUrl), { temperature: 0.5 })
    expect(seen[0]?.url).toBe('/v1/chat/completions')
    expect(seen[0]?.headers).toMatchObject({
      'x-fairlead-job': 'job-7',
      'x-fairlead-attempt': '1',
      'x-fairlead-fence': '3',
      authorization: `Bearer ${KEY}`,
    })
    const { messages, ...rest } = JSON.parse(seen[0]?.body ?? '')
    expect(rest).toMatchObject({ model: 'test-model', max_tokens: 50, temperature: 0.5 })
    expect(messages.map((m: { role: string }) => m.role)).toEqual(['system', 'user'])
  })

  test('to Anthropic carries the same headers and its own form of key', async () => {
    const { baseUrl, seen } = await providerSaying(529, {})
    await call(anthropic(baseUrl))
    expect(seen[0]?.headers).toMatchObject({ 'x-fairlead-job': 'job-7', 'x-fairlead-fence': '3', 'x-api-key': KEY })
  })

  test('is made once, whatever the answer', async () => {
    const { baseUrl, seen } = await providerSaying(500, {})
    await call(compatible(baseUrl))
    expect(seen).toHaveLength(1)
  })

  test('is made with the key of the moment, blanks around it taken off', async () => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    const keys = ['sk-first', ' sk-second\n']
    const model = aiSdkModel({ key: async () => keys.shift(), now: () => NOW })
    await model.call(aRequest(compatible(baseUrl)))
    await model.call(aRequest(compatible(baseUrl)))
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer sk-first', 'Bearer sk-second'])
  })

  test('needs no key where none is named', async () => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    expect(await call({ kind: 'openai-compatible', baseUrl }, {}, '')).toHaveProperty('kind', 'text')
    expect(seen[0]?.headers).not.toHaveProperty('authorization')
  })
})

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
    expect(error.message).toMatch(/could not be reached: (UND_ERR_SOCKET|ECONNRESET)$/)
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

describe('without a key', () => {
  test.each([undefined, '', ' \n'])('%j: the call is not made, and the message names the variable', async (key) => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    const model = aiSdkModel({ key: async () => key, now: () => NOW })
    for (const provider of [compatible(baseUrl), anthropic(baseUrl)]) {
      expect(await model.call(aRequest(provider))).toEqual({
        kind: 'unconfigured',
        message: 'set TEST_KEY: on one machine an environment variable, in AWS the secret fairlead/<stage>/TEST_KEY',
      })
    }
    expect(seen).toEqual([])
  })

  test('a key that no header can carry is told as unset, and not shown', async () => {
    const answer = await call(compatible('http://127.0.0.1:9/v1'), {}, 'sk-half\nsk-other')
    expect(answer).toMatchObject({ kind: 'unconfigured', message: expect.stringMatching(/^set TEST_KEY again/) })
    expect(JSON.stringify(answer)).not.toContain('sk-')
  })

  test('a key store that fails is an error to try again', async () => {
    const failing = async () => {
      throw new Error(`could not decrypt ${KEY}`)
    }
    const model = aiSdkModel({ key: failing, now: () => NOW })
    const answer = await model.call(aRequest(compatible('http://127.0.0.1:9/v1')))
    expect(answer).toEqual({ kind: 'error', message: 'TEST_KEY could not be read (Error)', headers: {} })
  })
})

describe('Bedrock', () => {
  const inAws = (over: Record<string, string | undefined> = {}) => {
    const nothing = { AWS_BEARER_TOKEN_BEDROCK: undefined, AWS_PROFILE: undefined, AWS_SESSION_TOKEN: undefined }
    const noFiles = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }
    const keys = { AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST', AWS_SECRET_ACCESS_KEY: 'secret-of-the-test' }
    const env = { ...nothing, ...noFiles, ...keys, AWS_EC2_METADATA_DISABLED: 'true', AWS_REGION: 'eu-west-1', ...over }
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  }
  const bedrockAt = (baseUrl: string) => vi.stubEnv('AWS_ENDPOINT_URL_BEDROCK_RUNTIME', baseUrl.replace('/v1', ''))

  test('is called with a signature by the AWS environment, in the region of the pool, else of the environment', async () => {
    const { baseUrl, seen } = await providerSaying(
      429,
      { message: 'Too many requests' },
      {
        'x-amzn-errortype': 'ThrottlingException:http://internal.amazon.com/coral/',
      },
    )
    inAws()
    bedrockAt(baseUrl)
    const error = await errorFrom(call({ kind: 'bedrock', region: 'us-east-1' }))
    await call({ kind: 'bedrock' })
    expect(error).toMatchObject({ status: 429, code: 'ThrottlingException' })
    expect(error.message).toBe('the provider answered 429 ThrottlingException: Too many requests')
    const signed = seen.map(({ headers }) => headers.authorization)
    expect(signed[0]).toMatch(/Credential=AKIATESTTESTTESTTEST\/\d{8}\/us-east-1\/bedrock\//)
    expect(signed[1]).toMatch(/\/eu-west-1\/bedrock\//)
    expect(seen[0]?.headers).toMatchObject({ 'x-fairlead-job': 'job-7', 'x-fairlead-attempt': '1' })
  })

  test('without credentials is told as unset', async () => {
    const { baseUrl, seen } = await providerSaying(200, {})
    inAws({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined })
    bedrockAt(baseUrl)
    const answer = await call({ kind: 'bedrock', region: 'us-east-1' })
    expect(answer).toMatchObject({ kind: 'unconfigured', message: expect.stringMatching(/^set AWS credentials/) })
    expect(seen).toEqual([])
  })

  test('without a region is told as unset', async () => {
    inAws({ AWS_REGION: undefined })
    const answer = await call({ kind: 'bedrock' })
    expect(answer).toMatchObject({ kind: 'unconfigured', message: expect.stringMatching(/^set the AWS region/) })
  })
})

async function closedPort(): Promise<{ port: number }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return { port }
}
