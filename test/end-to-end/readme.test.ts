/** What README.md shows is run as it stands there, in one shell, against a started system. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apiCommands, fenced, README } from '../support/readme.ts'
import { aFolder, clearAll, ROOT, type Started, started } from '../support/started.ts'

const run = promisify(execFile)
const BETWEEN = '---- the next block ----'
const PORT = '127.0.0.1:4100'

/** Runs the blocks in one shell, which ends at the first that fails; answers what each printed. */
async function ran(blocks: readonly string[], system: Started): Promise<string[]> {
  const script = blocks.map((block) => block.replaceAll(PORT, new URL(system.url).host)).join(`echo '${BETWEEN}'\n`)
  const env = { ...process.env, FAIRLEAD_TOKEN: system.token, FAIRLEAD_URL: system.url, npm_config_offline: 'true' }
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: ROOT, env })
  return stdout.split(BETWEEN).map((text) => text.trim())
}

afterAll(clearAll)

describe('the set-up', () => {
  test('is one command to run it and one to test it', () => {
    const npm = fenced(README).flatMap(({ text }) => text.split('\n').filter((line) => line.startsWith('npm ')))
    expect(npm).toEqual(['npm ci && npm start', 'npm ci && npm test'])
  })
})

describe.skipIf(process.platform === 'win32')('the commands that submit and review a job (they need bash)', () => {
  let printed: string[]
  beforeAll(async () => {
    const system = await started({ data: aFolder(), args: ['--empty'] })
    printed = await ran(apiCommands(README), system)
    await system.signal('SIGINT')
  })
  const json = (block: number) => JSON.parse(printed[block] as string)

  test('are eight blocks', () => expect(printed).toHaveLength(8))

  test('curl submits an agent-step', () => {
    expect(json(0)).toEqual({ id: expect.stringMatching(/^\w{26}$/), repeated: false })
  })
  test('npx fairlead repeats it under its key and keeps the id in a variable', () => {
    expect(printed[1]).toBe('')
    expect(json(2).id).toBe(json(0).id)
  })
  test('waiting shows its result', () => {
    expect(json(2)).toMatchObject({ state: 'succeeded', kind: 'agent-step', owner: 'developer' })
    expect(json(2).result).toContain('[simulated]')
    expect(json(2).result).toContain('What is a fairlead?')
  })
  test('an intro stops in review, with its draft', () => {
    expect(printed[3]).toMatch(/^\w{26} {2}in-review\n.*\n\[simulated\].*Harbour Crafts/)
  })
  test('the list of drafts has it', () => {
    expect(json(4).reviews).toEqual([expect.objectContaining({ id: introId(), kind: 'intro', version: 1 })])
  })
  test('approving it ends it', () => {
    expect(json(5)).toEqual({ id: introId(), state: 'succeeded' })
  })
  test('the draft is its result, word for word', () => {
    const text = (block: number) => printed[block]?.split('\n').at(-1)
    expect(printed[6]).toMatch(/^\w{26} {2}succeeded\n/)
    expect(text(6)).toBe(text(3))
  })
  test('a chat completion is streamed to any OpenAI client', () => {
    const events = printed[7]?.split('\n\n').map((event) => event.replace('data: ', '')) ?? []
    expect(events.pop()).toBe('[DONE]')
    const said = events.map((event) => JSON.parse(event).choices[0].delta.content ?? '').join('')
    expect(said).toMatch(/^\[simulated\].*What is a bollard\?$/)
  })
  const introId = () => printed[3]?.slice(0, 26)
})

test('npx fairlead --help works from the folder, without a network', async () => {
  const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx'
  const env = { ...process.env, npm_config_offline: 'true' }
  const { stdout } = await run(npx, ['fairlead', '--help'], { cwd: ROOT, env, shell: process.platform === 'win32' })
  expect(stdout).toContain('fairlead submit KIND')
})
