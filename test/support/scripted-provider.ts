/** Providers that say what a test wants, and one call to them through the model port. */
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, vi } from 'vitest'
import { aiSdkModel } from '../../adapters/models/ai-sdk.ts'
import { PoolSettings, type ProviderSettings } from '../../core/settings.ts'
import type { ModelAnswer, ModelRequest } from '../../services/ports.ts'

export const KEY = 'plain-1234567890abcdef'
export const PROMPT = 'Lead: Ada Lovelace of Acme, ada@acme.example.\nWrite the introduction.'
export const NOW = Date.parse('2026-03-01T12:00:00Z')

export const toClose: (() => unknown)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0)) await close()
  vi.unstubAllEnvs()
})

export interface Seen {
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A provider that gives every call the same answer, and keeps what it saw. */
export async function providerSaying(status: number, body: unknown, headers: Record<string, string> = {}) {
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

export async function serverDoing(listener: RequestListener, connected?: (socket: Socket) => void): Promise<string> {
  const server = createServer(listener)
  if (connected) server.on('connection', connected)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  toClose.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

export const compatible = (baseUrl: string): ProviderSettings => ({
  kind: 'openai-compatible',
  baseUrl,
  keyVariable: 'TEST_KEY',
})
export const anthropic = (baseUrl: string): ProviderSettings => ({
  kind: 'anthropic',
  baseUrl,
  keyVariable: 'TEST_KEY',
})

export const SLOT = { nears: async () => true, begin: async () => true }
export const aRequest = (provider: ProviderSettings, over: Partial<ModelRequest> = {}): ModelRequest => ({
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

export const call = (provider: ProviderSettings, over: Partial<ModelRequest> = {}, key: string | undefined = KEY) =>
  aiSdkModel({ key: async () => key, now: () => NOW }).call(aRequest(provider, over))

export async function errorFrom(
  answer: ModelAnswer | Promise<ModelAnswer>,
): Promise<Extract<ModelAnswer, { kind: 'error' }>> {
  const got = await answer
  if (got.kind !== 'error') throw new Error(`expected an error, got ${JSON.stringify(got)}`)
  return got
}

export const openAiError = (code: string, message: string, type = 'invalid_request_error') => ({
  error: { message, type, param: null, code },
})
export const aCompletion = (message: object, finish = 'stop') => ({
  id: 'c1',
  object: 'chat.completion',
  created: 1,
  model: 'test-model-2026',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
  usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
})
