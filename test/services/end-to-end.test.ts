import { describe, expect, it } from 'vitest'
import { approvalKey } from '../../adapters/keys.ts'
import { getJob } from '../../services/get-job.ts'
import { decide } from '../../services/review.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { failsAt } from '../support/port-faults.ts'
import { World } from '../support/world.ts'

const DRAFT = 'Dear Grace, thank you.'
/** sha256 of DRAFT, worked out apart from the code under test (`printf | sha256sum`). */
const DRAFT_HASH = 'f16b022f1065263670a66330fbcc74529e67782d5f98a75e6667a1f1f75f5742'
const approved = { decision: 'approved', version: 1 } as const
const rejected = { decision: 'rejected', version: 1 } as const

/** A job whose draft waits for a person. */
async function inReview(): Promise<{ world: World; id: string }> {
  const world = new World()
  const id = await world.submit('intro')
  await world.until(() => world.liveOf(id)[0]?.state === 'in-review')
  return { world, id }
}

describe('a job', () => {
  it('goes from submit to its result within a second and a call', async () => {
    const world = new World()
    const id = await world.submit('reply')
    const submittedAt = world.now()
    await world.ended([id], 1_000)
    expect(world.model.calls).toMatchObject([{ jobId: id, fence: 1, attempt: 1 }])
    const found = await getJob(world.api, aCaller(), id)
    expect(found).toMatchObject({
      ok: true,
      job: {
        id,
        owner: 'ada',
        kind: 'reply',
        tier: 'high',
        state: 'succeeded',
        attempts: 1,
        result: DRAFT,
        model: 'model-a-2030',
        usage: { inputTokens: 20, outputTokens: 10 },
        submittedAt: new Date(submittedAt).toISOString(),
        errors: [],
      },
    })
  })

  it('leaves nothing alive behind it, and keeps its parts', async () => {
    const world = new World()
    const ids = await world.submitMany(12)
    await world.ended(ids)
    expect(world.live()).toEqual([])
    await world.pass(1_000)
    expect(world.bells()).toBe(0)
    for (const id of ids) expect(world.parts(id)).toMatchObject({ input: { jobId: id }, end: { outcome: 'succeeded' } })
  })

  it('is called at its slot or up to the refusal after it, never before', async () => {
    const world = new World({ pool: { requests: 3_000 } })
    await world.ended(await world.submitMany(40))
    const slots = new Map(world.messages.flatMap((m) => m.jobs.map((j) => [j.key.jobId, j.slot])))
    for (const { jobId, at } of world.model.calls) {
      expect(at - (slots.get(jobId) as number)).toBeGreaterThanOrEqual(0)
      expect(at - (slots.get(jobId) as number)).toBeLessThanOrEqual(250)
    }
  })
})

