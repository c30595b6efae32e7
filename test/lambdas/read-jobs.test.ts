import { describe, expect, it } from 'vitest'
import { providerError, text } from '../support/fake-model.ts'
import { asleep, NOBODY, problem, served } from '../support/served.ts'

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
