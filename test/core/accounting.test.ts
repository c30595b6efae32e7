import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Rules, reserved, rulesFor, settled } from '../../core/accounting.ts'
import { DIMENSIONS } from '../../core/cost.ts'
import { aPool } from '../support/builders.ts'

const ASK = { input: 1_000, output: 400 }
const rules = (accounting: Rules['accounting'], burndown = 1): Rules => ({ accounting, burndown })

const parts = fc.double({ min: 0, max: 1, noNaN: true })
const asks = fc.record({ input: fc.nat(10_000), output: fc.nat(5_000) })
const drawnRules: fc.Arbitrary<Rules> = fc.record({
  accounting: fc.constantFrom('total', 'openai', 'anthropic', 'bedrock'),
  burndown: fc.constantFrom(1, 2.5, 5),
})

describe('what a call reserves', () => {
  it.each([
    { of: rules('bedrock', 5), tokens: 1_000 + 5 * 400 },
    { of: rules('bedrock'), tokens: 1_400 },
    { of: rules('anthropic'), tokens: 1_400 },
    { of: rules('openai'), tokens: 1_000 },
    { of: rules('total'), tokens: 1_400 },
  ])('is for $of.accounting with a burndown of $of.burndown $tokens tokens of 1,000 and 400', ({ of, tokens }) => {
    expect(reserved(of, ASK)).toEqual({ requests: 1, tokens, input: 1_000, output: 400 })
  })

  it('is one call, its input and its output, in whole tokens, and never fewer than the output that may come', () => {
    fc.assert(
      fc.property(drawnRules, asks, (of, ask) => {
        const { requests, tokens, ...apart } = reserved(of, ask)
        expect({ requests, ...apart }).toEqual({ requests: 1, ...ask })
        expect(Number.isInteger(tokens)).toBe(true)
        expect(tokens).toBeGreaterThanOrEqual(Math.max(ask.input, ask.output))
      }),
    )
  })
})

describe('what it has cost', () => {
  const usage = { inputTokens: 900, outputTokens: 100, cacheReadTokens: 300 }

  it.each([
    { of: rules('bedrock', 5), tokens: 600 + 5 * 100 },
    { of: rules('anthropic'), tokens: 700 },
  ])('is what $of.accounting counts: nothing of what its cache held', ({ of, tokens }) => {
    expect(settled(of, usage, reserved(of, ASK))).toEqual({ requests: 1, tokens, input: 600, output: 100 })
  })

  it.each([
    { what: 'OpenAI gives nothing back', of: rules('openai'), usage },
    { what: 'an unknown provider gives nothing back', of: rules('total'), usage },
    { what: 'only a part is told', of: rules('bedrock'), usage: { outputTokens: 3 } },
    { what: 'only the other part is told', of: rules('anthropic'), usage: { inputTokens: 3 } },
    { what: 'nothing is told', of: rules('anthropic'), usage: {} },
  ])('stays at what was reserved where $what', ({ of, usage }) => {
    const was = reserved(of, ASK)
    expect(settled(of, usage, was)).toEqual(was)
  })

  it('is never more than was reserved, while the call keeps to what was asked', () => {
    const shares = fc.record({ input: parts, output: parts, cached: fc.nat(10_000) })
    fc.assert(
      fc.property(drawnRules, asks, shares, (of, ask, share) => {
        const was = reserved(of, ask)
        const [inputTokens, outputTokens] = [Math.floor(ask.input * share.input), Math.floor(ask.output * share.output)]
        const cost = settled(of, { inputTokens, outputTokens, cacheReadTokens: share.cached }, was)
        for (const d of DIMENSIONS) {
          expect(cost[d]).toBeLessThanOrEqual(was[d])
          expect(cost[d]).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })

  it('is all that was used, without what a cache held, where that is more than was reserved', () => {
    const used = { inputTokens: 2_000, outputTokens: 500, cacheReadTokens: 100 }
    expect(settled(rules('anthropic'), used, reserved(rules('anthropic'), ASK))).toEqual({
      requests: 1,
      tokens: 2_400,
      input: 1_900,
      output: 500,
    })
  })
})

describe('the rules of a pool', () => {
  const compatible = (baseUrl: string) => ({ kind: 'openai-compatible', baseUrl }) as const

  it.each([
    { provider: { kind: 'bedrock' } as const, accounting: 'bedrock' },
    { provider: { kind: 'anthropic', keyVariable: 'KEY' } as const, accounting: 'anthropic' },
    { provider: compatible('https://api.openai.com/v1'), accounting: 'openai' },
    { provider: compatible('https://team.openai.azure.com/openai'), accounting: 'openai' },
    { provider: compatible('https://openai.com.example.com/v1'), accounting: 'total' },
    { provider: compatible('https://notopenai.com/v1'), accounting: 'total' },
    { provider: compatible('http://127.0.0.1:8000/v1'), accounting: 'total' },
  ])('are for $provider those of $accounting', ({ provider, accounting }) => {
    expect(rulesFor(aPool({ provider }), 'a-model').accounting).toBe(accounting)
  })

  it.each([
    ['anthropic.claude-3-7-sonnet-20250219-v1:0', 5],
    ['us.anthropic.claude-sonnet-4-20250514-v1:0', 5],
    ['anthropic.claude-3-5-sonnet-20241022-v2:0', 1],
    ['anthropic.claude-3-haiku-20240307-v1:0', 1],
    ['anthropic.claude-v2:1', 1],
    ['anthropic.claude-instant-v1', 1],
    ['anthropic.claude-opus-4-1-20250805-v1:0', 5],
    ['amazon.nova-pro-v1:0', 1],
  ])('weigh output of %s on Bedrock %i times', (model, burndown) => {
    expect(rulesFor(aPool({ provider: { kind: 'bedrock' } }), model).burndown).toBe(burndown)
  })

  it('are what its settings say, whatever its provider is', () => {
    const pool = aPool({ provider: { kind: 'bedrock' }, accounting: 'total', burndown: 3 })
    expect(rulesFor(pool, 'anthropic.claude-sonnet-4')).toEqual({ accounting: 'total', burndown: 3 })
  })
})
