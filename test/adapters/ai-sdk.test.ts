import { describe, expect, test, vi } from 'vitest'
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
  providerSaying,
  toClose,
} from '../support/scripted-provider.ts'

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

  test.each([
    { usage: { prompt_tokens: -5, completion_tokens: 7 }, believed: { outputTokens: 7 } },
    { usage: { prompt_tokens: 11, completion_tokens: 1e300 }, believed: { inputTokens: 11 } },
    { usage: { prompt_tokens: 1.5, completion_tokens: 7 }, believed: { outputTokens: 7 } },
  ])('with usage $usage is believed as far as it may be a count of tokens', async ({ usage, believed }) => {
    const { baseUrl } = await providerSaying(200, { ...aCompletion({ content: 'hi' }), usage })
    const answer = await call(compatible(baseUrl))
    expect(answer).toHaveProperty('usage', expect.objectContaining(believed))
    expect(Object.values((answer as { usage: object }).usage).every((n) => n >= 0 && n < 1e9)).toBe(true)
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

  test.each([
    { finish: 'stop', whole: true },
    { finish: 'length', whole: false },
    { finish: 'tool_calls', whole: false },
    { finish: 'nobody knows', whole: false },
  ])('that finished by $finish is whole: $whole', async ({ finish, whole }) => {
    const { baseUrl } = await providerSaying(200, aCompletion({ content: 'hi' }, finish))
    expect(await call(compatible(baseUrl))).toMatchObject({ kind: 'text', whole })
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
  const CACHED = { input_tokens: 5, cache_read_input_tokens: 900, cache_creation_input_tokens: 20, output_tokens: 2 }
  const said = { type: 'message', id: 'm1', role: 'assistant', model: 'c', content: [{ type: 'text', text: 'Hi.' }] }

  test.each([
    { cacheSystem: true, marked: { cache_control: { type: 'ephemeral' } } },
    { cacheSystem: false, marked: {} },
  ])('marks what Anthropic is to keep only if told to: $cacheSystem', async ({ cacheSystem, marked }) => {
    const { baseUrl, seen } = await providerSaying(200, { ...said, stop_reason: 'end_turn', usage: CACHED })
    const answer = await call(anthropic(baseUrl), { system: 'Be brief.', cacheSystem })
    expect(JSON.parse(seen[0]?.body ?? '').system).toEqual([{ type: 'text', text: 'Be brief.', ...marked }])
    expect(answer).toMatchObject({ whole: true, usage: { inputTokens: 925, cacheReadTokens: 900, outputTokens: 2 } })
  })

  test('marks nothing for a provider that keeps prompts unasked', async () => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    await call(compatible(baseUrl), { system: 'Be brief.', cacheSystem: true })
    expect(JSON.parse(seen[0]?.body ?? '').messages[0]).toEqual({ role: 'system', content: 'Be brief.' })
  })

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

  test('says its most of output by the name that OpenAI wants, where the pool counts as OpenAI does', async () => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    const { pool } = aRequest(compatible(baseUrl))
    await call(compatible(baseUrl), { pool: { ...pool, accounting: 'openai' } })
    const sent = JSON.parse(seen[0]?.body ?? '')
    expect(sent).toMatchObject({ max_completion_tokens: 50 })
    expect(sent).not.toHaveProperty('max_tokens')
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
