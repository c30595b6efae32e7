import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Settings, SettingsInput } from '../../core/settings.ts'
import { type Options, parseOptions } from '../../local/options.ts'
import { DEVELOPER, localSettings, poolsOffThisMachine, withSimulated } from '../../local/settings.ts'
import { aFolder, clearAll, ranToEnd } from '../support/started.ts'

afterAll(clearAll)

const configured: SettingsInput = {
  pools: {
    main: { provider: { kind: 'bedrock' }, requests: 300, tokens: 9_000, order: 'strict' },
    other: {
      provider: { kind: 'openai-compatible', baseUrl: 'https://provider.example.com/v1', keyVariable: 'OTHER_KEY' },
      local: 'provider',
      requests: 10,
      windowMs: 1_000,
    },
  },
  kinds: { step: { pool: 'main', tier: 'high', model: 'm', prompt: '{{prompt}}' } },
}

function aFile(text: string | object, name = 'config.json'): string {
  const file = join(aFolder(), name)
  writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text))
  return file
}

/** The settings of a start with these options. */
function settings(args: string[] = [], config: object = configured): Promise<Settings> {
  const parsed = parseOptions(['--config', aFile(config), ...args]) as { options: Options }
  return localSettings(parsed.options)
}

describe('the command line is laid over every pool', () => {
  test('without options the configuration stands, but for the skew of one clock', async () => {
    const { pools } = await settings()
    expect(pools['main']).toMatchObject({ requests: 300, windowMs: 60_000, order: 'strict', pacing: 'even' })
    expect(pools['main']?.guard).toEqual({ refusalMs: 250, skewMs: 0, networkMs: 200 })
    expect(pools['other']).toMatchObject({ requests: 10, windowMs: 1_000, order: 'weighted' })
  })

  test('limit, window, order and burst', async () => {
    const { pools } = await settings(['--rpm', '60', '--window', '2000', '--order', 'owners', '--burst'])
    const laid = { requests: 60, windowMs: 2_000, order: 'owners', pacing: 'burst' }
    expect(pools).toMatchObject({ main: { ...laid, tokens: 9_000 }, other: laid })
  })

  test('a model URL takes the place of every provider, and keeps the name of its key', async () => {
    const { pools } = await settings(['--model-url', 'http://127.0.0.1:11434/v1'])
    const provider = { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:11434/v1' }
    expect(pools['main']).toMatchObject({ local: 'provider', provider })
    expect(pools['main']?.provider).not.toHaveProperty('keyVariable')
    expect(pools['other']).toMatchObject({ provider: { ...provider, keyVariable: 'OTHER_KEY' } })
  })

  test('the developer is a caller beside the configured ones', async () => {
    const caller = { role: 'arn:aws:iam::123456789012:role/crm', id: 'crm', owner: 'crm', scopes: ['jobs:read'] }
    const { callers } = await settings([], { ...configured, callers: [caller] })
    expect(callers).toEqual([{ ...caller, mayActFor: [] }, DEVELOPER])
  })
})

test('the simulated provider stands in only where the pool says so, and its window is known to be empty', async () => {
  const { pools } = withSimulated(await settings(), (pool) => `http://127.0.0.1:1/${pool}`)
  const provider = { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:1/main' }
  expect(pools['main']).toMatchObject({ provider, history: 'empty' })
  expect(pools['other']).toMatchObject({ provider: { baseUrl: 'https://provider.example.com/v1' }, history: 'full' })
})

describe('what would leave this machine', () => {
  test('is named by pool; a simulated pool stays', async () => {
    expect(poolsOffThisMachine(await settings())).toEqual(['other'])
  })

  const to = async (provider: object) =>
    poolsOffThisMachine(
      await settings([], { ...configured, pools: { main: { provider, local: 'provider', requests: 1 } } }),
    )
  test.each([
    'http://localhost:1/v1',
    'http://127.0.0.1:1/v1',
    'http://127.9.9.9/',
    'http://[::1]:11434/v1',
    'http://127.1/',
  ])('%s stays', async (baseUrl) => {
    expect(await to({ kind: 'openai-compatible', baseUrl })).toEqual([])
  })
  test.each([
    'https://api.example.com/v1',
    'http://127.0.0.1.example.com/',
    'http://localhost.example.com/',
    'http://example.com/127.0.0.1',
    'http://localhost@example.com/',
    'http://192.168.0.1/',
    'http://0.0.0.0/',
  ])('%s leaves', async (baseUrl) => {
    expect(await to({ kind: 'openai-compatible', baseUrl })).toEqual(['main'])
  })
  test('a provider with a fixed address leaves', async () => {
    expect(await to({ kind: 'bedrock' })).toEqual(['main'])
    expect(await to({ kind: 'anthropic', keyVariable: 'KEY' })).toEqual(['main'])
  })
  test('everything is judged by a model URL, if there is one', async () => {
    expect(poolsOffThisMachine(await settings(['--model-url', 'http://localhost:1/v1']))).toEqual([])
    expect(poolsOffThisMachine(await settings(['--model-url', 'https://api.example.com']))).toEqual(['main', 'other'])
  })
})

describe('a bad configuration is one line', () => {
  const fault = (file: string): Promise<string> =>
    localSettings({ config: file } as Options).then(
      () => 'no fault',
      (error: Error & { code?: string }) => `${error.code}: ${error.message.replace(file, 'FILE')}`,
    )
  const pool = { provider: { kind: 'bedrock' }, requests: 1 }
  const kind = { pool: 'main', tier: 'high', model: 'm', prompt: 'p' }

  test.each([
    ['an unknown field', { pools: { main: { ...pool, rpm: 3 } }, kinds: {} }, 'pools.main: Unrecognized key: "rpm"'],
    [
      'a pool that nobody named',
      { pools: { main: pool }, kinds: { step: { ...kind, pool: 'mian' } } },
      'kinds.step.pool: no pool is named mian',
    ],
    ['no pool', { pools: {}, kinds: {} }, 'pools: name at least one pool'],
    [
      'a key instead of the name of one',
      { pools: { main: { ...pool, provider: { kind: 'anthropic', keyVariable: 'sk-1' } } }, kinds: {} },
      'pools.main.provider.keyVariable: the name of an environment variable, never the key itself',
    ],
    [
      'a wrong tier',
      { pools: { main: pool }, kinds: { step: { ...kind, tier: 'top' } } },
      /^kinds\.step\.tier: .*"high"/,
    ],
    [
      'two faults: the first, and how many more',
      { pools: { main: { ...pool, requests: 0 } }, kinds: { step: { ...kind, pool: 'x' } } },
      /^pools\.main\.requests: .*>=1.*\(and 1 more\)$/,
    ],
  ])('%s', async (_, config, said) => {
    const line = (await fault(aFile(config))).replace(/^bad-config: FILE: /, '')
    if (typeof said === 'string') expect(line).toBe(said)
    else expect(line).toMatch(said)
    expect(line).not.toContain('\n')
  })

  test('a file that is not there', async () => {
    expect(await fault('/nowhere/config.json')).toMatch(/^bad-config: FILE cannot be read: ENOENT[^\n]*$/)
  })
  test('JSON that does not parse', async () => {
    expect(await fault(aFile('{"pools": {'))).toMatch(/^bad-config: FILE cannot be read: [^\n]*JSON[^\n]*$/)
  })
})

describe('a configuration in TypeScript, anywhere', () => {
  const start = async (text: string) => {
    const file = aFile(text, 'mine.ts')
    const { code, stderr } = await ranToEnd('--config', file, '--data', aFolder(), '--port', '0', '--empty', '--once')
    return { code, said: stderr.replaceAll(file, 'FILE') }
  }
  test('is read', async () => {
    const text = `const n: number = 1
export default { pools: { main: { provider: { kind: 'bedrock' }, requests: n } }, kinds: {} } satisfies object`
    expect(await start(text)).toEqual({ code: 0, said: '' })
  })
  test('that does not parse is one line that says where', async () => {
    expect(await start('export default {\n  pools: {')).toEqual({
      code: 1,
      said: expect.stringMatching(/^FILE cannot be read: FILE:2:\d+: ERROR: [^\n]*\n$/),
    })
  })
  test('that is wrong is one line that names the field', async () => {
    expect(await start('export default { pools: {}, kinds: {}, pool: 1 }')).toEqual({
      code: 1,
      said: expect.stringMatching(/^FILE: configuration: Unrecognized key: "pool"[^\n]*\n$/),
    })
  })
})
