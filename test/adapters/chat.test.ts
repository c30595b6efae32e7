/** The chat port against providers on loopback: what they are sent, what comes back, and what becomes of calls that break. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { providerChat } from '../../adapters/models/chat/port.ts'
import type { ChatBody } from '../../core/chat.ts'
import { PoolSettings, type ProviderSettings } from '../../core/settings.ts'
import type { ChatAnswer, ChatCall } from '../../services/ports.ts'
import {
  aCompletion,
  anthropic,
  compatible,
  KEY,
  NOW,
  openAiError,
  providerSaying,
  SLOT,
  serverDoing,
} from '../support/scripted-provider.ts'

const BODY: ChatBody = { model: 'test-model', messages: [{ role: 'user', content: 'Say hi' }], max_tokens: 50 }
/** Longer than any test is given. */
const NEVER_MS = 600_000
const STREAM: ChatBody = { ...BODY, stream: true }

const call = (provider: ProviderSettings, over: Partial<ChatCall> = {}, key: string | undefined = KEY) =>
  providerChat({ key: async () => key, now: () => NOW }).call({
    pool: PoolSettings.parse({ provider, requests: 10 }),
    body: BODY,
    timeoutMs: 20_000,
    gone: new AbortController().signal,
    ...SLOT,
    ...over,
  })

type Answers = Extract<ChatAnswer, { kind: 'answers' }>
function answers(answer: ChatAnswer): Answers {
  if (answer.kind !== 'answers') throw new Error(`no answer: ${JSON.stringify(answer)}`)
  return answer
}
async function read({ chunks }: Answers) {
  let text = ''
  for (let next = await chunks.next(); ; next = await chunks.next()) {
    if (next.done) return { text, usage: next.value }
    text += Buffer.from(next.value).toString()
  }
}
const failed = async (answer: Promise<ChatAnswer>) => {
  const got = await answer
  if (got.kind !== 'failed') throw new Error(`it did not fail: ${got.kind}`)
  return got
}

const event = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
const delta = (content: string) => ({ id: 'c1', choices: [{ index: 0, delta: { content } }], usage: null })
const USAGE = { id: 'c1', choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } }
const ALL = [event(delta('h')), event(delta('i')), event(USAGE), event('[DONE]')]

/** A provider that streams what it is told; `then` says how it ends. */
async function streaming(said: readonly string[], then: (response: ServerResponse) => void = (r) => r.end()) {
  const seen: { request: IncomingMessage; body: unknown; closed: Promise<void> }[] = []
  const baseUrl = await serverDoing(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const closed = new Promise<void>((resolve) => response.once('close', resolve))
    seen.push({ request, body: JSON.parse(body), closed })
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': 'r-1' })
    for (const text of said) response.write(text)
    then(response)
  })
  return { baseUrl, seen }
}

