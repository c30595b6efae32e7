import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseSettings, type Settings } from '../../core/settings.ts'
import ours from '../../fairlead.config.ts'
import { BATCH_AT_MOST } from '../../lambdas/shared/schemas.ts'
import type { ApiClient } from '../../local/api-client.ts'
import { costOf, INVENTED_LEADS, readSample, type Sample, submitSample } from '../../local/sample.ts'
import { aFolder, clearAll } from '../support/started.ts'

afterAll(clearAll)

const settings = (config: unknown): Settings => {
  const parsed = parseSettings(config)
  if (!parsed.ok) throw new Error(parsed.faults[0])
  return parsed.settings
}
const SETTINGS = settings(ours)
const aJob = (over: object = {}) => ({ kind: 'agent-step', key: 'k', input: { prompt: 'p' }, ...over })

function fault(content: unknown): string {
  const file = join(aFolder(), 'sample.json')
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  try {
    readSample(file, SETTINGS)
    return 'no fault'
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    return `${code}: ${message.replace(file, 'FILE')}`
  }
}

test('the invented leads fit the configuration: 300 jobs, each under its own key, every address reserved', () => {
  const { jobs } = readSample(INVENTED_LEADS, SETTINGS)
  expect(jobs).toHaveLength(300)
  expect(new Set(jobs.map((job) => job.key)).size).toBe(300)
  const addresses = JSON.stringify(jobs).match(/[^"\s]+@[^"\s]+/g) ?? []
  expect(addresses.filter((address) => !address.endsWith('@example.com'))).toEqual([])
})

describe('a bad sample is one line that says where', () => {
  test.each([
    ['no JSON', '{"jobs": [', /^FILE cannot be read: .*JSON/],
    ['no jobs', { jobs: [] }, /^FILE: jobs: /],
    ['no list', { job: [] }, /^FILE: jobs: /],
    ['no object', [], /^FILE: the file: /],
    ['a job without a key', { jobs: [aJob(), aJob({ key: undefined })] }, /^FILE: jobs\.1\.key: /],
    ['an unknown field', { jobs: [aJob({ ownr: 'ann' })] }, /^FILE: jobs\.0: .*"ownr"/],
    ['an owner with a space', { jobs: [aJob({ owner: 'a b' })] }, /^FILE: jobs\.0\.owner: letters, digits/],
    ['an unknown kind', { jobs: [aJob(), aJob({ kind: 'step' })] }, /^FILE: jobs\.1\.kind: no kind is named step$/],
    [
      'a field that the prompt names',
      { jobs: [{ kind: 'intro', key: 'k', input: { lead: { name: 'Ada' }, reason: 'r' } }] },
      /^FILE: jobs\.0\.input\.lead\.company is missing; the prompt of intro names it$/,
    ],
  ])('%s', (_, content, said) => {
    const line = fault(content)
    expect(line).toMatch(/^bad-sample: [^\n]+$/)
    expect(line.replace('bad-sample: ', '')).toMatch(said)
  })

  test('a file that is not there', () => {
    expect(() => readSample('/nowhere/sample.json', SETTINGS)).toThrow(/^\/nowhere\/sample.json cannot be read: ENOENT/)
  })
})

test('the cost counts what goes to these pools: a call for each job, and tokens that no answer exceeds', () => {
  const kind = { tier: 'high', model: 'm', prompt: '{{prompt}}' }
  const pool = { provider: { kind: 'bedrock' }, requests: 1 }
  const two = settings({
    pools: { main: pool, other: pool },
    kinds: { a: { ...kind, pool: 'main', maxOutputTokens: 100 }, b: { ...kind, pool: 'other', maxOutputTokens: 7 } },
  })
  const job = (of: string) => ({ kind: of, key: of, input: { prompt: 'x'.repeat(30) } })
  const sample = { jobs: [job('a'), job('b'), job('b')] }
  expect(costOf(sample, two, ['main'])).toEqual({ calls: 1, tokensAtMost: 110 })
  expect(costOf(sample, two, ['other'])).toEqual({ calls: 2, tokensAtMost: 34 })
  expect(costOf(sample, two, ['main', 'other'])).toEqual({ calls: 3, tokensAtMost: 144 })
  expect(costOf(sample, two, [])).toEqual({ calls: 0, tokensAtMost: 0 })
  const a = { ...kind, pool: 'main', maxOutputTokens: 100, fallback: [{ pool: 'other', model: 'n' }] }
  const falling = settings({ pools: { main: pool, other: pool }, kinds: { a } })
  expect(costOf({ jobs: [job('a')] }, falling, ['other'])).toEqual({ calls: 1, tokensAtMost: 110 })
})

describe('submitting', () => {
  const sampleOf = (count: number): Sample => ({
    jobs: Array.from({ length: count }, (_, i) => aJob({ key: `k${i}` })),
  })
  /** An API that accepts everything, or answers for a job what it is told. */
  const api = (answer: (key: string) => object = (key) => ({ status: 202, id: `id-of-${key}`, repeated: false })) => {
    const batches: number[] = []
    const post = async (path: string, body?: unknown) => {
      const { jobs } = body as Sample
      batches.push(jobs.length)
      return path === '/v1/jobs/batch' ? { results: jobs.map((job) => answer(job.key)) } : {}
    }
    return { batches, client: { post, get: post } satisfies ApiClient }
  }

  test('goes in batches that the API takes, in order, and says how far it is', async () => {
    const { batches, client } = api()
    const progress: number[] = []
    const { ids, repeated } = await submitSample(client, sampleOf(120), (n) => progress.push(n))
    expect(ids).toEqual(Array.from({ length: 120 }, (_, i) => `id-of-k${i}`))
    expect(Math.max(...batches)).toBeLessThanOrEqual(BATCH_AT_MOST)
    expect(progress.at(-1)).toBe(120)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(repeated).toBe(0)
  })

  test('counts what an earlier start had submitted', async () => {
    const { client } = api((key) => ({ status: 202, id: key, repeated: key === 'k1' }))
    expect(await submitSample(client, sampleOf(3))).toEqual({ ids: ['k0', 'k1', 'k2'], repeated: 1 })
  })

  test('stops at a job that is refused, and says which and why', async () => {
    const { client } = api((key) => (key === 'k101' ? { code: 'too-large', detail: 'It is.' } : { id: key }))
    await expect(submitSample(client, sampleOf(120))).rejects.toThrow(
      'jobs.101 of the sample was refused: too-large: It is.',
    )
  })
})
