import { describe, expect, it } from 'vitest'
import { problem, served } from '../support/served.ts'

const CAPPED = { pool: { requests: 6_000, pacing: 'burst', ownerCaps: { requests: 2 } } } as const

describe('owners', () => {
  it('are shown with what they have used of each pool, beside their caps', async () => {
    const { world, ask } = served(CAPPED)
    await world.submitMany(3)
    await world.pass(15_000)
    const used = { window: { requests: 2 }, day: { requests: 2 } }
    const main = { pool: 'main', caps: { requests: 2 }, used, capped: true, inFlight: 0, entitlement: 1 }
    const ada = { id: 'ada', weight: 1, pools: [main] }
    expect(await ask('GET', '/v1/owners/ada')).toMatchObject({ status: 200, json: ada })
    expect(await ask('GET', '/v1/owners')).toMatchObject({ status: 200, json: { owners: [ada] } })
  })

  it.each(['limit=0', 'limit=101', 'limit=some', 'owner=ada'])('are not listed for the query %s', async (query) => {
    const { ask } = served()
    expect(problem(await ask('GET', `/v1/owners?${query}`))).toMatchObject({ code: 'invalid-request' })
  })

  it('are not listed from a cursor of another list, or of nobody', async () => {
    const { ask } = served()
    expect(problem(await ask('GET', '/v1/owners?cursor=abc'))).toMatchObject({ code: 'bad-cursor', at: 'cursor' })
  })

  it.each(['a%23b', '.', '%00', 'x'.repeat(129)])('are not looked for under the name %s', async (id) => {
    const { ask } = served()
    const answer = await ask('GET', `/v1/owners/${id}`)
    expect([400, 404]).toContain(answer.status)
    expect(problem(answer)).toHaveProperty('remedy')
  })

  it('that are other people’s look like nobody', async () => {
    const { ask } = served()
    expect(problem(await ask('GET', '/v1/owners/bob'))).toMatchObject({ code: 'not-found', status: 404 })
  })
})
