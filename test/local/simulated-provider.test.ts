import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { randomFrom, usualLatencyMs } from '../../local/simulated-provider/latency.ts'
import { type Limits, SlidingWindow } from '../../local/simulated-provider/window.ts'
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

const ONE = { input: 1, output: 0 }

interface Arrival {
  readonly at: number
  readonly tokens: number
}
/** Arrivals a few ms apart, many at once, in windows of a few ms: the edges are hit all the time. */
const arrivals = fc
  .array(fc.record({ gap: fc.nat(4), tokens: fc.integer({ min: 1, max: 9 }) }), { maxLength: 60 })
  .map((gaps) => {
    let at = 0
    return gaps.map(({ gap, tokens }): Arrival => {
      at += gap
      return { at, tokens }
    })
  })
const limits = fc.record(
  {
    windowMs: fc.integer({ min: 1, max: 12 }),
    requests: fc.integer({ min: 1, max: 5 }),
    tokens: fc.integer({ min: 5, max: 20 }),
    refusedCount: fc.boolean(),
  },
  { requiredKeys: ['windowMs', 'requests'] },
)

/** By the definition and nothing else: everything within (at - W, at]. */
const within = <T extends Arrival>(calls: readonly T[], at: number, windowMs: number) =>
  calls.filter((call) => call.at > at - windowMs && call.at <= at)

function fits(
  kept: readonly (Arrival & { admitted: boolean })[],
  call: Arrival,
  l: Limits & { requests: number },
): boolean {
  const inside = within(kept, call.at, l.windowMs)
  const requests = inside.filter(({ admitted }) => admitted || l.refusedCount).length
  const tokens = inside.filter(({ admitted }) => admitted).reduce((sum, c) => sum + c.tokens, 0)
  return requests < l.requests && tokens + call.tokens <= (l.tokens ?? Number.POSITIVE_INFINITY)
}

describe('the window', () => {
  test('admits exactly what a brute-force recount admits, and names the first moment a refused call would fit', () => {
    fc.assert(
      fc.property(arrivals, limits, (calls, l) => {
        const window = new SlidingWindow(l)
        const kept: (Arrival & { admitted: boolean })[] = []
        for (const call of calls) {
          const admitted = fits(kept, call, l)
          const verdict = window.arrive(call.at, { input: call.tokens, output: 0 })
          kept.push({ ...call, admitted })
          expect(verdict.kind).toBe(admitted ? 'admitted' : 'refused')
          if (verdict.kind === 'admitted' || call.tokens > (l.tokens ?? 9)) continue
          const later = (ms: number) => fits(kept, { ...call, at: call.at + ms }, l)
          expect(later(verdict.retryAfterMs - 1)).toBe(false)
          // The named limit gives way then, though the other may still stand against the call.
          const onlyLimit = verdict.limit === 'tokens' ? !l.refusedCount : l.tokens === undefined
          if (onlyLimit) expect(later(verdict.retryAfterMs)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('counts what is in it, and the worst there was, as a recount over every moment does', () => {
    fc.assert(
      fc.property(arrivals, limits, (calls, l) => {
        const window = new SlidingWindow(l)
        const admitted: Arrival[] = []
        for (const call of calls) {
          if (window.arrive(call.at, { input: call.tokens, output: 0 }).kind === 'admitted') admitted.push(call)
          expect(window.admitted(call.at)).toBe(within(admitted, call.at, l.windowMs).length)
        }
        const end = (calls.at(-1)?.at ?? 0) + l.windowMs
        const counts = Array.from({ length: end + 1 }, (_, at) => within(admitted, at, l.windowMs).length)
        expect(window.worst()).toBe(Math.max(...counts))
        expect(window.worst()).toBeLessThanOrEqual(l.requests)
      }),
      { numRuns: 500 },
    )
  })

  test('is open at its old end: a call leaves it exactly one window later', () => {
    const window = new SlidingWindow({ windowMs: 1_000, requests: 1 })
    expect(window.arrive(0, ONE)).toMatchObject({ kind: 'admitted' })
    expect(window.arrive(999, ONE)).toEqual({ kind: 'refused', limit: 'requests', retryAfterMs: 1 })
    expect(window.arrive(1_000, ONE)).toMatchObject({ kind: 'admitted' })
  })

  test('that counts refused calls keeps a caller out who does not wait', () => {
    const window = new SlidingWindow({ windowMs: 1_000, requests: 1, refusedCount: true })
    const verdicts = [0, 600, 1_200, 1_800, 2_800].map((at) => window.arrive(at, ONE).kind)
    expect(verdicts).toEqual(['admitted', 'refused', 'refused', 'refused', 'admitted'])
  })

  test.each([
    { counting: 'total', arrived: 7 + 5, answered: 7 + 5 },
    { counting: 'openai', arrived: 7, answered: 7 },
    { counting: 'anthropic', arrived: 7 + 5, answered: 6 + 2 },
    { counting: 'bedrock', arrived: 7 + 5, answered: 6 + 5 * 2 },
  ] as const)('counts tokens as $counting does, on arrival and once they are answered', (p) => {
    const window = new SlidingWindow({ windowMs: 1_000, tokens: 100, counting: p.counting, burndown: 5 })
    const used = (now: number) => 100 - (window.left(now).get('tokens')?.remaining as number)
    const verdict = window.arrive(0, { input: 7, output: 5 })
    expect(used(0)).toBe(p.arrived)
    if (verdict.kind === 'admitted') verdict.answered(10, { input: 6, output: 2 })
    expect(used(10)).toBe(p.answered)
    expect(used(1_000)).toBe(0)
  })

  test('admits no more at once than may be in flight, and counts input, output and the day apart', () => {
    const day = { windowMs: 10_000, requests: 3, tokens: 1_000 }
    const window = new SlidingWindow({ windowMs: 100, inputTokens: 50, outputTokens: 20, day, concurrency: 2 })
    const at = (now: number, input: number, output: number) => window.arrive(now, { input, output })
    const first = at(0, 10, 10)
    expect(at(0, 10, 11)).toMatchObject({ limit: 'output-tokens', retryAfterMs: 100 })
    expect(at(0, 41, 1)).toMatchObject({ limit: 'input-tokens', retryAfterMs: 100 })
    expect(at(0, 10, 10).kind).toBe('admitted')
    expect(at(200, 1, 1)).toMatchObject({ limit: 'concurrency' })
    if (first.kind === 'admitted') first.answered(200)
    expect(at(200, 1, 1).kind).toBe('admitted')
    if (first.kind === 'admitted') first.answered(200)
    expect(at(300, 1, 1)).toMatchObject({ limit: 'requests-day', retryAfterMs: 9_700 })
    expect(window.worstShares()).toMatchObject({ 'output-tokens': 1, 'requests-day': 1 })
  })

  test('keeps its count over many thousand calls', () => {
    const window = new SlidingWindow({ windowMs: 500, requests: 500 })
    for (let at = 0; at < 10_000; at += 1) expect(window.arrive(at, ONE).kind).toBe('admitted')
    expect(window.admitted(9_999)).toBe(500)
  })
})

describe('the provider', () => {
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
    ['a stream', '{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}'],
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
