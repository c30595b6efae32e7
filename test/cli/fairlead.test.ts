/** The `fairlead` command as a process, against a listener that plays the API. */
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { aFolder, aProcess, clearAll, type Ended, ROOT } from '../support/started.ts'

const COMMAND = join(ROOT, 'bin/fairlead.mjs')
const SEE_HELP = ' fairlead --help shows how.\n'
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})
afterAll(clearAll)

/** Runs the command; without a word on it, it has a token and asks a port where nobody listens. */
function fairlead(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return aProcess([COMMAND, ...args], { FAIRLEAD_TOKEN: 'token', FAIRLEAD_URL: 'http://127.0.0.1:9', ...env }).ended
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, unknown>
  readonly body: unknown
}
/** An API that says the same to everything, and notes what it was asked. */
async function anApi(status: number, answer: object): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { method = '', url: path = '', headers } = request
    asked.push({ method, path, headers, body: text === '' ? undefined : JSON.parse(text) })
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

describe('submit', () => {
  test('sends the job and prints its id alone, so that a shell can keep it', async () => {
    const { url, asked } = await anApi(202, { id: 'the-id', repeated: false })
    const args = ['--input', '{"prompt":"p"}', '--owner', 'ann', '--start-at', '2030-01-01T00:00:00Z', '--key', 'k']
    expect(await fairlead(['submit', 'agent-step', ...args, '--url', url])).toMatchObject({
      code: 0,
      stdout: 'the-id\n',
    })
    expect(asked).toMatchObject([
      {
        method: 'POST',
        path: '/v1/jobs',
        headers: { authorization: 'Bearer token', 'content-type': 'application/json', 'idempotency-key': 'k' },
        body: { kind: 'agent-step', input: { prompt: 'p' }, owner: 'ann', startAt: '2030-01-01T00:00:00Z' },
      },
    ])
  })

  test('leaves out what was not said, and reads the input from a file', async () => {
    const { url, asked } = await anApi(202, { id: 'the-id', repeated: false })
    const file = join(aFolder(), 'input.json')
    writeFileSync(file, '{"prompt": "from a file"}')
    await fairlead(['submit', 'agent-step', '--input', `@${file}`], { FAIRLEAD_URL: url })
    expect(asked[0]?.body).toEqual({ kind: 'agent-step', input: { prompt: 'from a file' } })
    expect(asked[0]?.headers).not.toHaveProperty('idempotency-key')
  })
})

describe('get', () => {
  const job = { id: 'the-id', state: 'succeeded', result: 'Two\nlines \u001b[31m\u202e.' }

  test('prints the state and the result, and obeys nothing that stands in it', async () => {
    const { url, asked } = await anApi(200, job)
    const { code, stdout } = await fairlead(['get', 'the/id', '--wait', '5', '--url', url])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'the-id  succeeded\nTwo\nlines \\u001b[31m\\u202e.\n' })
    expect(asked).toMatchObject([{ method: 'GET', path: '/v1/jobs/the%2Fid?wait=5' }])
  })

  test('prints why a job waits, its draft, or why it failed', async () => {
    const shown = async (answer: object) =>
      (await fairlead(['get', 'x', '--url', (await anApi(200, { id: 'x', ...answer })).url])).stdout
    expect(await shown({ state: 'queued', waiting: { sentence: 'It waits.' } })).toBe('x  queued\nIt waits.\n')
    expect(await shown({ state: 'in-review', draft: { text: 'Dear Ada' } })).toBe('x  in-review\nDear Ada\n')
    expect(await shown({ state: 'failed', reason: 'refusal' })).toBe('x  failed\nrefusal\n')
  })

  test('prints the whole answer with --json', async () => {
    const { url } = await anApi(200, job)
    const { stdout } = await fairlead(['get', 'x', '--json', '--url', url])
    expect(stdout).not.toMatch(/\u202e/)
    expect(JSON.parse(stdout)).toEqual(job)
  })
})

test('--help prints the commands; without a word that is an error', async () => {
  const { code, stdout } = await fairlead(['--help'])
  expect(code).toBe(0)
  expect(stdout).toContain('fairlead get JOB_ID')
  expect(await fairlead([])).toMatchObject({ code: 2, stdout })
})

describe('a fault is one line', () => {
  const said = async (args: readonly string[], env: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await fairlead(args, env)
    expect(stdout).toBe('')
    return { code, stderr }
  }
  const get = ['get', 'x']

  test('no token', async () => {
    const stderr = `FAIRLEAD_TOKEN is not set: npm start prints the line that sets it.${SEE_HELP}`
    expect(await said(get, { FAIRLEAD_TOKEN: '' })).toEqual({ code: 2, stderr })
  })

  test('nobody there', async () => {
    const { url } = await anApi(200, {})
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
    const stderr = `Nothing answers at ${url} (ECONNREFUSED): is Fairlead started (npm start), and is the URL right?\n`
    expect(await said([...get, '--url', url])).toEqual({ code: 1, stderr })
  })

  test("the API's no, with the remedy", async () => {
    const problem = { code: 'not-found', detail: 'There is no job x.', remedy: 'Look at\nthe id.' }
    const { url } = await anApi(404, problem)
    const stderr = 'not-found: There is no job x. Look at the id.\n'
    expect(await said([...get, '--url', url])).toEqual({ code: 1, stderr })
  })

  test.each([
    ['a URL that is none', [...get, '--url', 'nope'], '"nope" is not a URL.'],
    ['an unknown command', ['gte', 'x'], 'There is no command "gte".'],
    ['a command that every object has', ['toString'], 'There is no command "toString".'],
    ['a word too many', ['get', 'x', 'y'], '"y" is one word too many.'],
    ['an unknown flag', [...get, '--wiat', '5'], "Unknown option '--wiat'."],
    ['a flag without its value', [...get, '--wait'], "Option '--wait <value>' argument missing."],
    ['no job id', ['get'], 'get needs a job id.'],
    ['no kind', ['submit'], 'submit needs a kind, as in: fairlead submit agent-step --input \'{"prompt": "..."}\''],
    ['no input', ['submit', 'agent-step'], 'submit needs --input, as JSON or as @FILE.'],
  ])('%s', async (_, args, line) => {
    expect(await said(args)).toEqual({ code: 2, stderr: `${line}${SEE_HELP}` })
  })

  test.each([
    ['bad JSON', '{"prompt":\n"p'],
    ['a file that is not there', '@/nowhere/input.json'],
  ])('%s', async (_, input) => {
    const { code, stderr } = await said(['submit', 'agent-step', '--input', input])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^--input cannot be read as JSON: [^\n]*\. fairlead --help shows how\.\n$/)
  })
})
