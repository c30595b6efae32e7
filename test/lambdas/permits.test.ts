import { describe, expect, it } from 'vitest'
import { asleep, served } from '../support/served.ts'

const BODY = { inputTokens: 10, maxOutputTokens: 10 }
const ask = (made: ReturnType<typeof served>) => made.ask('POST', '/v1/pools/main/permits', { as: 'pat', body: BODY })

describe('a permit over HTTP', () => {
  it.each([
    { what: 'calls alone', pool: {} },
    { what: 'calls in flight', pool: { concurrency: 5 } },
    { what: 'a day', pool: { day: { requests: 1_000 } } },
  ])('that waits says when to ask again, in a pool that limits $what', async ({ pool }) => {
    const answer = await ask(asleep({ pool: { people: {}, ...pool } }))
    expect(answer).toMatchObject({ status: 202, json: { state: 'waiting' } })
    expect(answer.headers['retry-after']).toMatch(/^([1-9]|10)$/)
  })

  it('that is granted does not', async () => {
    const made = served({ pool: { people: {} } })
    await made.world.submit()
    await made.world.pass(5_000)
    const answer = await ask(made)
    expect(answer).toMatchObject({ status: 201, json: { state: 'granted' } })
    expect(answer.headers).not.toHaveProperty('retry-after')
  })
})
