/** `npm start` from outside: what it prints, how it ends, what it refuses. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { Journal } from '../../adapters/memory/journal.ts'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import { laneOf } from '../../core/lane.ts'
import { findDynoxide } from '../../local/engine/dynoxide.ts'
import { simulatedProvider } from '../../local/simulated-provider.ts'
import { memoryStores } from '../support/engines.ts'
import { aKey, anInput, anOwner, aQueued, DAY_MS, OWNER } from '../support/records.ts'
import { aFolder, aProcess, clearAll, grounded, npmStart, ROOT, ranToEnd, started, until } from '../support/started.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})
afterAll(clearAll)

/** A small sample: these many `agent-step` jobs of two owners. */
function aSample(count: number): string {
  const file = join(aFolder(), 'sample.json')
  const job = (i: number) => ({
    kind: 'agent-step',
    key: `sample-${i}`,
    owner: i % 3 === 0 ? 'ann' : 'bob',
    input: { prompt: `What is ${i}?` },
  })
  writeFileSync(file, JSON.stringify({ jobs: Array.from({ length: count }, (_, i) => job(i)) }))
  return file
}
const lines = (text: string): string[] => text.trim().split('\n')

/** A server on a port of its own, and what was asked of it. */
async function aListener(): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end()
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, asked }
}

describe('a start that cannot be is one line', () => {
  test('on a port that is taken', async () => {
    const { port } = await aListener()
    expect(await ranToEnd('--port', `${port}`, '--data', aFolder(), '--empty')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `Port ${port} is in use: stop what uses it, or start with --port N.\n`,
    })
  })

  test('with an option that does not exist', async () => {
    const stderr = "Unknown option '--prot'. npm start -- --help lists the options.\n"
    expect(await ranToEnd('--prot', '1')).toMatchObject({ code: 2, stdout: '', stderr })
  })

  test('with a file where the data folder should be', async () => {
    const file = join(aFolder(), 'a-file')
    writeFileSync(file, '')
    const { code, stderr } = await ranToEnd('--data', file, '--empty')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^EEXIST[^\n]*a-file'\n$/)
  })

  test('with a sample whose words would reach into the terminal', async () => {
    const file = join(aFolder(), 'sample.json')
    writeFileSync(file, JSON.stringify({ jobs: [{ kind: '\u001b[2J\nx', key: 'k', input: {} }] }))
    const { code, stderr } = await ranToEnd('--data', aFolder(), '--sample', file)
    expect(code).toBe(1)
    expect(stderr).toBe(`${file}: jobs.0.kind: no kind is named \\u001b[2J x\n`)
  })

  test('with a configuration that has no place for a job which is kept: it is named, with its pool, and nothing is lost', async () => {
    const folder = aFolder()
    const tables = new MemoryTables(new Journal(join(folder, 'journal.jsonl')))
    const { jobs, rings } = memoryStores(tables)
    const record = aQueued({ key: aKey({ lane: laneOf({ pool: 'gone', tier: 'low', owner: OWNER }) }), kind: 'old' })
    await jobs.enter({ record })
    await rings.note({ pool: 'gone', owners: [anOwner()] })
    tables.close()
    const asked = ['--data', folder, '--empty', '--engine', 'journal'] as const
    for (let i = 0; i < 2; i++) {
      const { code, stderr } = await ranToEnd(...asked)
      expect(code).toBe(1)
      expect(stderr).toContain('the pool gone still holds 1 jobs of the kind old (tier low)')
      expect(stderr).toContain('the configuration that has them')
    }
    expect((await ranToEnd(...asked, '--reset', '--once')).code).toBe(0)
  })

  test('on an old Node', async () => {
    const version = "data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.18.3' })"
    for (const program of ['bin/start.mjs', 'bin/fairlead.mjs'])
      expect(await aProcess(['--import', version, join(ROOT, program), '--help']).ended).toMatchObject({
        code: 1,
        stdout: '',
        stderr: 'Fairlead needs Node 20.19 or later; this is 20.18.3. Install a newer one from https://nodejs.org.\n',
      })
  })
})

