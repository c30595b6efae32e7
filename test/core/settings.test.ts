import { describe, expect, it } from 'vitest'
import { parseSettings, type SettingsInput } from '../../core/settings.ts'
import shipped from '../../fairlead.config.ts'

const pool = { provider: { kind: 'bedrock' }, requests: 300 } as const
const kind = { pool: 'main', tier: 'high', model: 'm', prompt: 'p' } as const
const good = (over: Record<string, unknown> = {}) => ({ pools: { main: pool }, kinds: { reply: kind }, ...over })
const faultsOf = (raw: unknown): string[] => {
  const parsed = parseSettings(raw)
  return parsed.ok ? [] : parsed.faults
}

describe('settings', () => {
  it('are good as shipped', () => expect(parseSettings(shipped)).toMatchObject({ ok: true }))

  it('need no more than a pool, and fill in the rest', () => {
    const parsed = parseSettings({ pools: { main: pool }, kinds: {} } satisfies SettingsInput)
    if (!parsed.ok) throw new Error(parsed.faults.join())
    expect(parsed.settings).toMatchObject({
      pools: {
        main: {
          local: 'simulated',
          windowMs: 60_000,
          guard: { refusalMs: 250, skewMs: 250, networkMs: 200 },
          pacing: 'even',
          order: 'weighted',
          tiers: { high: 60, medium: 30, low: 10 },
          history: 'full',
          share: 'requests',
          feedback: { limits: true, strangers: true, overload: true, breaker: true },
        },
      },
      owners: {},
      callers: [],
      backlogPerOwner: 100_000,
      retentionDays: { input: 90, result: 90 },
    })
  })

  it('turn what providers say off, wholly or by part', () => {
    const feedbackOf = (feedback: unknown) => {
      const parsed = parseSettings(good({ pools: { main: { ...pool, feedback } } }))
      return parsed.ok ? parsed.settings.pools['main']?.feedback : parsed.faults
    }
    const on = { limits: true, strangers: true, overload: true, breaker: true }
    expect(feedbackOf(false)).toEqual({ limits: false, strangers: false, overload: false, breaker: false })
    expect(feedbackOf(true)).toEqual(on)
    expect(feedbackOf({ breaker: false })).toEqual({ ...on, breaker: false })
    expect(feedbackOf('off')).toEqual([
      'pools.main.feedback: true, false, or an object of limits, strangers, overload and breaker, each true or false',
    ])
    expect(feedbackOf({ limit: false })).toEqual(['pools.main.feedback: Unrecognized key: "limit"'])
    expect(feedbackOf({ limits: 'no' })).toEqual([expect.stringContaining('pools.main.feedback')])
  })

  it('keep what is set beside what is filled in', () => {
    const parsed = parseSettings(
      good({ pools: { main: { ...pool, guard: { skewMs: 0 } } }, owners: { 'ann@example.com': { weight: 3 } } }),
    )
    if (!parsed.ok) throw new Error(parsed.faults.join())
    expect(parsed.settings.pools.main?.guard).toEqual({ refusalMs: 250, skewMs: 0, networkMs: 200 })
    expect(parsed.settings.owners).toEqual({ 'ann@example.com': { weight: 3, caps: {} } })
  })

  it.each(['requests', 'tokens', 'inputTokens', 'outputTokens', 'concurrency'])('need one limit alone: %s', (limit) => {
    expect(faultsOf(good({ pools: { main: { provider: pool.provider, [limit]: 10 } } }))).toEqual([])
  })

  it('fill in what a longer window needs, and take it for a limit', () => {
    const parsed = parseSettings(good({ pools: { main: { provider: pool.provider, day: { tokens: 1_000_000 } } } }))
    if (!parsed.ok) throw new Error(parsed.faults.join())
    expect(parsed.settings.pools.main?.day).toEqual({ windowMs: 86_400_000, tokens: 1_000_000, history: 'empty' })
  })

  const caller = { role: 'arn:aws:iam::123456789012:role/agent', id: 'agent', owner: 'agent', scopes: ['jobs:submit'] }
  const inPool = (over: Record<string, unknown>) => good({ pools: { main: { ...pool, ...over } } })
  const inKind = (over: Record<string, unknown>) => good({ kinds: { reply: { ...kind, ...over } } })

  it.each([
    ['no pool', good({ pools: {}, kinds: {} }), /^pools: name at least one pool$/],
    ['a reserved pool', good({ pools: { main: pool, review: pool } }), /^pools\.review: is a reserved name$/],
    [
      "a pool's name in capitals",
      good({ pools: { main: pool, Main: pool } }),
      /^pools\.Main: lower-case letters, digits and dashes/,
    ],
    ['a kind of a pool that is not there', inKind({ pool: 'other' }), /^kinds\.reply\.pool: no pool is named other$/],
    [
      'a kind of a pool that every object has',
      inKind({ pool: 'constructor' }),
      /^kinds\.reply\.pool: no pool is named constructor$/,
    ],
    [
      'a pool without any limit',
      good({ pools: { main: { provider: pool.provider } } }),
      /^pools\.main: limit it: requests, tokens, inputTokens, outputTokens, day or concurrency$/,
    ],
    [
      'a longer window without any limit, nor another',
      good({ pools: { main: { provider: pool.provider, day: {} } } }),
      /^pools\.main: limit it: /,
    ],
    ['a longer window of nothing', inPool({ day: { requests: 0 } }), /^pools\.main\.day\.requests: .*>=1/],
    ['a longer window of more than a month', inPool({ day: { windowMs: 1e10 } }), /^pools\.main\.day\.windowMs: .*<=/],
    ['no call in flight', inPool({ concurrency: 0 }), /^pools\.main\.concurrency: .*>=1/],
    ['a way of counting nobody knows', inPool({ accounting: 'acme' }), /^pools\.main\.accounting: .*"bedrock"/],
    ['output that weighs nothing', inPool({ burndown: 0 }), /^pools\.main\.burndown: .*>=1/],
    ['a share of what nobody knows', inPool({ share: 'money' }), /^pools\.main\.share: .*"requests"\|"tokens"/],
    ['a limit of nothing', inPool({ requests: 0 }), /^pools\.main\.requests: .*>=1/],
    ['a fraction of a call', inPool({ requests: 1.5 }), /^pools\.main\.requests: .*int/],
    [
      'a window of an hour',
      inPool({ windowMs: 3_600_000 }),
      /^pools\.main\.windowMs: .*what is limited for longer is `day`/,
    ],
    ['a window too short', inPool({ windowMs: 100 }), /^pools\.main\.windowMs: .*>=200/],
    [
      'a guard without a time to refuse in',
      inPool({ guard: { refusalMs: 0 } }),
      /^pools\.main\.guard\.refusalMs: .*>=10/,
    ],
    ['an order nobody knows', inPool({ order: 'fifo' }), /^pools\.main\.order: .*"weighted"\|"strict"\|"owners"/],
    ['a tier without a weight', inPool({ tiers: { high: 1, medium: 1 } }), /^pools\.main\.tiers\.low: /],
    [
      'a tier that weighs next to nothing',
      inPool({ tiers: { high: 1, medium: 1, low: 1e-9 } }),
      /^pools\.main\.tiers\.low: .*>=0\.01/,
    ],
    ['a setting misspelt', inPool({ request: 300 }), /^pools\.main: .*"request"/],
    ['a provider nobody knows', inPool({ provider: { kind: 'acme' } }), /^pools\.main\.provider\.kind: /],
    [
      'a key where its variable belongs',
      inPool({ provider: { kind: 'anthropic', keyVariable: 'sk-ant-1' } }),
      /^pools\.main\.provider\.keyVariable: the name of an environment variable, never the key itself$/,
    ],
    [
      'an address that is none of the web',
      inPool({ provider: { kind: 'openai-compatible', baseUrl: 'ftp://provider.example.com' } }),
      /^pools\.main\.provider\.baseUrl: an address that begins with https:\/\/ or http:\/\/$/,
    ],
    ['a cache that keeps nothing', inKind({ cache: { ttlMs: 0 } }), /^kinds\.reply\.cache\.ttlMs: .*>=1000/],
    [
      'a prompt to be kept that is another for each job',
      inKind({ promptCache: true, system: 'You write to {{lead}}.' }),
      /^kinds\.reply\.promptCache: put what never changes into system/,
    ],
    ['a prompt to be kept that is not there', inKind({ promptCache: true }), /^kinds\.reply\.promptCache: put what/],
    ['a cache for no time that is known', inKind({ cache: {} }), /^kinds\.reply\.cache\.ttlMs: /],
    [
      'a cache that outlives what it is of',
      { ...inKind({ cache: { ttlMs: 86_400_001 } }), retentionDays: { input: 1, result: 30 } },
      /^kinds\.reply\.cache\.ttlMs: at most 86400000: an answer stands no longer than retentionDays keeps the job/,
    ],
    [
      'a model that people may call in two pools',
      good({
        pools: { main: { ...pool, people: { models: ['a', 'b'] } }, other: { ...pool, people: { models: ['b'] } } },
      }),
      /^pools\.other\.people\.models\.0: b is of pool main already: the model of a call is what picks its pool$/,
    ],
    [
      'a model named twice for people',
      inPool({ people: { models: ['a', 'a'] } }),
      /^pools\.main\.people\.models\.1: a is of pool main already/,
    ],
    ['no model where people may call some', inPool({ people: { models: [] } }), /^pools\.main\.people\.models: .*>=1/],
    ['no prompt', inKind({ prompt: '' }), /^kinds\.reply\.prompt: .*>=1/],
    ['more attempts than bounded', inKind({ attempts: 21 }), /^kinds\.reply\.attempts: .*<=20/],
    ['a sample beyond all', inKind({ review: { policy: 'sample', rate: 1.1 } }), /^kinds\.reply\.review\.rate: .*<=1/],
    [
      "an owner's name with a lane's mark",
      good({ owners: { 'a#b': { weight: 1 } } }),
      /^owners\.a#b: letters, digits and/,
    ],
    ['a weight below zero', good({ owners: { ann: { weight: -1 } } }), /^owners\.ann\.weight: .*>=0\.01/],
    [
      'a role that is no ARN',
      good({ callers: [{ ...caller, role: 'agent' }] }),
      /^callers\.0\.role: a role ARN: arn:aws:iam::/,
    ],
    ['a scope nobody knows', good({ callers: [{ ...caller, scopes: ['root'] }] }), /^callers\.0\.scopes\.0: /],
    ['a caller who may nothing', good({ callers: [{ ...caller, scopes: [] }] }), /^callers\.0\.scopes: .*>=1/],
    ['nothing at all', undefined, /^configuration: /],
  ])('with %s are refused in one line that says where', (_, raw, line) => {
    const faults = faultsOf(raw)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(line)
    expect(faults[0]).not.toContain('\n')
  })

  it('with several faults get a line for each', () => {
    const faults = faultsOf({
      pools: { main: { ...pool, requests: 0, windowMs: 1 } },
      kinds: { reply: { ...kind, tier: 'top' } },
    })
    expect(faults.map((line) => line.split(':')[0])).toEqual([
      'pools.main.windowMs',
      'pools.main.requests',
      'kinds.reply.tier',
    ])
  })

  it('never repeat a value in a fault: it may be a secret', () => {
    const secret = 'sk-ant-very-secret'
    const raw = good({
      pools: { main: { ...pool, provider: { kind: 'openai-compatible', baseUrl: secret, keyVariable: secret } } },
    })
    expect(faultsOf(raw)).toHaveLength(2)
    expect(faultsOf(raw).join()).not.toContain(secret)
  })
})
