/** The pass-through at its edge: what OpenAI's clients send and read. */
import { describe, expect, it } from 'vitest'
import { STATUS } from '../../lambdas/shared/problems.ts'
import type { Answered, Asked } from '../support/http.ts'
import { served } from '../support/served.ts'

const PATH = '/v1/chat/completions'
const BODY = { model: 'model-a', messages: [{ role: 'user', content: 'Hi' }] }
const PEOPLE = { models: ['model-a', 'model-b'], maxOutputTokens: 100 }

function offered(pool: object = {}) {
  const { world, ask } = served({ pool: { people: PEOPLE, ...pool } })
  const post = async (asked: Asked = {}): Promise<Answered> => {
    let answer: Answered | undefined
    void ask('POST', PATH, { as: 'pat', body: BODY, ...asked }).then((got) => (answer = got))
    await world.until(() => answer !== undefined, 60_000)
    return answer as unknown as Answered
  }
  return { world, ask, post }
}

const refusal = ({ status, json }: Answered) => {
  expect(json).toEqual({
    error: {
      message: expect.any(String),
      type: expect.stringMatching(/^(invalid_request|authentication|permission|rate_limit|server)_error$/),
      param: json.error.param,
      code: expect.any(String),
    },
  })
  expect(status).toBe(STATUS[json.error.code as keyof typeof STATUS])
  return json.error as { message: string; type: string; param: string | null; code: string }
}

describe('an answer', () => {
  it('comes as the provider gave it, and says under which permit, after which wait, from which pool', async () => {
    const { world, post } = offered()
    world.chat.script = () => ({ says: ['data: 1\n\n', 'data: [DONE]\n\n'], everyMs: 10 })
    const { status, headers, text } = await post({ body: { ...BODY, stream: true } })
    expect({ status, text }).toEqual({ status: 200, text: 'data: 1\n\ndata: [DONE]\n\n' })
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream',
      'x-fairlead-pool': 'main',
      'x-fairlead-permit': expect.stringMatching(/^\w{26}$/),
      'x-fairlead-waited-ms': expect.stringMatching(/^\d+$/),
    })
  })

  it('waits in line for as long as the header allows', async () => {
    const { world, post } = offered()
    world.wakes = false
    const from = world.now()
    const answer = await post({ headers: { 'x-fairlead-wait-s': '2' } })
    expect(refusal(answer)).toMatchObject({ code: 'no-permit-free', type: 'rate_limit_error' })
    expect(answer.headers['retry-after']).toBe('1')
    expect(world.now() - from).toBe(2_000)
    expect(refusal(await post({ headers: { 'x-fairlead-wait-s': '26' } }))).toMatchObject({ code: 'invalid-request' })
  })
})

describe('models', () => {
  it('are listed as OpenAI lists them, with the pool of each', async () => {
    const model = (id: string) => ({ id, object: 'model', created: 0, owned_by: 'main' })
    const { ask } = offered()
    expect((await ask('GET', '/v1/models', { as: 'pat' })).json).toEqual({
      object: 'list',
      data: [model('model-a'), model('model-b')],
    })
    expect((await served().ask('GET', '/v1/models', { as: 'pat' })).json).toEqual({ object: 'list', data: [] })
    expect(refusal(await ask('GET', '/v1/models', { as: 'reader' }))).toMatchObject({ code: 'scope-missing' })
  })
})

describe('a refusal is in the shape that OpenAI’s clients read', () => {
  it('for whoever is nobody, or lacks the scope', async () => {
    const { post } = offered()
    expect(refusal(await post({ as: undefined }))).toMatchObject({
      code: 'unauthenticated',
      type: 'authentication_error',
    })
    expect(refusal(await post({ as: 'reader' }))).toMatchObject({ code: 'scope-missing', type: 'permission_error' })
  })

  it.each([
    [{ ...BODY, model: 'none' }, 'model-unknown', 'model'],
    [{ ...BODY, n: 2 }, 'invalid-request', 'n'],
    [{ ...BODY, web_search_options: {} }, 'invalid-request', 'body'],
    [{ ...BODY, tools: [{ type: 'web_search' }] }, 'invalid-request', 'tools.0.type'],
    [{ ...BODY, max_tokens: 101 }, 'too-large', 'max_tokens'],
    [{ ...BODY, messages: [] }, 'invalid-request', 'messages'],
    ['{"model":', 'malformed-json', null],
  ])('for what may not be asked: %j', async (body, code, param) => {
    const { world, post } = offered()
    expect(refusal(await post({ body }))).toMatchObject({ code, param })
    expect(world.chat.calls).toEqual([])
  })

  it('for a path that is none', async () => {
    const { ask } = offered()
    expect(refusal(await ask('POST', '/v1/chat/nothing', { as: 'pat' }))).toMatchObject({ code: 'no-route' })
  })

  it.each([
    [
      'a limit of the provider',
      { kind: 'error', status: 429, message: 'slow', retryAfterMs: 1_500, headers: {} },
      'provider-limited',
    ],
    ['a bad request', { kind: 'error', status: 400, message: 'bad', headers: {} }, 'provider-refused'],
    ['a prompt that is too long', { kind: 'error', status: 413, message: 'long', headers: {} }, 'provider-refused'],
    ['a key that the provider refuses', { kind: 'error', status: 401, message: 'no', headers: {} }, 'provider-config'],
    ['a model that the provider lacks', { kind: 'error', status: 404, message: 'no', headers: {} }, 'provider-config'],
    ['a key that is missing', { kind: 'unconfigured', message: 'set A_KEY' }, 'provider-config'],
    ['a provider that fails', { kind: 'error', status: 503, message: 'busy', headers: {} }, 'provider-failed'],
    ['a provider that is not there', { kind: 'error', message: 'ECONNREFUSED', headers: {} }, 'provider-failed'],
    ['a provider that is silent', { kind: 'timeout', message: 'no whole answer' }, 'provider-timeout'],
    [
      'a prompt that the filter stops',
      { kind: 'refusal', text: 'no', usage: {}, model: 'm', headers: {} },
      'provider-refused',
    ],
  ] as const)('for %s', async (_, said, code) => {
    const { world, post } = offered()
    world.chat.script = () => ({ kind: 'failed', sent: true, said })
    const answer = await post()
    expect(refusal(answer).code).toBe(code)
    expect(answer.headers['retry-after']).toBe(code === 'provider-limited' ? '2' : undefined)
    // Whoever repeats this at once, as clients do after 5xx, spends a permit on the same answer.
    expect(answer.headers['x-should-retry']).toBe(code === 'provider-config' ? 'false' : undefined)
  })

  it('for a field that the provider has no words for', async () => {
    const { world, post } = offered()
    world.chat.script = () => ({ kind: 'unsupported', at: 'logprobs', message: 'logprobs cannot be sent.' })
    expect(refusal(await post())).toMatchObject({ code: 'unsupported-field', param: 'logprobs' })
  })
})