test.each(['18.20.8', '20.19.0', '22.0.0', '20.3.1', '9.99.99'])('whether Node %s will do', async (version) => {
  const faked = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '${version}' })`
  const program = "import { needNode } from './bin/need-node.mjs'; needNode()"
  const { code } = await aProcess(['--import', faked, '--input-type=module', '-e', program]).ended
  expect(code).toBe(['20.19.0', '22.0.0'].includes(version) ? 0 : 1)
})

test('--help prints every option and starts nothing', async () => {
  const { code, stdout, stderr } = await ranToEnd('--help')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('--model-url URL')
})

describe('with --once', () => {
  test('it exits with 0 after the sample, in plain lines, and says how the sample went', async () => {
    const data = aFolder()
    const args = ['--data', data, '--port', '0', '--window', '2000', '--sample', aSample(3), '--once']
    const { code, stdout, stderr } = await ranToEnd(...args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toMatch(/^Fairlead serves http:\/\/127\.0\.0\.1:\d+$/m)
    expect(stdout).toContain(`state: ${data}, kept by `)
    expect(stdout).toContain('provider: simulated: no call leaves this machine')
    expect(stdout).toMatch(/^( {2}export FAIRLEAD_TOKEN=fairlead_dev_developer_[0-9a-f]{40})$/m)
    expect(stdout).toMatch(/^(submitting the sample: .*; )?queued\/running\/done: high 0\/0\/0, /m)
    expect(stdout).toMatch(/^3 jobs of 2 owners in \d+ s: 3 succeeded$/m)
    expect(lines(stdout).at(-2)).toMatch(/^The provider counted 3 calls, at most [123] in any 2 s \(limit 300\)\.$/)
    expect(lines(stdout).at(-1)).toBe('It refused 0 with 429; 0 came twice under one claim.')
  })

  test('and --empty it exits with 0 at once', async () => {
    const { code, stdout } = await ranToEnd('--data', aFolder(), '--port', '0', '--empty', '--once')
    expect(code).toBe(0)
    expect(stdout).not.toContain('jobs of')
  })
})

describe.each(['journal', 'dynoxide'])('Ctrl-C, with state kept by %s', (engine) => {
  const where = engine === 'dynoxide' && findDynoxide() === undefined ? test.skip : test
  where('stops cleanly with 0 amid the sample, and the next start goes on where it stopped', async () => {
    const provider = await simulatedProvider({ requests: 20, windowMs: 1_000, latency: () => 100 })
    const limits = ['--model-url', provider.url, '--rpm', '20', '--window', '1000']
    const args = ['--port', '0', '--data', aFolder(), '--engine', engine, '--sample', aSample(40), ...limits]
    const first = npmStart(args)
    await until('some calls are made', () => provider.stats().admitted >= 5)
    const { code, stdout, stderr } = await first.signal('SIGINT')
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: '\nStopping: running calls settle first. Press Ctrl-C again to end at once.\n',
    })
    expect(lines(stdout).at(-1)).toBe('Stopped. The next start goes on from here.')
    expect(provider.stats().admitted).toBeLessThan(40)

    const second = await ranToEnd(...args, '--once')
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(second.stdout).toMatch(
      /^40 jobs of 2 owners in \d+ s \([1-9]\d* of them submitted by an earlier start; --reset forgets them\): 40 succeeded$/m,
    )
    // What was called before the stop settled before it, too.
    expect(provider.stats()).toMatchObject({ admitted: 40, refused: 0, repeated: 0 })
    await provider.close()
  })
})

test('a start erases what has outlived its retention, from the disk too', async () => {
  const folder = aFolder()
  const file = join(folder, 'journal.jsonl')
  const tables = new MemoryTables(new Journal(file))
  const { jobs } = memoryStores(tables)
  await jobs.create({ input: anInput({ input: 'a secret', expiresAt: Date.now() }) })
  await jobs.create({ input: anInput({ jobId: 'job-2', input: 'not yet', expiresAt: Date.now() + DAY_MS }) })
  tables.close()
  expect(await ranToEnd('--data', folder, '--port', '0', '--empty', '--engine', 'journal', '--once')).toMatchObject({
    code: 0,
    stderr: '',
  })
  const kept = readFileSync(file, 'utf8')
  expect([kept.includes('a secret'), kept.includes('not yet')]).toEqual([false, true])
})

describe('a provider off this machine', () => {
  const away = ['--model-url', 'http://provider.example.com/v1', '--port', '0', '--window', '200']
  const start = (...args: string[]) => npmStart([...away, ...args], grounded).ended
  const NOT_SENT = 'Not sent: nobody is there to agree. Start with --yes to agree in advance, or with --empty.\n'

  test('is sent no sample without a yes: calls and cost are shown, and nothing is started', async () => {
    const data = join(aFolder(), 'untouched')
    const { code, stdout, stderr } = await start('--data', data, '--sample', aSample(3))
    expect({ code, stderr }).toEqual({ code: 1, stderr: NOT_SENT })
    expect(stdout).toMatch(
      /^This sends 3 calls with at most 30\d\d tokens to a provider off this machine \(pool main\): cost unknown \(set the pool's pricePerMillionTokens to see it\)\.\n$/,
    )
    expect(() => mkdirSync(data)).not.toThrow()
  })

  test('is sent the sample with --yes', async () => {
    const system = await started({ data: aFolder(), args: [...away, '--sample', aSample(1), '--yes'], env: grounded })
    await until('a call goes out', () => system.said().includes('contacted provider.example.com'))
    await system.signal('SIGKILL')
  })

  test('shows the cost where the price is known', async () => {
    const config = join(aFolder(), 'config.json')
    const pool = { provider: { kind: 'bedrock' }, requests: 1, pricePerMillionTokens: 2_000 }
    const kind = { pool: 'main', tier: 'high', model: 'm', prompt: '{{prompt}}', maxOutputTokens: 96 }
    writeFileSync(config, JSON.stringify({ pools: { main: pool }, kinds: { 'agent-step': kind } }))
    const args = ['--data', aFolder(), '--config', config, '--sample', aSample(3)]
    const { code, stdout, stderr } = await start(...args)
    expect({ code, stderr }).toEqual({ code: 1, stderr: NOT_SENT })
    // "What is 1?" is ten bytes, four tokens: a hundred a job.
    expect(stdout).toContain('at most 300 tokens')
    expect(stdout).toContain('(pool main): at most $0.60.')
  })

  test('starts empty, says where calls would go, and makes none before a job is submitted', async () => {
    const system = await started({ data: aFolder(), args: away, env: grounded })
    await until('it serves', () => system.said().includes('Serving until Ctrl-C.'))
    expect(system.said()).toContain('provider: http://provider.example.com/v1')
    expect(await system.api.get('/v1/jobs?owner=nurture-bot')).toEqual({ jobs: [] })
    expect(system.said()).not.toMatch(/contacted|submitting/)
    await system.api.post('/v1/jobs', { kind: 'agent-step', input: { prompt: 'p' } })
    await until('a call goes out', () => system.said().includes('contacted provider.example.com'))
    await system.signal('SIGKILL')
  })

  test('is not sent what was queued while the provider was simulated, without a yes; once it was given, none is asked for', async () => {
    const data = aFolder()
    const simulated = await started({ data, args: ['--sample', aSample(40), '--rpm', '5', '--window', '2000'] })
    await until('the sample is there', () => /^queued\/running\/done/m.test(simulated.said()))
    await simulated.signal('SIGKILL')
    const { code, stdout, stderr } = await start('--data', data)
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'Not sent: nobody is there to agree. Start with --yes to agree in advance, with --reset to forget them, or with --data and another folder.\n',
    })
    expect(stdout).toMatch(
      /^\d+ jobs wait here since a start whose provider was on this machine\. This one sends them to a provider off this machine \(pool main\)\.\n$/,
    )
    const agreed = await started({ data, args: [...away, '--yes'], env: grounded })
    await until('a call goes out', () => agreed.said().includes('contacted provider.example.com'))
    await agreed.signal('SIGKILL')
    const again = await started({ data, args: away, env: grounded })
    await again.signal('SIGKILL')
  })

  test('a provider on this machine is asked nothing either, as long as there is no job', async () => {
    const { port, asked } = await aListener()
    const args = ['--model-url', `http://127.0.0.1:${port}/v1`, '--empty', '--once']
    expect(await ranToEnd('--data', aFolder(), '--port', '0', ...args)).toMatchObject({ code: 0 })
    expect(asked).toEqual([])
  })
})

