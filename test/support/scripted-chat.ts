/** The chat port against providers on loopback: calls, what comes back, and providers that stream. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { providerChat } from '../../adapters/models/chat/port.ts'
import type { ChatBody } from '../../core/chat.ts'
import { PoolSettings, type ProviderSettings } from '../../core/settings.ts'
import type { ChatAnswer, ChatCall } from '../../services/ports.ts'
import { KEY, NOW, SLOT, serverDoing } from './scripted-provider.ts'

export const BODY: ChatBody = { model: 'test-model', messages: [{ role: 'user', content: 'Say hi' }], max_tokens: 50 }
/** Longer than any test is given. */
export const NEVER_MS = 600_000
export const STREAM: ChatBody = { ...BODY, stream: true }

export const call = (provider: ProviderSettings, over: Partial<ChatCall> = {}, key: string | undefined = KEY) =>
  providerChat({ key: async () => key, now: () => NOW }).call({
    pool: PoolSettings.parse({ provider, requests: 10 }),
    body: BODY,
    timeoutMs: 20_000,
    gone: new AbortController().signal,
    ...SLOT,
    ...over,
  })

export type Answers = Extract<ChatAnswer, { kind: 'answers' }>
export function answers(answer: ChatAnswer): Answers {
  if (answer.kind !== 'answers') throw new Error(`no answer: ${JSON.stringify(answer)}`)
  return answer
}
export async function read({ chunks }: Answers) {
  let text = ''
  for (let next = await chunks.next(); ; next = await chunks.next()) {
    if (next.done) return { text, usage: next.value }
    text += Buffer.from(next.value).toString()
  }
}
export const failed = async (answer: Promise<ChatAnswer>) => {
  const got = await answer
  if (got.kind !== 'failed') throw new Error(`it did not fail: ${got.kind}`)
  return got
}

export const event = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
export const delta = (content: string) => ({ id: 'c1', choices: [{ index: 0, delta: { content } }], usage: null })
export const USAGE = { id: 'c1', choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } }
export const ALL = [event(delta('h')), event(delta('i')), event(USAGE), event('[DONE]')]

/** A provider that streams what it is told; `then` says how it ends. */
export async function streaming(said: readonly string[], then: (response: ServerResponse) => void = (r) => r.end()) {
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
