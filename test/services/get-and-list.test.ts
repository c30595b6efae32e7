import { describe, expect, it } from 'vitest'
import { cancel } from '../../services/cancel.ts'
import { CURSOR_GOOD_MS, writeCursor } from '../../services/cursor.ts'
import { getJob, WAIT_S_AT_MOST } from '../../services/get-job.ts'
import { type ListRequest, listJobs } from '../../services/list-jobs.ts'
import { listReviews } from '../../services/list-reviews.ts'
import { redrive } from '../../services/redrive.ts'
import { decide } from '../../services/review.ts'
import { submit } from '../../services/submit.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { providerError, text } from '../support/fake-model.ts'
import { World } from '../support/world.ts'

const ada = aCaller()
const state = async (world: World, id: string, waitS?: number) => {
  const found = await world.clock.during(getJob(world.api, ada, id, { waitS }))
  return found.ok ? found.job.state : found.code
}
/** Nobody dispatches: what is queued stays. */
function asleep(): World {
  const world = new World()
  world.wakes = false
  return world
}
/** Every page of a list, and what happened between two of them. */
async function everyPage(
  world: World,
  request: ListRequest,
  caller = ada,
  between = async () => {},
): Promise<string[][]> {
  const pages: string[][] = []
  for (let cursor: string | undefined, i = 0; i < 100; i++) {
    const page = await listJobs(world.api, caller, { ...request, cursor })
    if (!page.ok) throw new Error(page.code)
    pages.push(page.jobs.map((j) => j.id))
    cursor = page.cursor
    if (!cursor) return pages
    await between()
  }
  throw new Error('more pages than jobs')
}

describe('a job, looked at', () => {
  it('shows what it is at every step', async () => {
    const world = new World()
    world.model.script = () => text('done', 5_000)
    const id = await world.submit()
    expect(await state(world, id)).toBe('queued')
    await world.until(() => world.model.calls.length === 1)
    expect(await state(world, id)).toBe('running')
    await world.ended([id])
    expect(await state(world, id)).toBe('succeeded')
  })

  it('was submitted, before its record is written', async () => {
    const world = asleep()
    const died = world.process(({ method }) => (method === 'enter' ? 'fails-before' : undefined))
    await submit(died, ada, { kind: 'step', input: { name: 'Grace' } }).catch(() => undefined)
    const [written] = [...world.tables.all()]
    expect(await state(world, written?.put.pk as string)).toBe('submitted')
  })

  it('is answered as soon as it has ended, if asked to wait', async () => {
    const world = new World()
    world.model.script = () => text('done', 9_000)
    const [id, from] = [await world.submit(), world.now()]
    expect(await state(world, id, 25)).toBe('succeeded')
    expect(world.now() - from).toBeLessThan(10_000)
    expect(await state(world, id, 25)).toBe('succeeded')
    expect(world.now() - from).toBeLessThan(10_000)
  })

  it('is answered as soon as its draft waits for a person', async () => {
    const world = new World()
    const id = await world.submit('intro')
    expect(await state(world, id, 20)).toBe('in-review')
    expect(world.now() - (world.parts(id)?.input.submittedAt as number)).toBeLessThan(2_000)
  })

  it.each([
    { asked: 3, waits: 3 },
    { asked: 999, waits: WAIT_S_AT_MOST },
  ])('is answered as it is after $asked s asked for', async ({ asked, waits }) => {
    const world = asleep()
    const [id, from] = [await world.submit(), world.now()]
    expect(await state(world, id, asked)).toBe('queued')
    expect(world.now() - from).toBe(waits * 1_000)
  })

  it('says until when it was asked to wait', async () => {
    const world = asleep()
    const startAt = world.now() + 90_000
    const found = await getJob(world.api, ada, await world.submit('step', { startAt }))
    const until = new Date(startAt).toISOString()
    expect(found).toMatchObject({ job: { startsAt: until, waiting: { reason: 'SCHEDULED', until } } })
  })

  it('says whether the limit, its owner’s turn or its tier’s is what it waits for', async () => {
    const world = new World({ pool: { requests: 2 } })
    const ids = [...(await world.submitMany(4)), ...(await world.submitMany(4, 'step', { owner: 'bob' }))]
    const all = [...ids, ...(await world.submitMany(4, 'nudge', { owner: 'eve' }))]
    await world.pass(8_000)
    const reasons = new Map<string, string[]>()
    for (const id of all.filter((id) => world.liveOf(id)[0]?.state === 'queued')) {
      const found = await getJob(world.api, ADMIN, id)
      if (found.ok)
        reasons.set(found.job.owner, [...(reasons.get(found.job.owner) ?? []), found.job.waiting?.reason ?? ''])
    }
    const of = (owner: string) => [...new Set(reasons.get(owner))]
    expect([...of('ada'), ...of('bob'), ...of('eve')].sort()).toEqual(['CAPACITY_RPM', 'OWNER_TURN', 'TIER_TURN'])
  })
})

