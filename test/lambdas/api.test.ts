import { describe, expect, it } from 'vitest'
import { openApiDocument } from '../../bin/openapi.ts'
import { apiApp } from '../../lambdas/api.ts'
import { approvalApp } from '../../lambdas/approval.ts'
import { chatApp } from '../../lambdas/chat.ts'
import openapi from '../../lambdas/shared/openapi.json' with { type: 'json' }
import { ROUTES } from '../../lambdas/shared/routes.ts'
import { asleep, JOB, NOBODY, problem, served } from '../support/served.ts'

describe('the routes', () => {
  const { world } = served()
  const apps = { api: apiApp(world.api), approval: approvalApp(world.api), chat: chatApp(world.api) }
  const served_ = (name: keyof typeof apps) =>
    new Set(
      apps[name].routes
        .filter((r) => r.method !== 'ALL')
        .map((r) => `${r.method} ${r.path.replace(/:(\w+)/g, '{$1}')}`),
    )

  it.each(['api', 'approval', 'chat'] as const)('of the %s function are those of the list, and no others', (name) => {
    const listed = ROUTES.filter((r) => r.function === name).map((r) => `${r.method} ${r.path}`)
    expect([...served_(name)].sort()).toEqual([...listed].sort())
  })

  it('are all in the OpenAPI document, and no others', () => {
    const documented = Object.entries(openapi.paths).flatMap(([path, item]) =>
      Object.keys(item).map((m) => `${m.toUpperCase()} ${path}`),
    )
    expect(documented.sort()).toEqual(ROUTES.map((r) => `${r.method} ${r.path}`).sort())
  })

  it('serve the OpenAPI document that the schemas make', async () => {
    expect(openapi).toEqual(JSON.parse(JSON.stringify(openApiDocument())))
    const { ask } = served()
    expect((await ask('GET', '/v1/openapi.json')).json).toEqual(openapi)
  })

  it.each([
    ['GET', '/'],
    ['GET', '/v1/nothing'],
    ['DELETE', '/v1/jobs'],
    ['POST', '/v1/overview'],
    ['GET', '/v1/jobs/a/b/c'],
    ['GET', '/v1/reviews/a/approve'],
  ])('do not hold %s %s', async (method, path) => {
    const { ask } = served()
    expect(problem(await ask(method, path))).toMatchObject({ code: 'no-route' })
  })
})

describe('who asks', () => {
  it('is nobody without credentials or with those of an unknown role, except for health', async () => {
    const { ask } = served()
    for (const route of ROUTES.filter((r) => r.path !== '/health' && r.function !== 'chat'))
      for (const as of [undefined, 'stranger'])
        expect(problem(await ask(route.method, route.path.replace('{id}', NOBODY), { as }))).toMatchObject({
          code: 'unauthenticated',
        })
    expect(await ask('GET', '/health', { as: undefined })).toMatchObject({ status: 200, json: { status: 'ok' } })
  })

  it.each([
    ['POST', '/v1/jobs', 'reader', JOB],
    ['GET', `/v1/jobs/${NOBODY}`, 'writer', undefined],
    ['GET', '/v1/jobs?owner=ada', 'writer', undefined],
    ['POST', `/v1/jobs/${NOBODY}/cancel`, 'reader', undefined],
    ['POST', `/v1/jobs/${NOBODY}/redrive`, 'reader', undefined],
    ['GET', '/v1/pools', 'writer', undefined],
    ['GET', '/v1/pools/main', 'writer', undefined],
    ['POST', '/v1/pools/main/resume', 'ada', undefined],
    ['GET', '/v1/overview', 'writer', undefined],
    ['GET', '/v1/reviews', 'reader', undefined],
    ['GET', `/v1/reviews/${NOBODY}`, 'reader', undefined],
    ['POST', `/v1/reviews/${NOBODY}/approve`, 'reader', { version: 1 }],
    ['POST', `/v1/reviews/${NOBODY}/reject`, 'reader', { version: 1 }],
  ])('needs the scope for %s %s', async (method, path, as, body) => {
    const { ask } = asleep()
    expect(problem(await ask(method, path, { as, body }))).toMatchObject({ code: 'scope-missing', status: 403 })
    const allowed = await ask(method, path, { as: 'root', body })
    expect(allowed.json?.code).not.toBe('scope-missing')
  })

  it('sees another owner’s job nowhere', async () => {
    const { world, ask } = served()
    const id = await world.submit('intro')
    await world.until(() => world.liveOf(id)[0]?.state === 'in-review')
    for (const [method, path, body] of [
      ['GET', `/v1/jobs/${id}`],
      ['POST', `/v1/jobs/${id}/cancel`],
      ['POST', `/v1/jobs/${id}/redrive`],
      ['GET', `/v1/reviews/${id}`],
      ['POST', `/v1/reviews/${id}/approve`, { version: 1 }],
      ['POST', `/v1/reviews/${id}/reject`, { version: 1 }],
    ] as const)
      expect(problem(await ask(method, path, { as: 'bob', body })), path).toMatchObject({ code: 'not-found' })
    expect(problem(await ask('GET', '/v1/jobs?owner=ada', { as: 'bob' }))).toMatchObject({
      code: 'owner-not-yours',
      at: 'owner',
    })
    expect(problem(await ask('POST', '/v1/jobs', { as: 'bob', body: { ...JOB, owner: 'ada' } }))).toMatchObject({
      code: 'owner-not-yours',
    })
    expect((await ask('GET', `/v1/jobs/${id}`, { as: 'agent' })).status).toBe(200)
  })
})

