/** The simulated provider's window against a recount by its definition. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Limits, SlidingWindow } from '../../local/simulated-provider/window.ts'

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