describe('another owner’s job', () => {
  it('is not found anywhere, and answers as if there were none', async () => {
    const world = new World()
    const id = await world.submit('intro')
    await world.until(() => world.liveOf(id)[0]?.state === 'in-review')
    const bob = aCaller('bob')
    const asks = (jobId: string) => [
      getJob(world.api, bob, jobId),
      cancel(world.api, bob, jobId),
      redrive(world.api, bob, jobId),
      decide(world.api, bob, jobId, { decision: 'approved', version: 1 }),
    ]
    const [theirs, none] = [await Promise.all(asks(id)), await Promise.all(asks('nobody'))]
    for (const [i, answer] of theirs.entries()) {
      expect(answer).toMatchObject({ ok: false, code: 'not-found' })
      expect(JSON.stringify(answer).replaceAll(id, 'nobody')).toBe(JSON.stringify(none[i]))
    }
    expect(await listReviews(world.api, bob, { limit: 10 })).toEqual({ ok: true, reviews: [] })
    expect(await listJobs(world.api, bob, { attention: 'review', limit: 10 })).toEqual({ ok: true, jobs: [] })
    expect(await listJobs(world.api, bob, { owner: 'ada', limit: 10 })).toMatchObject({ code: 'owner-not-yours' })
  })
})

describe('a list', () => {
  it('of an owner has its live jobs, tier by tier, in their order', async () => {
    const world = asleep()
    const [low, high] = [await world.submitMany(2, 'nudge'), await world.submitMany(2, 'reply')]
    const [medium, soon] = [await world.submit('step', { startAt: world.now() + 5_000 }), await world.submit()]
    await world.submit('step', { owner: 'bob' })
    const list = await listJobs(world.api, ada, { owner: 'ada', limit: 50 })
    expect(list).toMatchObject({
      ok: true,
      jobs: [...high, soon, medium, ...low].map((id) => ({ id, state: 'queued', owner: 'ada' })),
    })
    expect(await everyPage(world, { owner: 'ada', tier: 'low', limit: 50 })).toEqual([low])
  })

  it('without an owner is refused with what to add', async () => {
    const answer = await listJobs(asleep().api, ada, { limit: 10 })
    expect(answer).toMatchObject({ code: 'owner-needed', at: 'owner', remedy: expect.stringContaining('owner=ada') })
  })

  it('is refused without the scope', async () => {
    const nobody = aCaller('ada', { scopes: ['jobs:submit'] })
    expect(await listJobs(asleep().api, nobody, { owner: 'ada', limit: 10 })).toMatchObject({ code: 'scope-missing' })
    expect(await listReviews(asleep().api, nobody, { limit: 10 })).toMatchObject({ code: 'scope-missing' })
    expect(await getJob(asleep().api, nobody, 'x')).toMatchObject({ code: 'scope-missing' })
  })

  it('of what failed has the dead letters of the owners that the caller may act for', async () => {
    const world = new World()
    world.model.script = () => providerError(400)
    const [mine, bobs] = [await world.submit(), await world.submit('step', { owner: 'bob' })]
    await world.ended([mine, bobs])
    const ids = async (caller = ada) => (await everyPage(world, { attention: 'failed', limit: 10 }, caller)).flat()
    expect(await ids()).toEqual([mine])
    expect((await ids(ADMIN)).sort()).toEqual([mine, bobs].sort())
    await redrive(world.api, ada, mine)
    expect(await ids()).toEqual([])
  })

  it('of reviews has every inbox, oldest first', async () => {
    const world = new World({ kinds: { reply: { review: { policy: 'required', team: 'support' } } } })
    const drafts: string[] = []
    for (const kind of ['intro', 'intro', 'reply']) {
      drafts.push(await world.submit(kind))
      await world.pass(2_000)
    }
    const list = await listReviews(world.api, ada, { limit: 10 })
    expect(list.ok && list.reviews.map((r) => [r.id, r.version, r.owner])).toEqual(
      expect.arrayContaining(drafts.map((id) => [id, 1, 'ada'])),
    )
    const sales = list.ok ? list.reviews.filter((r) => r.kind === 'intro').map((r) => r.id) : []
    expect(sales).toEqual(drafts.slice(0, 2))
  })

  it('of what is in flight comes from the overview', async () => {
    const world = new World()
    world.model.script = () => text('done', 5_000)
    const [mine, bobs] = [await world.submit(), await world.submit('step', { owner: 'bob' })]
    await world.pass(3_000)
    const inFlight = async (caller = ada) => {
      const list = await listJobs(world.api, caller, { state: 'in-flight', limit: 10 })
      return list.ok ? list.jobs.map((j) => j.id).sort() : list.code
    }
    expect(await inFlight()).toEqual([mine])
    expect(await inFlight(ADMIN)).toEqual([mine, bobs].sort())
  })
})

