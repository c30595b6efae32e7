/** What a deployment is told that would leave jobs without a place. */
import type { CloudFormationCustomResourceEvent } from 'aws-lambda'
import { describe, expect, it } from 'vitest'
import { removalsHandler } from '../../lambdas/removals.ts'
import { aContext } from '../support/http.ts'
import { World } from '../support/world.ts'

const ASKED = { StackId: 'stack', RequestId: 'request', LogicalResourceId: 'asked' }
const SPARE = { pools: { spare: { provider: { kind: 'bedrock' }, requests: 10 } } } as const

async function withJobs() {
  const world = new World({ ...SPARE, kinds: { extra: { pool: 'spare', tier: 'low' } } })
  world.wakes = false
  await world.submitMany(2, 'extra')
  await world.submit('step')
  return world
}
const PLACES = { pools: ['main', 'spare'], kinds: { step: 'main', extra: 'spare' } }

async function told(world: World, places: object, type = 'Update') {
  const answers: [string, unknown][] = []
  const handler = removalsHandler(
    () => world.api,
    async (url, body) => void answers.push([url, JSON.parse(body)]),
  )
  const ResourceProperties = { ServiceToken: 'arn', Places: JSON.stringify(places) }
  const event = { ...ASKED, RequestType: type, ResponseURL: 'https://answer.example.com', ResourceProperties }
  await handler(event as unknown as CloudFormationCustomResourceEvent, aContext(60_000))
  expect(answers.map(([url]) => url)).toEqual(['https://answer.example.com'])
  return answers[0]?.[1]
}
const ok = { ...ASKED, PhysicalResourceId: 'removals', Status: 'SUCCESS' }

describe('a deployment', () => {
  it('goes on where every job has its place, in new tables too, and where jobs stand in a pool that is kept', async () => {
    expect(await told(new World(), { pools: ['main'], kinds: {} })).toEqual(ok)
    expect(await told(await withJobs(), PLACES)).toEqual(ok)
  })

  it.each([
    [
      'a pool is gone',
      { pools: ['main'], kinds: { step: 'main', extra: 'main' } },
      /spare still holds 2 jobs of the kind extra .* no such pool/,
    ],
    [
      'a kind is gone',
      { ...PLACES, kinds: { step: 'main' } },
      /spare still holds 2 jobs of the kind extra .* no such kind/,
    ],
    [
      'a kind is of another pool now',
      { ...PLACES, kinds: { step: 'spare', extra: 'spare' } },
      /main still holds 1 jobs of the kind step .* moved that kind to spare/,
    ],
  ])('is refused where %s and its jobs wait, with what waits where and the mend', async (_, places, reason) => {
    const answer = await told(await withJobs(), places)
    expect(answer).toMatchObject({ ...ASKED, Status: 'FAILED', Reason: expect.stringMatching(reason) })
    expect(answer).toMatchObject({
      Reason: expect.stringMatching(/Put it back and deploy; remove it once it has run empty/),
    })
  })

  it('may go on when the whole is taken down', async () => {
    expect(await told(await withJobs(), { pools: [], kinds: {} }, 'Delete')).toEqual(ok)
  })

  it('is refused and told so where what waits cannot be read, and waits for no answer until it times out', async () => {
    const world = await withJobs()
    const rings = { ...world.api.rings, pools: () => Promise.reject(new TypeError('what a secret it was')) }
    Object.assign(world.api, { rings })
    const answer = await told(world, PLACES)
    expect(answer).toMatchObject({
      Status: 'FAILED',
      Reason: 'What waits could not be read (TypeError): deploy again.',
    })
  })
})
