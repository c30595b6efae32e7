import { describe, expect, test, vi } from 'vitest'
import { called, leaving } from '../../adapters/models/leaving.ts'
import { send } from '../../adapters/models/sending.ts'
import type { ProviderSettings } from '../../core/settings.ts'
import {
  aCompletion,
  anthropic,
  call,
  compatible,
  providerSaying,
  type Seen,
  SLOT,
} from '../support/scripted-provider.ts'

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

  test('is asked for its slot again where that came while another connection was made', async () => {
    const begin = vi.fn(async () => true)
    const leave = leaving({ ...SLOT, begin }, 1_000)
    const connected = called(leave.signal)
    await connected.leave()
    begin.mockResolvedValueOnce(false)
    await expect(connected.leave()).rejects.toThrow(/slot was missed/)
    expect(leave.missed()).toBe(true)
    leave.done()
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