describe('the pages of a list', () => {
  const KINDS = ['reply', 'step', 'nudge']
  it.each([1, 2, 3, 5, 7, 100])('of %i hold every job once, in order', async (limit) => {
    const world = asleep()
    const ids: string[] = []
    for (const kind of KINDS) ids.push(...(await world.submitMany(5, kind)))
    const pages = await everyPage(world, { owner: 'ada', limit })
    expect(pages.flat()).toEqual(ids)
    for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit)
  })

  it('hold every job once that was there throughout, whatever comes and goes meanwhile', async () => {
    const world = asleep()
    const ids: string[] = []
    for (const kind of KINDS) ids.push(...(await world.submitMany(6, kind)))
    const leaving = ids.filter((_, i) => i % 4 === 1)
    const between = async () => {
      const id = leaving.pop()
      if (id) await cancel(world.api, ada, id)
      await world.submit(KINDS[leaving.length % 3] as string)
    }
    const seen = (await everyPage(world, { owner: 'ada', limit: 2 }, ada, between)).flat()
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.filter((id) => ids.includes(id) && ids.indexOf(id) % 4 !== 1)).toEqual(
      ids.filter((_, i) => i % 4 !== 1),
    )
  })

  it('hold every own job once among those of others', async () => {
    const world = new World()
    world.model.script = () => providerError(400)
    const mine: string[] = []
    for (let i = 0; i < 20; i++) {
      const id = await world.submit('step', { owner: i % 5 === 2 ? 'ada' : 'bob' })
      if (i % 5 === 2) mine.push(id)
    }
    await world.until(() => world.model.calls.length === 20)
    await world.pass(1_000)
    expect((await everyPage(world, { attention: 'failed', limit: 3 })).flat().sort()).toEqual(mine.sort())
  })
})

describe('a cursor', () => {
  const request: ListRequest = { owner: 'ada', limit: 2 }
  async function withCursor(): Promise<{ world: World; cursor: string }> {
    const world = asleep()
    await world.submitMany(5)
    const page = await listJobs(world.api, ada, request)
    return { world, cursor: (page.ok && page.cursor) || 'none' }
  }
  it('shows nothing of where the list stands', async () => {
    const { cursor } = await withCursor()
    expect(Buffer.from(cursor, 'base64url').toString('latin1')).not.toMatch(/ada|main|lane/)
  })

  const asked = async (world: World, cursor: string, caller = ada, other: Partial<ListRequest> = {}) => {
    const page = await listJobs(world.api, caller, { ...request, ...other, cursor })
    return page.ok ? 'read' : page.code
  }

  it('is read by who got it, for the list it was given for, for a day', async () => {
    const { world, cursor } = await withCursor()
    expect(await asked(world, cursor)).toBe('read')
    await world.pass(CURSOR_GOOD_MS)
    expect(await asked(world, cursor)).toBe('read')
    await world.pass(1)
    expect(await asked(world, cursor)).toBe('bad-cursor')
  })

  it('of another caller is refused', async () => {
    const { world, cursor } = await withCursor()
    expect(await asked(world, cursor, aCaller('bob', { mayActFor: ['ada'] }))).toBe('bad-cursor')
  })

  it.each([
    { tier: 'low' },
    { owner: undefined, attention: 'failed' },
    { owner: undefined, attention: 'review' },
  ] as const)('is refused for another list (%o)', async (other) => {
    const { world, cursor } = await withCursor()
    expect(await asked(world, cursor, ada, other)).toBe('bad-cursor')
    expect(await listReviews(world.api, ada, { limit: 2, cursor })).toMatchObject({ code: 'bad-cursor' })
  })

  it('that was changed anywhere is refused', async () => {
    const { world, cursor } = await withCursor()
    for (let i = 0; i < cursor.length; i++) {
      const changed = cursor.slice(0, i) + (cursor[i] === 'A' ? 'B' : 'A') + cursor.slice(i + 1)
      expect(await asked(world, changed), `letter ${i}`).toBe('bad-cursor')
    }
  })

  it.each(['', '.', 'x', 'x.y', 'e30.e30', `${'a'.repeat(900)}.b`])(
    'that is nonsense (%s) is refused',
    async (cursor) => {
      const { world } = await withCursor()
      expect(await asked(world, cursor)).toBe('bad-cursor')
    },
  )

  it('made with another key is refused', async () => {
    const { world } = await withCursor()
    const key = world.live()[0]?.key as never
    expect(await asked(world, writeCursor('another key', { key, scope: 'ada|ada||', now: world.now() }))).toBe(
      'bad-cursor',
    )
  })

  it('into a lane that the configuration no longer has is refused, not read from somewhere', async () => {
    const world = new World({
      pools: { old: { provider: { kind: 'bedrock' }, requests: 10 } },
      kinds: { step: { pool: 'old' } },
    })
    world.wakes = false
    await world.submitMany(5)
    const page = await listJobs(world.api, ada, request)
    const { old: _, ...pools } = world.api.settings.pools
    const later = { ...world.api, settings: { ...world.api.settings, pools } }
    await world.submitMany(3, 'reply')
    expect(await listJobs(later, ada, { ...request, cursor: page.ok ? page.cursor : '' })).toMatchObject({
      code: 'bad-cursor',
    })
  })
})
