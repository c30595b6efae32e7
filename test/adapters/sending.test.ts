import { describe, expect, test, vi } from 'vitest'
import { providerChat } from '../../adapters/models/chat/port.ts'
import { classify } from '../../core/retry.ts'
import { PoolSettings } from '../../core/settings.ts'
import {
  aCompletion,
  call,
  compatible,
  errorFrom,
  KEY,
  NOW,
  providerSaying,
  SLOT,
  serverDoing,
  toClose,
} from '../support/scripted-provider.ts'
import { secureServer } from '../support/secure-provider.ts'

async function secureProvider() {
  const secured: unknown[] = []
  const seen: (string | undefined)[] = []
  const { server, baseUrl } = await secureServer((request, response) => {
    seen.push(request.headers['accept-encoding'] as string)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(aCompletion({ content: 'hi' })))
  })
  server.on('secureConnection', (socket) => secured.push(socket))
  toClose.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { baseUrl, secured, seen }
}

describe('a call over TLS', () => {
  test('waits for its slot until its connection is secure, and asks for an answer that needs no unpacking', async () => {
    const { baseUrl, secured, seen } = await secureProvider()
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const begin = async () => {
      await vi.waitFor(() => expect(secured).toHaveLength(1))
      expect(seen).toEqual([])
      return true
    }
    expect(await call(compatible(baseUrl), { begin })).toHaveProperty('kind', 'text')
    expect(seen).toEqual(['identity'])
  })

  test('is not sent to a provider whose certificate is not trusted, and says so', async () => {
    const { baseUrl, seen } = await secureProvider()
    const begin = vi.fn(async () => true)
    const error = await errorFrom(call(compatible(baseUrl), { begin }))
    expect(error.message).toMatch(/could not be reached: DEPTH_ZERO_SELF_SIGNED_CERT$/)
    expect(begin).not.toHaveBeenCalled()
    expect(seen).toEqual([])
  })
})

describe('a connection', () => {
  test('is kept for the next call', async () => {
    const { baseUrl, seen, connections } = await providerSaying(200, aCompletion({ content: 'hi' }))
    for (let i = 0; i < 3; i++) expect(await call(compatible(baseUrl))).toHaveProperty('kind', 'text')
    expect([seen.length, connections.length]).toEqual([3, 1])
  })

  test('whose call missed its slot is not used again', async () => {
    const { baseUrl, seen, connections } = await providerSaying(200, aCompletion({ content: 'hi' }))
    expect(await call(compatible(baseUrl), { begin: async () => false })).toEqual({ kind: 'missed' })
    expect(await call(compatible(baseUrl))).toHaveProperty('kind', 'text')
    expect([seen.length, connections.length]).toEqual([1, 2])
  })
})

describe('an answer', () => {
  /** Sends on and on, and counts what was taken; says whether the connection was closed. */
  async function endless(status: number) {
    const its = { sent: 0, closed: false }
    const baseUrl = await serverDoing((_, response) => {
      response.on('close', () => {
        its.closed = true
      })
      response.writeHead(status, { 'content-type': 'application/json' })
      const more = () => {
        while (!its.closed && response.write(' '.repeat(1024 * 1024))) its.sent++
      }
      response.on('drain', more)
      more()
    })
    return { its, baseUrl }
  }

  test('without end is given up as too large, and its connection closed', async () => {
    const { its, baseUrl } = await endless(200)
    const answer = await call(compatible(baseUrl))
    expect(answer).toMatchObject({
      kind: 'error',
      code: 'answer_too_large',
      message: expect.stringMatching(/maxOutput/),
    })
    expect(classify(answer as Parameters<typeof classify>[0])).toBe('too-large')
    await vi.waitFor(() => expect(its.closed).toBe(true))
  })

  test('without end to a person, which is no stream though one was asked for, is too large as well', async () => {
    const { its, baseUrl } = await endless(200)
    const pool = PoolSettings.parse({ provider: compatible(baseUrl), requests: 10 })
    const chat = providerChat({ key: async () => KEY, now: () => NOW })
    const body = { model: 'm', messages: [], stream: true } as never
    const asked = { pool, body, timeoutMs: 20_000, gone: new AbortController().signal, ...SLOT }
    expect(await chat.call(asked)).toMatchObject({ kind: 'failed', sent: true, said: { code: 'answer_too_large' } })
    await vi.waitFor(() => expect(its.closed).toBe(true))
  })

  test('without end that is an error is read as far as that, and counts as its status says', async () => {
    const { its, baseUrl } = await endless(503)
    expect(await call(compatible(baseUrl))).toMatchObject({ kind: 'error', status: 503 })
    await vi.waitFor(() => expect(its.closed).toBe(true))
  })
})
