import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Rules, reserved, rulesFor, settled } from '../../core/accounting.ts'
import { DIMENSIONS } from '../../core/cost.ts'
import { aPool } from '../support/builders.ts'

const ASK = { input: 1_000, output: 400 }
const rules = (accounting: Rules['accounting'], burndown = 1): Rules => ({ accounting, burndown })

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
    { what: 'nothing is told', of: rules('anthropic'), usage: {} },
  ])('stays at what was reserved where $what', ({ of, usage }) => {
    const was = reserved(of, ASK)
    expect(settled(of, usage, was)).toEqual(was)
  })

  it('is never more than was reserved, while the call keeps to what was asked', () => {
    const accountings = fc.constantFrom('total', 'openai', 'anthropic', 'bedrock')
    const asks = fc.record({ input: fc.nat(10_000), output: fc.nat(5_000) })
    const shares = fc.record({
      input: fc.double({ min: 0, max: 1, noNaN: true }),
      output: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(
        accountings,
        fc.constantFrom(1, 2.5, 5),
        asks,
        shares,
        fc.nat(10_000),
        (accounting, burndown, ask, share, cached) => {
          const of = rules(accounting, burndown)
          const was = reserved(of, ask)
          const inputTokens = Math.floor(ask.input * share.input)
          const used = { inputTokens, outputTokens: Math.floor(ask.output * share.output), cacheReadTokens: cached }
          const cost = settled(of, used, was)
          for (const d of DIMENSIONS) {
            expect(cost[d]).toBeLessThanOrEqual(was[d])
            expect(cost[d]).toBeGreaterThanOrEqual(0)
          }
        },
      ),
    )
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
    ['amazon.nova-pro-v1:0', 1],
  ])('weigh output of %s on Bedrock %i times', (model, burndown) => {
    expect(rulesFor(aPool({ provider: { kind: 'bedrock' } }), model).burndown).toBe(burndown)
  })

  it('are what its settings say, whatever its provider is', () => {
    const pool = aPool({ provider: { kind: 'bedrock' }, accounting: 'total', burndown: 3 })
    expect(rulesFor(pool, 'anthropic.claude-sonnet-4')).toEqual({ accounting: 'total', burndown: 3 })
  })
})