describe('a call to a provider that speaks the protocol', () => {
  test('goes on as it came, under the pool’s key, and comes back as it came, with its usage', async () => {
    const completion = aCompletion({ content: 'hi', odd: { kept: true } })
    const { baseUrl, seen } = await providerSaying(200, completion, { 'x-request-id': 'r-1', 'set-cookie': 'a=1' })
    const body: ChatBody = { ...BODY, temperature: 0.2, tools: [{ type: 'function', function: { name: 'f' } }] }
    const answer = answers(await call(compatible(baseUrl), { body }))
    expect(await read(answer)).toEqual({
      text: JSON.stringify(completion),
      usage: { inputTokens: 11, outputTokens: 7 },
    })
    expect(answer).toMatchObject({ contentType: 'application/json', headers: { 'x-request-id': 'r-1' } })
    expect(answer.headers).not.toHaveProperty('set-cookie')
    expect(seen.map(({ url }) => url)).toEqual(['/v1/chat/completions'])
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual(body)
    expect(seen[0]?.headers['authorization']).toBe(`Bearer ${KEY}`)
  })

  test('is not sent where its permit was missed, nor where none came', async () => {
    const { baseUrl, seen } = await providerSaying(200, aCompletion({ content: 'hi' }))
    for (const slot of ['nears', 'begin'])
      expect(await call(compatible(baseUrl), { [slot]: async () => false })).toEqual({ kind: 'missed' })
    expect(seen).toEqual([])
  })

  test('asks for no permit where the key is missing', async () => {
    const nears = vi.fn(async () => true)
    const answer = await failed(call(compatible('http://127.0.0.1:9/v1'), { nears }, ''))
    expect(answer).toMatchObject({ sent: false, said: { kind: 'unconfigured' } })
    expect(nears).not.toHaveBeenCalled()
  })

  test('that cannot be made has not been sent; one that breaks after it left may have been', async () => {
    expect(await failed(call(compatible('http://127.0.0.1:9/v1')))).toMatchObject({
      sent: false,
      said: { kind: 'error', message: expect.stringContaining('ECONNREFUSED') },
    })
    const cut = await serverDoing((request) => request.socket.destroy())
    expect(await failed(call(compatible(cut)))).toMatchObject({ sent: true, said: { kind: 'error' } })
  })

  test('that is refused says why, without the key, and when to come back', async () => {
    const { baseUrl } = await providerSaying(429, openAiError('rate_limit_exceeded', `slow down, ${KEY}`), {
      'retry-after': '3',
    })
    const { sent, said } = await failed(call(compatible(baseUrl)))
    expect({ sent, said }).toMatchObject({ sent: true, said: { status: 429, retryAfterMs: 3_000 } })
    expect(JSON.stringify(said)).not.toContain(KEY)
  })

  test('follows no redirect, which would carry key and prompt elsewhere', async () => {
    const other = await providerSaying(200, aCompletion({ content: 'hi' }))
    const { baseUrl } = await providerSaying(307, '', { location: `${other.baseUrl}/chat/completions` })
    for (const body of [BODY, STREAM])
      expect((await failed(call(compatible(baseUrl), { body }))).said).toMatchObject({
        message: expect.stringContaining('a redirect, which is never followed'),
      })
    expect(other.seen).toEqual([])
  })

  test('is no answer where 200 comes with something else', async () => {
    for (const said of ['<html>', '{"error":{"message":"no"}}', '[1]']) {
      const { baseUrl } = await providerSaying(200, said)
      expect((await failed(call(compatible(baseUrl)))).said).toMatchObject({
        message: expect.stringContaining('no completion'),
      })
    }
  })

  test('ends when it takes too long, or whoever asked goes away before an answer', async () => {
    const silent = await serverDoing(() => undefined)
    expect(await failed(call(compatible(silent), { timeoutMs: 50 }))).toMatchObject({
      sent: true,
      said: { kind: 'timeout' },
    })
    const gone = new AbortController()
    const left = failed(call(compatible(silent), { gone: gone.signal, timeoutMs: NEVER_MS }))
    gone.abort()
    expect((await left).kind).toBe('failed')
  })
})

