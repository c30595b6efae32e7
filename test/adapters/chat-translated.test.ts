/** The same of providers with a protocol of their own. */
import { describe, expect, test, vi } from 'vitest'
import type { ChatBody } from '../../core/chat.ts'
import { answers, BODY, call, read, STREAM, streaming } from '../support/scripted-chat.ts'
import { anthropic, providerSaying } from '../support/scripted-provider.ts'

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
