import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { randomFrom, usualLatencyMs } from '../../local/simulated-provider/latency.ts'
import { type SimulatedProviderOptions, simulatedProvider } from '../../local/simulated-provider.ts'

const toClose: (() => unknown)[] = []
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close()
  vi.restoreAllMocks()
})

async function aProvider(over: Partial<SimulatedProviderOptions> = {}) {
  const provider = await simulatedProvider({ requests: 2, windowMs: 1_000, latency: () => 0, now: () => 0, ...over })
  toClose.push(provider.close)
  return provider
}

function ask(url: string, p: { job?: string; fence?: number; prompt?: string; max?: number; body?: string } = {}) {
  const headers = { 'x-fairlead-job': p.job ?? 'j', 'x-fairlead-attempt': '0', 'x-fairlead-fence': `${p.fence ?? 1}` }
  const messages = [{ role: 'user', content: p.prompt ?? 'Say hello' }]
  const body = p.body ?? JSON.stringify({ model: 'm', messages, max_tokens: p.max ?? 100 })
  return fetch(`${url}/chat/completions`, { method: 'POST', headers, body })
}

describe('the provider', () => {
  test('changes while it runs: its limit, others on it, and being down', async () => {
    let now = 10_000
    const { url, change, stats } = await aProvider({ requests: 4, now: () => now })
    const statuses = async (n: number) => {
      const got: number[] = []
      for (let i = 0; i < n; i++) got.push((await ask(url)).status)
      return got
    }
    change({ requests: 2 })
    expect(await statuses(3)).toEqual([200, 200, 429])
    change({ requests: 4 })
    expect(await statuses(3)).toEqual([200, 200, 429])
    now += 1_000
    change({ strangers: 2 })
    now += 1_000
    expect((await ask(url)).headers.get('x-ratelimit-remaining-requests')).toBe('1')
    expect(stats()).toMatchObject({ admitted: 5, inWindow: 3 })
    change({ down: true })
    expect(await statuses(1)).toEqual([503])
    change({ down: false, strangers: 0 })
    expect(await statuses(2)).toEqual([200, 429])
  })

  test('answers a simulated text that begins as the prompt does, with usage and what is left', async () => {
    const { url } = await aProvider()
    const response = await ask(url, { prompt: '\nLead: Ada\nWrite.' })
    expect(await response.json()).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { content: '[simulated] No model wrote this. The prompt begins: Lead: Ada' } }],
      usage: { prompt_tokens: 5, completion_tokens: 16, total_tokens: 21 },
    })
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('2')
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('1')
    expect(response.headers.get('x-ratelimit-reset-requests')).toBe('1000ms')
  })

  test('streams the same text word by word, with its usage where that is asked for', async () => {
    const { url } = await aProvider({ requests: 9 })
    const streamed = async (more: object) => {
      const messages = [{ role: 'user', content: 'Say hello' }]
      const response = await ask(url, { body: JSON.stringify({ model: 'm', messages, stream: true, ...more }) })
      expect(response.headers.get('content-type')).toBe('text/event-stream')
      const events = (await response.text()).trim().split('\n\n')
      expect(events.pop()).toBe('data: [DONE]')
      return events.map((event) => JSON.parse(event.slice('data: '.length)))
    }
    const chunks = await streamed({})
    const whole = await (await ask(url)).json()
    const { message, finish_reason } = (whole as { choices: { message: { content: string }; finish_reason: string }[] })
      .choices[0] as { message: { content: string }; finish_reason: string }
    expect(chunks.map(({ choices }) => choices[0].delta.content ?? '').join('')).toBe(message.content)
    expect(chunks.at(-1).choices[0].finish_reason).toBe(finish_reason)
    const told = await streamed({ stream_options: { include_usage: true } })
    expect(told.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 3 } })
    expect(told).toHaveLength(chunks.length + 1)
  })

  test('cuts the text at the tokens asked for', async () => {
    const { url } = await aProvider()
    const body = await (await ask(url, { max: 3 })).json()
    expect(body).toMatchObject({ choices: [{ message: { content: '[simulated] ' }, finish_reason: 'length' }] })
  })

  test('refuses beyond the requests with a 429 that says when to come back', async () => {
    let now = 0
    const { url, stats } = await aProvider({ now: () => now })
    await ask(url)
    await ask(url)
    now = 300
    const refused = await ask(url)
    expect(refused.status).toBe(429)
    expect(await refused.json()).toMatchObject({ error: { type: 'requests', code: 'rate_limit_exceeded' } })
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('retry-after-ms')).toBe('700')
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0')
    now = 1_000
    expect((await ask(url)).status).toBe(200)
    expect(stats()).toEqual({
      admitted: 3,
      refused: 1,
      inWindow: 1,
      worstWindow: 2,
      worst: { requests: 1 },
      repeated: 1,
    })
  })

  test('refuses beyond the reserved tokens: the input at four characters each, and the most that may come', async () => {
    const { url } = await aProvider({ requests: 10, tokens: 110 })
    const first = await ask(url, { prompt: 'a'.repeat(33), max: 50 })
    expect(first.headers.get('x-ratelimit-remaining-tokens')).toBe(String(110 - 9 - 50))
    expect((await ask(url, { prompt: 'aaaa', max: 51 })).status).toBe(429)
    expect((await ask(url, { prompt: 'aaaa', max: 50 })).status).toBe(200)
  })

  test('counts pairs of job and fence that come again', async () => {
    const { url, stats } = await aProvider({ requests: 100 })
    for (const [job, fence] of [
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['a', 1],
      ['a', 1],
      ['b', 1],
      ['c', 1],
      ['c', 2],
    ] as const)
      await ask(url, { job, fence })
    expect(stats().repeated).toBe(2)
  })

  test('fails as scripted, and counts the call as admitted', async () => {
    const script = ({ job, n }: { job?: string; n: number }) =>
      job === 'bad'
        ? { status: 500, body: { error: { message: `call ${n}` } }, headers: { 'x-request-id': 'r' } }
        : undefined
    const { url, stats } = await aProvider({ script })
    expect((await ask(url)).status).toBe(200)
    const failed = await ask(url, { job: 'bad' })
    expect([failed.status, await failed.json(), failed.headers.get('x-request-id')]).toEqual([
      500,
      { error: { message: 'call 2' } },
      'r',
    ])
    expect(stats().admitted).toBe(2)
  })

  test('writes each arrival down before it answers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-'))
    toClose.push(() => rmSync(folder, { recursive: true }))
    const logFile = join(folder, 'arrivals.jsonl')
    // The answer takes longer than the test: what is read was written at arrival.
    const script = ({ n }: { n: number }) => (n === 1 ? { status: 200, delayMs: 600_000 } : { status: 200, delayMs: 0 })
    const { url, close } = await aProvider({ logFile, script, requests: 2, now: () => 5 })
    const waiting = ask(url, { job: 'slow' }).catch((error: Error) => error.name)
    await written(logFile)
    await ask(url, { job: 'b', fence: 2 })
    await ask(url, { job: 'c', fence: 3 })
    const lines = readFileSync(logFile, 'utf8').trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { at: 5, job: 'slow', attempt: 0, fence: 1, status: 200, tokens: 19 },
      { at: 5, job: 'b', attempt: 0, fence: 2, status: 200, tokens: 19 },
      { at: 5, job: 'c', attempt: 0, fence: 3, status: 429 },
    ])
    await close()
    expect(await waiting).toBe('TypeError')
  })

  test('leaves no timer behind when it closes before an answer is due', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const cleared = vi.spyOn(globalThis, 'clearTimeout')
    const { url, stats, close } = await aProvider({ latency: () => 600_000 })
    const waiting = ask(url).catch((error: Error) => error.name)
    while (stats().admitted === 0) await new Promise((resolve) => setImmediate(resolve))
    await close()
    const due = timers.mock.calls.findIndex(([, delayMs]) => delayMs === 600_000)
    expect(cleared).toHaveBeenCalledWith(timers.mock.results[due]?.value)
    expect(await waiting).toBe('TypeError')
  })

  test.each([
    ['no JSON', '{'],
    ['no messages', '{"model":"m"}'],
  ])('refuses %s as a bad request, uncounted', async (_, body) => {
    const { url, stats } = await aProvider()
    const response = await ask(url, { body })
    expect([response.status, stats().admitted]).toEqual([400, 0])
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('2')
  })

  test('tells its counts to other processes', async () => {
    const { url, stats } = await aProvider()
    await ask(url)
    expect(await (await fetch(new URL('/stats', url))).json()).toEqual(stats())
  })

  test('keeps the order of arrivals when the clock steps back', async () => {
    let time = 0
    const { url, stats } = await aProvider({ requests: 1, now: () => time })
    const askAt = (at: number) => {
      time = at
      return ask(url)
    }
    const responses = [await askAt(1_000), await askAt(100), await askAt(2_000)]
    expect(responses.map(({ status }) => status)).toEqual([200, 429, 200])
    expect(responses[1]?.headers.get('retry-after-ms')).toBe('1000')
    expect(stats().worstWindow).toBe(1)
  })
})

describe('the usual latency', () => {
  test('is the same for the same seed', () => {
    const three = (seed: number) => {
      const random = randomFrom(seed)
      return [random(), random(), random()].map(usualLatencyMs)
    }
    expect(three(7)).toEqual(three(7))
    expect(three(7)).not.toEqual(three(8))
  })

  test('lies mostly between one and three seconds, and always within its bounds', () => {
    const all = Array.from({ length: 1_000 }, (_, i) => usualLatencyMs(i / 1_000))
    expect(all.filter((ms) => ms >= 1_000 && ms <= 3_000).length).toBeGreaterThan(650)
    expect([usualLatencyMs(0), usualLatencyMs(1 - 2 ** -32)]).toEqual([300, 15_000])
  })
})

/** Until the file has its first line; bounded by the test's own timeout. */
async function written(file: string): Promise<void> {
  while (readFileSync(file, 'utf8') === '') await new Promise((resolve) => setTimeout(resolve, 5))
}