describe('the API of a start', () => {
  test('answers the health without a token and nothing else, takes JSON only, and at most 4 MB', async () => {
    const { url, token, api, signal } = await started({ data: aFolder(), args: ['--empty'] })
    const post = (type: string, body: string, authorization = `Bearer ${token}`) =>
      fetch(`${url}/v1/jobs`, { method: 'POST', headers: { 'content-type': type, authorization }, body })
    const said = async (answer: Promise<Response>) => {
      const response = await answer
      return [response.status, ((await response.json()) as { code?: string }).code]
    }
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' })
    expect(await said(fetch(`${url}/v1/pools`))).toEqual([401, 'unauthenticated'])
    // Later than this test: the stop would wait for its call.
    const startAt = new Date(Date.now() + 3_600_000).toISOString()
    const job = JSON.stringify({ kind: 'agent-step', input: { prompt: 'p' }, startAt })
    expect(await said(post('application/json', job, ''))).toEqual([401, 'unauthenticated'])
    expect(await said(post('text/plain', job))).toEqual([415, 'not-json'])
    expect(await said(post('application/x-www-form-urlencoded', 'kind=agent-step'))).toEqual([415, 'not-json'])
    expect(await said(post('application/json', '{"kind":'))).toEqual([400, 'malformed-json'])
    expect(await said(post('application/json', `"${'x'.repeat(4 * 1024 * 1024)}"`))).toEqual([413, 'too-large'])
    expect(await said(post('application/json', job))).toEqual([202, undefined])
    expect(await api.post('/v1/pools/main/resume')).toMatchObject({ pool: 'main' })
    expect((await signal('SIGTERM')).code).toBe(0)
  })
})
