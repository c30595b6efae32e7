import { describe, expect, it } from 'vitest'
import { asleep, NOBODY, problem, served } from '../support/served.ts'

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

  it('show what came of a draft, and no job that no person decides on', async () => {
    const { world, ask } = served()
    const [drafted, plain] = [await world.submit('intro'), await world.submit()]
    const read = (id: string) => ask('GET', `/v1/reviews/${id}`, { as: 'rita' })
    for (const id of [drafted, plain])
      expect(problem(await read(id))).toMatchObject({ code: 'not-in-review', status: 409 })
    await world.ended([plain])
    await world.until(() => world.liveOf(drafted)[0]?.state === 'in-review')
    expect(problem(await read(plain))).toMatchObject({
      code: 'not-in-review',
      detail: expect.not.stringContaining('draft'),
    })
    await ask('POST', `/v1/reviews/${drafted}/approve`, { as: 'rita', body: { version: 1 } })
    expect((await read(drafted)).json).toMatchObject({ state: 'succeeded', approvedBy: 'rita' })
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