describe('a stream', () => {
  test('is asked for its usage, and shows the event of that only to whoever asked', async () => {
    const { baseUrl, seen } = await streaming(ALL)
    const usage = { inputTokens: 11, outputTokens: 7 }
    const quiet = await read(answers(await call(compatible(baseUrl), { body: STREAM })))
    expect(quiet).toEqual({ text: [ALL[0], ALL[1], ALL[3]].join(''), usage })
    const body = { ...STREAM, stream_options: { include_usage: true } }
    expect(await read(answers(await call(compatible(baseUrl), { body })))).toEqual({ text: ALL.join(''), usage })
    for (const { body } of seen) expect(body).toMatchObject({ stream_options: { include_usage: true } })
  })

  test('comes as it is written, event by event, however it is cut on its way', async () => {
    let go = () => {}
    const { baseUrl } = await streaming([(ALL[0] as string).slice(0, 9)], (response) => {
      response.write((ALL[0] as string).slice(9).replace('\n\n', '\r\n\r\n'))
      go = () => response.end(`${event(delta('é'))}${event('[DONE]')}`)
    })
    const answer = answers(await call(compatible(baseUrl), { body: STREAM }))
    expect(answer.contentType).toBe('text/event-stream')
    const first = await answer.chunks.next()
    expect(Buffer.from(first.value as Uint8Array).toString()).toBe(ALL[0])
    go()
    expect(await read(answer)).toEqual({ text: `${event(delta('é'))}${event('[DONE]')}`, usage: undefined })
  })

  test('that whoever asked leaves is ended at the provider as well', async () => {
    const { baseUrl, seen } = await streaming([ALL[0] as string], () => undefined)
    const { chunks } = answers(await call(compatible(baseUrl), { body: STREAM, timeoutMs: NEVER_MS }))
    await chunks.next()
    await chunks.return(undefined)
    await seen[0]?.closed
    const gone = new AbortController()
    const other = answers(await call(compatible(baseUrl), { body: STREAM, gone: gone.signal, timeoutMs: NEVER_MS }))
    await other.chunks.next()
    gone.abort()
    await seen[1]?.closed
    expect((await read(other)).usage).toBeUndefined()
  })

  test('that breaks off, or goes on for too long, says so in its last event, as clients read errors', async () => {
    const broken = await streaming([ALL[0] as string], (response) => setImmediate(() => response.destroy()))
    const endless = await streaming([ALL[0] as string], () => undefined)
    for (const [{ baseUrl }, timeoutMs] of [
      [broken, 20_000],
      [endless, 200],
    ] as const) {
      const { text } = await read(answers(await call(compatible(baseUrl), { body: STREAM, timeoutMs })))
      const last = text.trim().split('\n\n').at(-1) ?? ''
      expect(JSON.parse(last.slice('data: '.length))).toMatchObject({ error: { code: 'provider-failed' } })
      expect(text).not.toContain('[DONE]')
    }
  })
})

