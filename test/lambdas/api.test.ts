import { describe, expect, it } from 'vitest'
import { openApiDocument } from '../../bin/openapi.ts'
import { apiApp } from '../../lambdas/api.ts'
import { approvalApp } from '../../lambdas/approval.ts'
import { BODY_BYTES_AT_MOST } from '../../lambdas/shared/http.ts'
import openapi from '../../lambdas/shared/openapi.json' with { type: 'json' }
import { STATUS } from '../../lambdas/shared/problems.ts'
import { ROUTES } from '../../lambdas/shared/routes.ts'
import { BATCH_AT_MOST } from '../../lambdas/shared/schemas.ts'
import { providerError, text } from '../support/fake-model.ts'
import { type Answered, CALLERS, http } from '../support/http.ts'
import { World } from '../support/world.ts'
import type { WorldSettings } from '../support/world-settings.ts'

const JOB = { kind: 'step', input: { name: 'Grace' } }
const NOBODY = '0123456789ABCDEFGHJKMNPQRS'

function served(settings: WorldSettings = {}) {
  const world = new World({ callers: CALLERS, ...settings })
  return { world, ask: http(world.api) }
}
/** Nobody dispatches: what is queued stays. */
function asleep(settings?: WorldSettings) {
  const made = served(settings)
  made.world.wakes = false
  return made
}
const problem = (answer: Answered) => {
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.json).toMatchObject({
    type: expect.stringContaining(`docs/errors.md#${answer.json.code}`),
    title: expect.any(String),
    status: answer.status,
    detail: expect.any(String),
    remedy: expect.any(String),
  })
  expect(answer.status).toBe(STATUS[answer.json.code as keyof typeof STATUS])
  return answer.json as { code: string; status: number; at?: string; detail: string; remedy: string }
}

