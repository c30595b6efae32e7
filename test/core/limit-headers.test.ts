import { describe, expect, it } from 'vitest'
import { toldIn } from '../../core/limit-headers.ts'

describe('an answer’s headers', () => {
  it.each([
    {
      of: 'OpenAI and those who speak as it does',
      headers: {
        'x-ratelimit-limit-requests': '300',
        'x-ratelimit-remaining-requests': '120',
        'x-ratelimit-limit-tokens': '40000',
        'x-ratelimit-remaining-tokens': '39000',
      },
      told: { requests: { limit: 300, remaining: 120 }, tokens: { limit: 40_000, remaining: 39_000 } },
    },
    {
      of: 'Anthropic',
      headers: {
        'anthropic-ratelimit-requests-limit': '50',
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-input-tokens-limit': '30000',
        'anthropic-ratelimit-input-tokens-remaining': '29000',
        'anthropic-ratelimit-output-tokens-limit': '8000',
        'anthropic-ratelimit-output-tokens-remaining': '8000',
      },
      told: {
        requests: { limit: 50, remaining: 0 },
        input: { limit: 30_000, remaining: 29_000 },
        output: { limit: 8_000, remaining: 8_000 },
      },
    },
    {
      of: 'the IETF’s draft',
      headers: { 'ratelimit-limit': '100', 'ratelimit-remaining': '7', 'ratelimit-reset': '12' },
      told: { requests: { limit: 100, remaining: 7 } },
    },
    {
      of: 'who states a limit alone',
      headers: { 'x-ratelimit-limit-requests': '60' },
      told: { requests: { limit: 60 } },
    },
    { of: 'Bedrock, which has none', headers: { 'x-request-id': 'abc' }, told: {} },
    { of: 'nobody', headers: {}, told: {} },
  ])('of $of are read', ({ headers, told }) => expect(toldIn(headers)).toEqual(told))

  const requests = (limit: string, remaining: string) =>
    toldIn({ 'x-ratelimit-limit-requests': limit, 'x-ratelimit-remaining-requests': remaining })

  it.each([
    ['a limit of nothing', '0', '0'],
    ['a negative limit', '-5', '1'],
    ['more left than the limit', '100', '101'],
    ['NaN', 'NaN', 'NaN'],
    ['infinity', 'Infinity', '3'],
    ['a hex number', '0x12c', '3'],
    ['a power', '1e99', '3'],
    ['a number beyond all reason', '999999999999999', '3'],
    ['a number longer than any', '9'.repeat(400), '3'],
    ['a list', '300, 300;w=60', '12'],
    ['nothing', '', ''],
    ['words', 'unlimited', 'plenty'],
  ])('that say %s are not believed', (_, limit, remaining) => expect(requests(limit, remaining)).toEqual({}))

  it('that garble what is left leave the limit', () => {
    expect(requests('300', '-1')).toEqual({ requests: { limit: 300 } })
    expect(requests('300', 'NaN')).toEqual({ requests: { limit: 300 } })
  })
})
