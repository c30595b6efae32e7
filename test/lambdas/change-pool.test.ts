import { describe, expect, it } from 'vitest'
import { problem, served } from '../support/served.ts'

const PATH = '/v1/pools/main'
const root = { as: 'root' } as const

describe('a change of settings over HTTP', () => {
  it('is made under the ETag that was read, as a merge patch or as plain JSON, and answered with the next', async () => {
    const { ask } = served()
    const seen = await ask('GET', PATH)
    expect(seen).toMatchObject({ status: 200, headers: { etag: expect.stringMatching(/^"0-[0-9a-f]{16}"$/) } })
    const headers = { 'if-match': seen.headers['etag'] as string, 'content-type': 'application/merge-patch+json' }
    const done = await ask('PATCH', PATH, { ...root, headers, body: { requests: 100 } })
    expect(done).toMatchObject({ status: 200, json: { settings: { requests: { value: 100, source: 'override' } } } })
    expect((await ask('GET', PATH)).headers['etag']).toBe(done.headers['etag'])
    const next = { 'if-match': done.headers['etag'] as string }
    const back = await ask('PATCH', PATH, { ...root, headers: next, body: { requests: null } })
    expect(back.json.settings.requests).toEqual({ value: 300, source: 'file' })
  })

  it.each([
    ['without If-Match', {}, { requests: 1 }, { status: 428, code: 'if-match-needed' }],
    ['under a stale one', { 'if-match': '"0-0"' }, { requests: 1 }, { status: 412, code: 'settings-changed' }],
    ['of the provider', { 'if-match': '*' }, { provider: {} }, { status: 400, code: 'invalid-request' }],
    ['to nonsense', { 'if-match': '*' }, { tiers: { low: -1 } }, { status: 400, at: 'tiers.low' }],
    ['to a limit that is not configured', { 'if-match': '*' }, { tokens: 9 }, { status: 400, at: 'tokens' }],
    ['as plain text', { 'if-match': '*', 'content-type': 'text/plain' }, 'x', { status: 415 }],
  ])('%s is refused', async (_, headers, body, expected) => {
    const { ask } = served()
    const { etag } = (await ask('GET', PATH)).headers
    expect(problem(await ask('PATCH', PATH, { ...root, headers, body }))).toMatchObject(expected)
    expect((await ask('GET', PATH)).headers['etag']).toBe(etag)
  })

  it('is for administrators', async () => {
    const { ask } = served()
    const asked = { headers: { 'if-match': '*' }, body: { requests: 1 } }
    expect(problem(await ask('PATCH', PATH, asked))).toMatchObject({ code: 'scope-missing' })
    expect(problem(await ask('GET', PATH, { as: 'writer' }))).toMatchObject({ code: 'scope-missing' })
    expect(problem(await ask('GET', '/v1/pools/constructor'))).toMatchObject({ code: 'not-found' })
  })
})