describe('a draft that a person must see', () => {
  it('waits in its team’s lane, bound to the hash of its text', async () => {
    const { world, id } = await inReview()
    expect(world.liveOf(id)).toMatchObject([
      { state: 'in-review', key: { lane: 'review#sales' }, draftVersion: 1, draftHash: DRAFT_HASH, attempt: 1 },
    ])
    const found = await getJob(world.api, aCaller(), id)
    expect(found).toMatchObject({
      job: { state: 'in-review', waiting: { reason: 'REVIEW' }, draft: { version: 1, text: DRAFT, hash: DRAFT_HASH } },
    })
    await world.pass(3_600_000)
    expect(world.end(id)).toBeUndefined()
  })

  it('is released by its approval without a second call', async () => {
    const { world, id } = await inReview()
    expect(await decide(world.api, aCaller(), id, approved)).toEqual({ ok: true, state: 'succeeded' })
    expect(world.end(id)).toMatchObject({ outcome: 'succeeded', result: DRAFT, approvedBy: 'ada' })
    expect(world.live()).toEqual([])
    await world.pass(180_000)
    expect(world.model.calls).toMatchObject([{ jobId: id, fence: 1, attempt: 1 }])
  })

  it('ends with its rejection, which keeps what was paid and why', async () => {
    const { world, id } = await inReview()
    const done = await decide(world.api, aCaller(), id, { ...rejected, reason: 'too stiff' })
    expect(done).toEqual({ ok: true, state: 'rejected' })
    expect(world.end(id)).toMatchObject({ outcome: 'rejected', reason: 'too stiff', usage: { outputTokens: 10 } })
    expect(world.end(id)?.result).toBeUndefined()
    await world.pass(180_000)
    expect(world.model.calls).toHaveLength(1)
  })

  it.each([approved, rejected])('$decision leaves a record with version, hash, person and time', async (decision) => {
    const { world, id } = await inReview()
    await decide(world.api, aCaller('ada', { id: 'ada-at-desk' }), id, { ...decision, reason: 'because' })
    expect(world.tables.get('approvals', approvalKey(id, 1))).toMatchObject({
      jobId: id,
      version: 1,
      decision: decision.decision,
      hash: DRAFT_HASH,
      by: 'ada-at-desk',
      at: world.now(),
      reason: 'because',
    })
  })

  it('is decided once, whoever clicks at the same time', async () => {
    const { world, id } = await inReview()
    const answers = await Promise.all([
      decide(world.api, aCaller(), id, approved),
      decide(world.api, ADMIN, id, rejected),
      decide(world.api, aCaller(), id, approved),
    ])
    expect(answers.filter((a) => a.ok)).toHaveLength(1)
    for (const a of answers) if (!a.ok) expect(a.code).toBe('decided-already')
    expect([...world.tables.all()].filter(({ table }) => table === 'approvals')).toHaveLength(1)
  })

  it('answers decided-already to every later decision', async () => {
    const { world, id } = await inReview()
    await decide(world.api, aCaller(), id, rejected)
    expect(await decide(world.api, aCaller(), id, approved)).toMatchObject({ code: 'decided-already' })
    expect(world.end(id)).toMatchObject({ outcome: 'rejected' })
  })

  it('is not approved in a version that is no longer the one in review', async () => {
    const { world, id } = await inReview()
    const other = { ...approved, version: 2 }
    expect(await decide(world.api, aCaller(), id, other)).toMatchObject({ code: 'draft-changed', at: 'version' })
    expect(world.liveOf(id)).toMatchObject([{ state: 'in-review' }])
  })

  it('is not approved when its text is not the one that its hash was taken from', async () => {
    const { world, id } = await inReview()
    const draft = world.parts(id)?.draft
    world.tables.commit([{ table: 'jobs', put: { ...draft, pk: id, sk: 'draft#0001', hash: 'of another text' } }])
    expect(await decide(world.api, aCaller(), id, approved)).toMatchObject({ code: 'draft-changed' })
  })

  it('is decided by nobody without the scope or for a stranger’s job', async () => {
    const { world, id } = await inReview()
    const reader = aCaller('ada', { scopes: ['jobs:read', 'jobs:submit'] })
    expect(await decide(world.api, reader, id, approved)).toMatchObject({ code: 'scope-missing' })
    expect(await decide(world.api, aCaller('bob'), id, approved)).toMatchObject({ code: 'not-found' })
    expect(world.liveOf(id)).toMatchObject([{ state: 'in-review' }])
  })

  it('does not exist before it is written, nor for a job that needs none', async () => {
    const world = new World()
    world.wakes = false
    const queued = await world.submit('intro')
    expect(await decide(world.api, aCaller(), queued, approved)).toMatchObject({ code: 'not-in-review' })
    expect(await decide(world.api, aCaller(), 'nobody', approved)).toMatchObject({ code: 'not-found' })
  })

  it.each(['before', 'after'] as const)(
    'is decided whole or not at all when the decision dies %s a call',
    async (when) => {
      for (let k = 1; ; k++) {
        const { world, id } = await inReview()
        const done = await decide(world.process(failsAt(k, when)), aCaller(), id, approved).catch(() => 'died' as const)
        if (done !== 'died') return expect(k).toBeGreaterThan(3)
        const decided = world.end(id) !== undefined
        expect(world.tables.get('approvals', approvalKey(id, 1)) !== undefined).toBe(decided)
        expect(world.liveOf(id)).toHaveLength(decided ? 0 : 1)
        const again = await decide(world.api, aCaller(), id, approved)
        expect(again).toMatchObject(decided ? { code: 'decided-already' } : { ok: true })
      }
    },
  )
})

describe('a kind whose drafts are seen in part', () => {
  it('sends about its rate of them to people, and the others on', async () => {
    const review = { policy: 'sample', rate: 0.25, team: 'sales' } as const
    const world = new World({ kinds: { step: { review } }, pool: { requests: 6_000 } })
    const ids = await world.submitMany(400)
    await world.until(() => world.model.calls.length === 400)
    await world.pass(1_000)
    const states = world.live().map((r) => r.state)
    expect(new Set(states)).toEqual(new Set(['in-review']))
    expect(states.length).toBeGreaterThan(60)
    expect(states.length).toBeLessThan(140)
    expect(ids.filter((id) => world.end(id))).toHaveLength(400 - states.length)
  })
})
