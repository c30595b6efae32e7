import { describe, expect, it } from 'vitest'
import { decide } from '../../services/review.ts'
import { submit } from '../../services/submit.ts'
import { aCaller } from '../support/callers.ts'
import { providerError, text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'

const DAY_MS = 86_400_000
const REVIEWER = aCaller('ada', { scopes: ['jobs:read', 'jobs:submit', 'reviews:decide'] })

/** Submits under one key, and brings the job to its end: tried twice, reviewed, approved. */
async function wholeLife(world: World, name: string): Promise<string> {
  world.model.script = (_, nth) => (nth % 2 === 1 ? providerError(500) : text(`Dear ${name}`))
  const asked = { kind: 'intro', input: { name }, idempotencyKey: 'key-1' }
  const done = await submit(world.api, REVIEWER, asked)
  if (!done.ok) throw new Error(done.detail)
  const { jobId } = done
  await world.until(() => world.liveOf(jobId)[0]?.state === 'in-review')
  await decide(world.api, REVIEWER, jobId, { decision: 'approved', version: 1 })
  return jobId
}

describe('an Idempotency-Key that is used anew when what it named has expired', () => {
  it('names a new job, which runs to its end whatever the first one left', async () => {
    const world = new World({ retentionDays: { input: 1, result: 30 } })
    const first = await wholeLife(world, 'Grace')
    expect(world.parts(first)?.end).toMatchObject({ outcome: 'succeeded', result: 'Dear Grace' })
    await world.pass(2 * DAY_MS)
    expect(world.parts(first)).toBeUndefined()
    const second = await wholeLife(world, 'Barbara')
    expect(second).toBe(first)
    expect(world.parts(second)?.end).toMatchObject({ outcome: 'succeeded', result: 'Dear Barbara' })
    expect(world.liveOf(second)).toEqual([])
  })
})