describe('a call to a provider with a protocol of its own', () => {
  const message = (content: object[], stop_reason = 'end_turn') => ({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'test-model',
    content,
    stop_reason,
    stop_sequence: null,
    usage: { input_tokens: 11, output_tokens: 7, cache_read_input_tokens: 4, cache_creation_input_tokens: 0 },
  })
  const TOOL = { type: 'function' as const, function: { name: 'look', parameters: { type: 'object', properties: {} } } }

  test('is translated there, tools and their results too, and its answer back', async () => {
    const said = message([{ type: 'tool_use', id: 't2', name: 'look', input: { at: 'sea' } }], 'tool_use')
    const { baseUrl, seen } = await providerSaying(200, said)
    const body: ChatBody = {
      model: 'test-model',
      max_tokens: 50,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'Look.' }] },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 't1', type: 'function', function: { name: 'look', arguments: '{"at":"sky"}' } }],
        },
        { role: 'tool', tool_call_id: 't1', content: 'blue' },
      ],
      tools: [TOOL],
      tool_choice: 'auto',
      stop: 'END',
      user: 'pat',
    }
    const answer = await read(answers(await call(anthropic(baseUrl), { body })))
    expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({
      model: 'test-model',
      max_tokens: 50,
      system: [{ type: 'text', text: 'Be brief.' }],
      stop_sequences: ['END'],
      tools: [{ name: 'look' }],
      messages: [
        { role: 'user', content: [{ text: 'Look.' }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'look', input: { at: 'sky' } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'blue' }] },
      ],
    })
    expect(answer.usage).toEqual({ inputTokens: 15, outputTokens: 7, cacheReadTokens: 4 })
    expect(JSON.parse(answer.text)).toMatchObject({
      object: 'chat.completion',
      model: 'test-model',
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            tool_calls: [{ id: 't2', type: 'function', function: { name: 'look', arguments: '{"at":"sea"}' } }],
          },
        },
      ],
      usage: { prompt_tokens: 15, completion_tokens: 7, total_tokens: 22 },
    })
  })

  test('streams in the events of OpenAI', async () => {
    const said = [
      { type: 'message_start', message: { ...message([]), stop_reason: null } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'h' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'i' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 7 } },
      { type: 'message_stop' },
    ]
    const { baseUrl } = await streaming(said.map((e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`))
    const body = { ...STREAM, stream_options: { include_usage: true } }
    const { text, usage } = await read(answers(await call(anthropic(baseUrl), { body })))
    const events = text
      .trim()
      .split('\n\n')
      .map((e) => e.slice('data: '.length))
    expect(events.pop()).toBe('[DONE]')
    const chunks = events.map((e) => JSON.parse(e))
    expect(chunks.map(({ choices: [choice] }) => choice?.delta.content).join('')).toBe('hi')
    expect(chunks.flatMap(({ choices: [choice] }) => choice?.finish_reason ?? [])).toEqual(['length'])
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 15, completion_tokens: 7 } })
    expect(usage).toMatchObject({ inputTokens: 15, outputTokens: 7 })
    const quiet = await read(answers(await call(anthropic(baseUrl), { body: STREAM })))
    expect(quiet.text).not.toContain('prompt_tokens')
  })

  test('that breaks off says so', async () => {
    const start = { type: 'message_start', message: { ...message([]), stop_reason: null } }
    const { baseUrl } = await streaming([`event: message_start\ndata: ${JSON.stringify(start)}\n\n`], (response) =>
      setImmediate(() => response.destroy()),
    )
    const { text, usage } = await read(answers(await call(anthropic(baseUrl), { body: STREAM })))
    expect(text).toContain('"code":"provider-failed"')
    expect([text.includes('[DONE]'), usage]).toEqual([false, undefined])
  })

  test.each([
    ['logprobs', { logprobs: true }],
    ['logit_bias', { logit_bias: { 1: 2 } }],
    ['messages.0.content.0', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
    ['messages.0.tool_call_id', { messages: [{ role: 'tool', tool_call_id: 'x', content: '' }] }],
    ['tools.0', { tools: [{ type: 'custom' }] }],
    ['tool_choice', { tool_choice: { type: 'allowed_tools' } }],
    ['seed', { seed: 0 }],
    ['presence_penalty', { presence_penalty: 0.5 }],
    ['temperature', { temperature: 1.8 }],
    ['response_format', { response_format: { type: 'json_object' } }],
  ] as [string, Partial<ChatBody>][])('is refused by the name of what it has no words for: %s', async (at, more) => {
    const nears = vi.fn(async () => true)
    const answer = await call(anthropic('http://127.0.0.1:9/v1'), { body: { ...BODY, ...more }, nears })
    expect(answer).toMatchObject({ kind: 'unsupported', at })
    expect(nears).not.toHaveBeenCalled()
  })

  test('is not refused for what says nothing', async () => {
    const { baseUrl } = await providerSaying(200, message([{ type: 'text', text: 'Hi.' }]))
    const body = { ...BODY, presence_penalty: 0, frequency_penalty: 0, seed: null, temperature: 1 }
    expect(await call(anthropic(baseUrl), { body })).toMatchObject({ kind: 'answers' })
  })

  test('is refused where its provider has no place for a message, and is not sent', async () => {
    const begin = vi.fn(async () => true)
    const say = (role: 'system' | 'user') => ({ role, content: 'Hi.' })
    const messages = [say('system'), say('user'), say('system'), say('user')]
    const answer = await call({ kind: 'bedrock', region: 'us-east-1' }, { body: { ...BODY, messages }, begin })
    expect(answer).toMatchObject({ kind: 'unsupported', at: 'messages', message: expect.stringContaining('system') })
    expect(begin).not.toHaveBeenCalled()
  })
})
