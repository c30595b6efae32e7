/** What providers that speak OpenAI's protocol are sent, what comes back, and what becomes of calls that break. */
import { describe, expect, test, vi } from 'vitest'
import type { ChatBody } from '../../core/chat.ts'
import {
  ALL,
  answers,
  BODY,
  call,
  delta,
  event,
  failed,
  NEVER_MS,
  read,
  STREAM,
  streaming,
} from '../support/scripted-chat.ts'
import { aCompletion, compatible, KEY, openAiError, providerSaying, serverDoing } from '../support/scripted-provider.ts'

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
