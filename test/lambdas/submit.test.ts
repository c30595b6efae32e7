import { describe, expect, it } from 'vitest'
import { BODY_BYTES_AT_MOST } from '../../lambdas/shared/http.ts'
import { BATCH_AT_MOST } from '../../lambdas/shared/schemas.ts'
import { type Answered, http } from '../support/http.ts'
import { asleep, JOB, problem, served } from '../support/served.ts'
import type { World } from '../support/world.ts'

const fullNow = (world: World) =>
  (world.tables.get('capacity', { pk: 'main', sk: 'overview' }) as { full?: string[] } | undefined)?.full ?? []

describe('POST /v1/jobs', () => {
  it('accepts a job, says where it is and how many may wait', async () => {
    const { world, ask } = asleep({ backlogPerOwner: 500 })
    const answer = await ask('POST', '/v1/jobs', { body: JOB })
    expect(answer).toMatchObject({ status: 202, json: { id: expect.stringMatching(/^\w{26}$/), repeated: false } })
    expect(answer.headers).toMatchObject({
      'content-type': expect.stringContaining('application/json'),
      location: `/v1/jobs/${answer.json.id}`,
      'ratelimit-policy': '"backlog";q=500',
    })
    // No dispatcher has looked at this pool yet.
    expect(answer.headers).not.toHaveProperty('ratelimit')
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

  it('says how many more may wait, and nothing where the picture does not know', async () => {
    const { world, ask } = served({ backlogPerOwner: 50, pool: { requests: 1 } })
    const left = async (owner: string) =>
      (await ask('POST', '/v1/jobs', { as: 'root', body: { ...JOB, owner } })).headers['ratelimit']
    await world.submitMany(5, 'step', { startAt: world.now() + 3_600_000 })
    await world.pass(3_000)
    expect(await left('ada')).toBe('"backlog";r=45')
    expect(await left('bob')).toBe('"backlog";r=50')
    // The twenty busiest are shown, and an owner whose jobs all wait is not among them.
    for (let i = 0; i < 20; i++) await world.submitMany(2, 'step', { owner: `busy-${i}` })
    await world.submitMany(60, 'nudge', { owner: 'zoe' })
    await world.until(() => fullNow(world).includes('zoe'))
    await world.pass(2_000)
    expect(await left('zoe')).toBe('"backlog";r=0')
    expect(await left('nobody')).toBeUndefined()
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

  it('answers entries that broke apart from the others, and they may be repeated', async () => {
    const { world, ask } = asleep()
    const shaky = world.process(({ method }) => (method === 'createAll' ? 'fails-after' : undefined))
    const [first, second] = ['a', 'b'].map((key) => ({ ...JOB, key }))
    const broken = await http(shaky)('POST', '/v1/jobs/batch', { body: { jobs: [first, JOB, second] } })
    const internal = { status: 500, code: 'internal' }
    expect(broken.json.results).toMatchObject([internal, { status: 202 }, internal])
    await ask('POST', '/v1/jobs/batch', { body: { jobs: [first, second] } })
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