describe('the routes', () => {
  const { world } = served()
  const apps = { api: apiApp(world.api), approval: approvalApp(world.api) }
  const served_ = (name: 'api' | 'approval') =>
    new Set(
      apps[name].routes
        .filter((r) => r.method !== 'ALL')
        .map((r) => `${r.method} ${r.path.replace(/:(\w+)/g, '{$1}')}`),
    )

  it.each(['api', 'approval'] as const)('of the %s function are those of the list, and no others', (name) => {
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
    for (const route of ROUTES.filter((r) => r.path !== '/health'))
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

describe('POST /v1/jobs', () => {
  it('accepts a job, says where it is and how many more may wait', async () => {
    const { world, ask } = asleep({ backlogPerOwner: 500 })
    const answer = await ask('POST', '/v1/jobs', { body: JOB })
    expect(answer).toMatchObject({ status: 202, json: { id: expect.stringMatching(/^\w{26}$/), repeated: false } })
    expect(answer.headers).toMatchObject({
      'content-type': expect.stringContaining('application/json'),
      location: `/v1/jobs/${answer.json.id}`,
      'ratelimit-policy': '"backlog";q=500',
      ratelimit: '"backlog";r=500',
    })
    expect(world.live()).toMatchObject([{ owner: 'ada', state: 'queued' }])
    expect((await ask('GET', answer.headers['location'] as string)).json).toMatchObject({
      id: answer.json.id,
      state: 'queued',
    })
  })

  it('answers a repeat with the first job, and another body under its key with 422', async () => {
    const { world, ask } = asleep()
    const headers = { 'idempotency-key': 'order-66' }
    const first = await ask('POST', '/v1/jobs', { body: JOB, headers })
    expect(await ask('POST', '/v1/jobs', { body: JOB, headers })).toMatchObject({
      status: 202,
      json: { id: first.json.id, repeated: true },
    })
    const other = await ask('POST', '/v1/jobs', { body: { ...JOB, input: { name: 'Alan' } }, headers })
    expect(problem(other)).toMatchObject({ code: 'key-reused', status: 422 })
    expect(world.live()).toHaveLength(1)
  })

  it('reads a time with its offset, and a body that API Gateway encoded', async () => {
    const { world, ask } = asleep()
    const startAt = '2030-01-02T12:00:00+02:00'
    const { status } = await ask('POST', '/v1/jobs', {
      body: { ...JOB, input: { name: 'Zoë' }, startAt },
      base64: true,
    })
    expect(status).toBe(202)
    expect(world.live()[0]?.key.at).toBe(Date.UTC(2030, 0, 2, 10))
    expect(world.parts(world.live()[0]?.key.jobId as string)?.input.input).toEqual({ name: 'Zoë' })
  })

  it.each([
    { what: 'a body that is not JSON', body: '{"kind": ', code: 'malformed-json' },
    { what: 'no body', body: undefined, code: 'invalid-request', at: 'kind' },
    { what: 'an empty body', body: '', code: 'invalid-request', at: 'kind' },
    { what: 'null', body: 'null', code: 'invalid-request', at: 'body' },
    { what: 'a list', body: '[]', code: 'invalid-request', at: 'body' },
    { what: 'an unknown field', body: { ...JOB, priority: 1 }, code: 'invalid-request', at: 'body', says: 'priority' },
    { what: 'a kind of the wrong type', body: { ...JOB, kind: 7 }, code: 'invalid-request', at: 'kind' },
    { what: 'no kind', body: { input: {} }, code: 'invalid-request', at: 'kind' },
    { what: 'an input that is text', body: { ...JOB, input: 'Grace' }, code: 'invalid-request', at: 'input' },
    { what: 'an input that is a list', body: { ...JOB, input: [] }, code: 'invalid-request', at: 'input' },
    { what: 'an empty owner', body: { ...JOB, owner: '' }, code: 'invalid-request', at: 'owner' },
    { what: 'an overlong owner', body: { ...JOB, owner: 'x'.repeat(129) }, code: 'invalid-request', at: 'owner' },
    { what: 'an owner with a #', body: { ...JOB, owner: 'a#b' }, code: 'invalid-request', at: 'owner' },
    {
      what: 'an owner with a control character',
      body: { ...JOB, owner: 'a\u001b[2J' },
      code: 'invalid-request',
      at: 'owner',
    },
    { what: 'a time that is none', body: { ...JOB, startAt: 'tomorrow' }, code: 'invalid-request', at: 'startAt' },
    {
      what: 'a time without an offset',
      body: { ...JOB, startAt: '2030-01-02T12:00:00' },
      code: 'invalid-request',
      at: 'startAt',
    },
    {
      what: 'a time too far ahead',
      body: { ...JOB, startAt: '2030-06-01T00:00:00Z' },
      code: 'invalid-request',
      at: 'startAt',
    },
    { what: 'an unknown kind', body: { ...JOB, kind: 'poem' }, code: 'unknown-kind', at: 'kind' },
    { what: 'a kind that every object has', body: { ...JOB, kind: 'constructor' }, code: 'unknown-kind', at: 'kind' },
    {
      what: 'a field that the prompt needs and the input lacks',
      body: { ...JOB, input: {} },
      code: 'missing-field',
      at: 'input.name',
    },
    {
      what: 'too large an input',
      body: { ...JOB, input: { name: 'x'.repeat(262_145) } },
      code: 'too-large',
      at: 'input',
    },
    { what: 'too large a body', body: `${JSON.stringify(JOB)}${' '.repeat(BODY_BYTES_AT_MOST)}`, code: 'too-large' },
  ])('refuses $what', async ({ body, code, at, says }) => {
    const { world, ask } = asleep()
    const refused = problem(await ask('POST', '/v1/jobs', { body, headers: { 'content-type': 'application/json' } }))
    expect(refused).toMatchObject({ code, ...(at ? { at } : {}) })
    if (says) expect(refused.detail).toContain(says)
    expect([...world.tables.all()]).toEqual([])
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
    'refuses a body of the type %o',
    async (type) => {
      const { ask } = asleep()
      const answer = await ask('POST', '/v1/jobs', { body: JSON.stringify(JOB), headers: { 'content-type': type } })
      expect(problem(answer)).toMatchObject({ code: 'not-json', status: 415 })
    },
  )

  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON'])(
    'takes a body of the type %s',
    async (type) => {
      const { ask } = asleep()
      expect((await ask('POST', '/v1/jobs', { body: JOB, headers: { 'content-type': type } })).status).toBe(202)
    },
  )

  it.each(['with space', 'tab\there', 'x'.repeat(201)])('refuses an idempotency key such as %o', async (key) => {
    const { ask } = asleep()
    const answer = await ask('POST', '/v1/jobs', { body: JOB, headers: { 'idempotency-key': key } })
    expect(problem(answer)).toMatchObject({ code: 'invalid-request', at: 'idempotency-key' })
  })

  it('asks nothing of a store for a kind that there is not, nor tells of an owner that is not the caller’s', async () => {
    const { world } = asleep()
    const pools: string[] = []
    const overview: typeof world.api.capacity.overview = async (p) => {
      pools.push(p.pool)
      return world.api.capacity.overview(p)
    }
    const ask = http({ ...world.api, capacity: { ...world.api.capacity, overview } })
    await ask('POST', '/v1/jobs', { body: { ...JOB, kind: 'poem' } })
    expect(pools).toEqual([])
    const stranger = await ask('POST', '/v1/jobs', { body: { ...JOB, owner: 'bob' } })
    expect(stranger.headers).not.toHaveProperty('ratelimit')
  })

  it('says when to come back once the backlog is full', async () => {
    const { world, ask } = served({ backlogPerOwner: 3, pool: { requests: 1 } })
    await world.submitMany(5)
    await world.pass(3_000)
    const answer = await ask('POST', '/v1/jobs', { body: JOB })
    expect(problem(answer)).toMatchObject({ code: 'backlog-full', status: 429 })
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect(answer.headers['ratelimit']).toBe('"backlog";r=0')
  })

  it('answers 500 and says nothing of why when a store is down', async () => {
    const { world } = asleep()
    const down = world.process(({ port, method }) =>
      port === 'jobs' && method === 'create' ? 'fails-before' : undefined,
    )
    const refused = problem(await http(down)('POST', '/v1/jobs', { body: JOB }))
    expect(refused).toMatchObject({ code: 'internal', status: 500 })
    expect(JSON.stringify(refused)).not.toContain('jobs.create')
    expect(world.counted('RequestsBroken')).toBe(1)
  })
})

describe('POST /v1/jobs/batch', () => {
  it('answers each entry for itself, with its index where it is wrong', async () => {
    const { world, ask } = asleep({ pool: { tokens: 5_000 } })
    const jobs = [
      JOB,
      { ...JOB, kind: 'poem' },
      'text',
      { ...JOB, priority: 1 },
      { ...JOB, input: {} },
      { ...JOB, owner: 'bob' },
      { ...JOB, owner: '' },
      { ...JOB, key: 'a b' },
      { ...JOB, input: { name: 'x'.repeat(20_000) } },
      JOB,
    ]
    const answer = await ask('POST', '/v1/jobs/batch', { body: { jobs } })
    expect(answer.status).toBe(200)
    expect(answer.json.results).toMatchObject([
      { status: 202, repeated: false },
      { status: 400, code: 'unknown-kind', at: 'jobs.1.kind' },
      { status: 400, code: 'invalid-request', at: 'jobs.2' },
      { status: 400, code: 'invalid-request', at: 'jobs.3', detail: expect.stringContaining('priority') },
      { status: 400, code: 'missing-field', at: 'jobs.4.input.name' },
      { status: 403, code: 'owner-not-yours', at: 'jobs.5.owner' },
      { status: 400, code: 'invalid-request', at: 'jobs.6.owner' },
      { status: 400, code: 'invalid-request', at: 'jobs.7.key' },
      { status: 422, code: 'larger-than-pool', at: 'jobs.8.input' },
      { status: 202, repeated: false },
    ])
    expect(world.live()).toHaveLength(2)
  })

  it('is a repeat under its own key, entry by entry, and under each entry’s', async () => {
    const { world, ask } = asleep()
    const [body, headers] = [{ jobs: [JOB, { ...JOB, key: 'mine' }] }, { 'idempotency-key': 'batch-1' }]
    const ids = (a: Answered) => a.json.results.map((r: { id: string }) => r.id)
    const first = await ask('POST', '/v1/jobs/batch', { body, headers })
    const again = await ask('POST', '/v1/jobs/batch', { body, headers })
    expect(ids(again)).toEqual(ids(first))
    expect(again.json.results).toMatchObject([{ repeated: true }, { repeated: true }])
    const alone = await ask('POST', '/v1/jobs', { body: JOB, headers: { 'idempotency-key': 'mine' } })
    expect(alone.json.id).toBe(ids(first)[1])
    const other = await ask('POST', '/v1/jobs/batch', { body: { jobs: [{ ...JOB, kind: 'nudge' }] }, headers })
    expect(other.json.results).toMatchObject([{ status: 422, code: 'key-reused' }])
    expect(world.live()).toHaveLength(2)
  })

  it('answers an entry that broke for itself, and it may be repeated', async () => {
    const { world, ask } = asleep()
    let creates = 0
    const shaky = world.process(({ method }) => (method === 'create' && ++creates === 2 ? 'fails-after' : undefined))
    const [body, headers] = [{ jobs: [JOB, JOB, JOB] }, { 'idempotency-key': 'batch-2' }]
    const broken = await http(shaky)('POST', '/v1/jobs/batch', { body, headers })
    expect(broken.json.results).toMatchObject([{ status: 202 }, { status: 500, code: 'internal' }, { status: 202 }])
    await ask('POST', '/v1/jobs/batch', { body, headers })
    expect(world.live()).toHaveLength(3)
  })

  it.each([
    { what: 'none', jobs: [] },
    { what: 'too many', jobs: Array.from({ length: BATCH_AT_MOST + 1 }, () => JOB) },
    { what: 'an object', jobs: {} },
  ])('refuses $what', async ({ jobs }) => {
    const { world, ask } = asleep()
    expect(problem(await ask('POST', '/v1/jobs/batch', { body: { jobs } }))).toMatchObject({
      code: 'invalid-request',
      at: 'jobs',
    })
    expect([...world.tables.all()]).toEqual([])
  })

  it('takes as many as it says, in order', async () => {
    const { world, ask } = asleep()
    const { json } = await ask('POST', '/v1/jobs/batch', {
      body: { jobs: Array.from({ length: BATCH_AT_MOST }, () => JOB) },
    })
    expect(json.results.map((r: { id: string }) => r.id)).toEqual(world.live().map((r) => r.key.jobId))
  })
})

describe('one job', () => {
  it('is waited for', async () => {
    const { world, ask } = served()
    world.model.script = () => text('done', 3_000)
    const id = await world.submit()
    const answer = await world.clock.during(ask('GET', `/v1/jobs/${id}?wait=10`))
    expect(answer).toMatchObject({ status: 200, json: { id, state: 'succeeded', result: 'done' } })
  })

  it.each(['wait=26', 'wait=-1', 'wait=soon', 'wait=1.5', 'verbose=1'])(
    'is not shown for the query %s',
    async (query) => {
      const { world, ask } = asleep()
      const id = await world.submit()
      expect(problem(await ask('GET', `/v1/jobs/${id}?${query}`))).toMatchObject({ code: 'invalid-request' })
    },
  )

  it.each(['short', `${NOBODY}X`, '0123456789-BCDEFGHJKMNPQRS', '%00'.repeat(26)])(
    'is not looked for under the id %s',
    async (id) => {
      const { ask } = asleep()
      for (const [method, path] of [
        ['GET', `/v1/jobs/${id}`],
        ['POST', `/v1/jobs/${id}/cancel`],
        ['POST', `/v1/jobs/${id}/redrive`],
        ['GET', `/v1/reviews/${id}`],
      ] as const)
        expect(problem(await ask(method, path))).toMatchObject({ code: 'invalid-request', at: 'id' })
    },
  )

  it('is not found where there is none', async () => {
    const { ask } = asleep()
    expect(problem(await ask('GET', `/v1/jobs/${NOBODY}`))).toMatchObject({ code: 'not-found', status: 404 })
  })

  it('is cancelled at once, or as soon as its worker hears of it', async () => {
    const { world, ask } = served()
    world.model.script = () => text('done', 5_000)
    const running = await world.submit()
    await world.until(() => world.model.calls.length === 1)
    const queued = await world.submit('step', { startAt: world.now() + 60_000 })
    expect(await ask('POST', `/v1/jobs/${queued}/cancel`)).toMatchObject({
      status: 200,
      json: { id: queued, state: 'cancelled' },
    })
    expect(await ask('POST', `/v1/jobs/${running}/cancel`)).toMatchObject({
      status: 202,
      json: { id: running, state: 'cancelling' },
    })
    await world.ended([running])
    expect((await ask('GET', `/v1/jobs/${running}`)).json).toMatchObject({
      state: 'cancelled',
      usage: { outputTokens: 10 },
    })
  })

  it('is redriven when it has failed, and only then', async () => {
    const { world, ask } = served()
    world.model.script = (_, nth) => (nth === 1 ? providerError(400) : text())
    const id = await world.submit()
    await world.ended([id])
    expect((await ask('GET', `/v1/jobs/${id}`)).json).toMatchObject({
      state: 'failed',
      reason: 'bad-request',
      errors: [{ class: 'bad-request', status: 400 }],
    })
    expect(await ask('POST', `/v1/jobs/${id}/redrive`)).toMatchObject({
      status: 202,
      headers: { location: `/v1/jobs/${id}` },
    })
    await world.ended([id])
    expect(problem(await ask('POST', `/v1/jobs/${id}/redrive`))).toMatchObject({ code: 'not-redrivable', status: 409 })
    expect(problem(await ask('POST', `/v1/jobs/${id}/cancel`))).toMatchObject({ code: 'not-cancellable', status: 409 })
  })
})

describe('GET /v1/jobs', () => {
  it('lists page by page', async () => {
    const { world, ask } = asleep()
    const ids = await world.submitMany(5)
    const first = await ask('GET', '/v1/jobs?owner=ada&limit=3')
    expect(first).toMatchObject({
      status: 200,
      json: { jobs: ids.slice(0, 3).map((id) => ({ id, state: 'queued', kind: 'step' })) },
    })
    const second = await ask('GET', `/v1/jobs?owner=ada&limit=3&cursor=${encodeURIComponent(first.json.cursor)}`)
    expect(second.json).toEqual({ jobs: ids.slice(3).map((id) => expect.objectContaining({ id })) })
  })

  it.each([
    '',
    'limit=0&owner=ada',
    'limit=101&owner=ada',
    'owner=',
    'owner=a%23b',
    'tier=top&owner=ada',
    'attention=lost',
    'state=done',
    'page=2&owner=ada',
    'owner=ada&cursor=x',
  ])('refuses the query %o', async (query) => {
    const { ask } = asleep()
    const code = query === '' ? 'owner-needed' : query.includes('cursor') ? 'bad-cursor' : 'invalid-request'
    expect(problem(await ask('GET', `/v1/jobs?${query}`))).toMatchObject({ code, status: 400 })
  })

  it('lists what failed, what waits for a person, and what is in flight', async () => {
    const { world, ask } = served()
    const [bad, draft] = [await world.submit(), await world.submit('intro')]
    world.model.script = ({ jobId }) => (jobId === bad ? providerError(400) : text())
    await world.ended([bad])
    await world.pass(2_000)
    expect((await ask('GET', '/v1/jobs?attention=failed')).json.jobs).toMatchObject([{ id: bad, state: 'failed' }])
    expect((await ask('GET', '/v1/jobs?attention=review')).json.jobs).toMatchObject([{ id: draft, state: 'in-review' }])
    expect((await ask('GET', '/v1/jobs?state=in-flight')).json).toEqual({ jobs: [] })
  })
})

describe('reviews', () => {
  it('are listed, read, and decided once', async () => {
    const { world, ask } = served()
    const id = await world.submit('intro')
    await world.until(() => world.liveOf(id)[0]?.state === 'in-review')
    expect((await ask('GET', '/v1/reviews')).json).toMatchObject({
      reviews: [{ id, owner: 'ada', kind: 'intro', version: 1 }],
    })
    expect((await ask('GET', `/v1/reviews/${id}`)).json).toMatchObject({
      state: 'in-review',
      draft: { version: 1, text: expect.any(String) },
    })
    expect(problem(await ask('POST', `/v1/reviews/${id}/approve`, { body: { version: 2 } }))).toMatchObject({
      code: 'draft-changed',
      at: 'version',
    })
    expect(await ask('POST', `/v1/reviews/${id}/approve`, { body: { version: 1 } })).toMatchObject({
      status: 200,
      json: { id, state: 'succeeded' },
    })
    expect(problem(await ask('POST', `/v1/reviews/${id}/reject`, { body: { version: 1 } }))).toMatchObject({
      code: 'decided-already',
      status: 409,
    })
    expect((await ask('GET', '/v1/reviews')).json).toEqual({ reviews: [] })
    expect(world.model.calls).toHaveLength(1)
  })

  it('are rejected with a reason', async () => {
    const { world, ask } = served()
    const id = await world.submit('intro')
    await world.until(() => world.liveOf(id)[0]?.state === 'in-review')
    expect((await ask('POST', `/v1/reviews/${id}/reject`, { body: { version: 1, reason: 'no' } })).json).toEqual({
      id,
      state: 'rejected',
    })
    expect((await ask('GET', `/v1/jobs/${id}`)).json).toMatchObject({ state: 'rejected', reason: 'no' })
  })

  it.each([
    { what: 'without a body', body: undefined, at: 'version' },
    { what: 'of no version', body: {}, at: 'version' },
    { what: 'of version 0', body: { version: 0 }, at: 'version' },
    { what: 'of a version that is text', body: { version: '1' }, at: 'version' },
    { what: 'for too long a reason', body: { version: 1, reason: 'x'.repeat(1_001) }, at: 'reason' },
    { what: 'with an unknown field', body: { version: 1, by: 'me' }, at: 'body' },
  ])('refuse a decision $what', async ({ body, at }) => {
    const { ask } = asleep()
    expect(problem(await ask('POST', `/v1/reviews/${NOBODY}/approve`, { body }))).toMatchObject({
      code: 'invalid-request',
      at,
    })
  })

  it.each(['limit=0', 'team=sales', 'cursor=x'])('refuse the query %s', async (query) => {
    const { ask } = asleep()
    expect(problem(await ask('GET', `/v1/reviews?${query}`)).status).toBe(400)
  })

  it('do not hold a job that is not in review', async () => {
    const { world, ask } = asleep()
    const id = await world.submit('intro')
    expect(problem(await ask('POST', `/v1/reviews/${id}/approve`, { body: { version: 1 } }))).toMatchObject({
      code: 'not-in-review',
      status: 409,
    })
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
      pools: [{ id: 'main', requests: 300, stopped: { line: 'no key' } }],
    })
    expect(await ask('POST', '/v1/pools/main/resume', { as: 'root' })).toMatchObject({
      status: 200,
      json: { pool: 'main', state: 'running' },
    })
    expect((await ask('GET', '/v1/pools')).json.pools[0]).not.toHaveProperty('stopped')
    expect(problem(await ask('POST', '/v1/pools/none/resume', { as: 'root' }))).toMatchObject({ code: 'not-found' })
  })
})