describe('the overview', () => {
  it('is sent once, and again only when it has changed', async () => {
    const { world, ask } = served()
    await world.ended([await world.submit()])
    await world.pass(2_000)
    const first = await ask('GET', '/v1/overview')
    expect(first).toMatchObject({
      status: 200,
      json: { pools: { main: { limit: 300, tiers: { medium: { done: 1 } } } } },
    })
    const headers = { 'if-none-match': first.headers['etag'] as string }
    expect(headers['if-none-match']).toMatch(/^(W\/)?".+"$/)
    expect((await ask('GET', '/v1/overview', { headers })).status).toBe(304)
    await world.submit()
    await world.pass(2_000)
    const changed = await ask('GET', '/v1/overview', { headers })
    expect(changed).toMatchObject({ status: 200, json: { pools: { main: { tiers: { medium: { done: 2 } } } } } })
  })
})

describe('the overview, shown to somebody', () => {
  it('names only owners that the caller may act for, and counts everybody’s work', async () => {
    const { world, ask } = served()
    await world.ended([await world.submit()])
    await world.pass(2_000)
    const shown = async (as: string) => (await ask('GET', '/v1/overview', { as })).json.pools.main
    expect((await shown('ada')).owners.map((o: { owner: string }) => o.owner)).toEqual(['ada'])
    const stranger = await shown('bob')
    expect(stranger.owners).toEqual([])
    expect(stranger.tiers.medium.done).toBe(1)
  })
})

describe('pools', () => {
  it('are shown, and resumed by who may', async () => {
    const { world, ask } = served()
    await world.api.capacity.stop({ pool: 'main', stop: { at: world.now(), line: 'no key' } })
    expect((await ask('GET', '/v1/pools')).json).toMatchObject({
      pools: [{ id: 'main', limits: { window: { requests: 300 } }, stopped: { line: 'no key' } }],
    })
    expect(await ask('POST', '/v1/pools/main/resume', { as: 'root' })).toMatchObject({
      status: 200,
      json: { pool: 'main', state: 'running' },
    })
    expect((await ask('GET', '/v1/pools')).json.pools[0]).not.toHaveProperty('stopped')
    expect(problem(await ask('POST', '/v1/pools/none/resume', { as: 'root' }))).toMatchObject({ code: 'not-found' })
  })

  it('are shown one by one, with what the provider allows, its breaker, and no stop where it is down', async () => {
    const { world, ask } = served()
    const stop = { at: world.now(), line: 'it cannot be reached, call after call', down: true } as const
    await world.api.capacity.stop({ pool: 'main', stop })
    const { status, json } = await ask('GET', '/v1/pools/main')
    expect({ status, json }).toMatchObject({
      status: 200,
      json: {
        id: 'main',
        limits: { window: { requests: 300 } },
        feedback: { limits: true, strangers: true, overload: true, breaker: true },
        allowed: {},
        breaker: { state: 'open', since: new Date(stop.at).toISOString(), line: stop.line },
      },
    })
    expect(json).not.toHaveProperty('stopped')
    for (const none of ['none', 'constructor'])
      expect(problem(await ask('GET', `/v1/pools/${none}`))).toMatchObject({ status: 404, code: 'not-found' })
  })
})
