import { describe, expect, it } from 'vitest'
import type { Settings } from '../../core/settings.ts'
import { cancel } from '../../services/cancel.ts'
import { getJob } from '../../services/get-job.ts'
import { type ListRequest, listJobs } from '../../services/list-jobs.ts'
import { listReviews } from '../../services/list-reviews.ts'
import { overview } from '../../services/pools.ts'
import { redrive } from '../../services/redrive.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { providerError, text } from '../support/fake-model.ts'
import { asleep, World } from '../support/world.ts'

const ada = aCaller()
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

  it('of what needs attention or is in flight has only the owner and the tier that are asked for', async () => {
    const world = new World({ kinds: { reply: { review: { policy: 'required' } } } })
    const jobs: string[] = []
    world.model.script = ({ jobId }) => text('done', jobs.slice(2, 4).includes(jobId) ? 60_000 : 0)
    for (const owner of ['ada', 'bob', 'cid'])
      for (const kind of ['reply', 'intro']) jobs.push(await world.submit(kind, { owner }))
    await world.pass(15_000)
    const [mine, , bobs, , cids] = jobs
    const asked = async (request: Omit<ListRequest, 'limit'>, caller = ADMIN) => {
      const list = await listJobs(world.api, caller, { ...request, limit: 10 })
      return list.ok ? list.jobs.map((j) => j.id) : list.code
    }
    expect(await asked({ attention: 'review', owner: 'ada', tier: 'high' })).toEqual([mine])
    expect(await asked({ attention: 'review', tier: 'high' })).toEqual([mine, cids])
    expect(await asked({ state: 'in-flight', owner: 'bob', tier: 'high' })).toEqual([bobs])
    expect(await asked({ state: 'in-flight', owner: 'cid' })).toEqual([])
    expect(await asked({ attention: 'failed', owner: 'cid' }, ada)).toBe('owner-not-yours')
    expect(await asked({ attention: 'failed', state: 'in-flight' })).toBe('invalid-request')
    expect(await asked({ state: 'in-flight', cursor: 'x' })).toBe('bad-cursor')
  })

  it('of reviews keeps the inbox of a team that no kind names any more, where it is named beside them', async () => {
    const world = new World()
    const id = await world.submit('intro')
    await world.until(() => world.liveOf(id)[0]?.state === 'in-review')
    const shown = async (reviewTeams?: string[]) => {
      const { settings: before } = world.api
      const kinds = { ...before.kinds, intro: { ...before.kinds['intro'], review: { policy: 'none' } } }
      const settings = { ...before, kinds, ...(reviewTeams ? { reviewTeams } : {}) } as Settings
      const list = await listReviews({ ...world.api, settings }, ada, { limit: 10 })
      return list.ok && list.reviews.map((r) => r.id)
    }
    expect(await shown()).toEqual([])
    expect(await shown(['sales', 'support'])).toEqual([id])
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

  it('of what is in flight says since when, but of what a takeover found on its way', async () => {
    const world = new World()
    world.model.script = () => text('done', 60_000)
    const id = await world.submit()
    await world.pass(3_000)
    const listed = async () => {
      const list = await listJobs(world.api, ada, { state: 'in-flight', limit: 10 })
      const shown = await overview(world.api, ada)
      return [list.ok && list.jobs, shown.ok && shown.pools['main']?.inFlight]
    }
    const [call] = world.model.calls
    const since = new Date(call?.at as number).toISOString()
    const job = { owner: 'ada', tier: 'medium' }
    expect(await listed()).toEqual([
      [{ ...job, id, state: 'in-flight', since }],
      [{ ...job, jobId: id, slot: call?.at }],
    ])
    const ledger = world.tables.get('capacity', { pk: 'main', sk: 'ledger' }) as object
    world.tables.commit([{ table: 'capacity', put: { ...ledger, state: 'free', epoch: 9 } as never }])
    void world.dispatch()
    await world.pass(3_000)
    expect(await listed()).toEqual([[{ ...job, id, state: 'in-flight' }], [{ ...job, jobId: id }]])
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
