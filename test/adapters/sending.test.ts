import { describe, expect, test, vi } from 'vitest'
import { aCompletion, call, compatible, errorFrom, providerSaying, toClose } from '../support/scripted-provider.ts'
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
