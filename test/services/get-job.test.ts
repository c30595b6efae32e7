import { describe, expect, it } from 'vitest'
import { cancel } from '../../services/cancel.ts'
import { getJob, WAIT_S_AT_MOST } from '../../services/get-job.ts'
import { listJobs } from '../../services/list-jobs.ts'
import { listReviews } from '../../services/list-reviews.ts'
import { redrive } from '../../services/redrive.ts'
import { decide } from '../../services/review.ts'
import { submit } from '../../services/submit.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { text } from '../support/fake-model.ts'
import { asleep, World } from '../support/world.ts'

const ada = aCaller()
const state = async (world: World, id: string, waitS?: number) => {
  const found = await world.clock.during(getJob(world.api, ada, id, { waitS }))
  return found.ok ? found.job.state : found.code
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

  it('is read whole twice, however long it is waited for', async () => {
    const world = asleep()
    let whole = 0
    const load: typeof world.api.jobs.load = (p) => {
      whole++
      return world.api.jobs.load(p)
    }
    const id = await world.submit()
    await world.clock.during(getJob({ ...world.api, jobs: { ...world.api.jobs, load } }, ada, id, { waitS: 25 }))
    expect(whole).toBe(2)
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

describe('why a job waits that is ready', () => {
  const HOUR_MS = 3_600_000
  /** A pool in which six go at once, and no other for a minute. */
  async function full(before: (world: World) => Promise<unknown>, ready: readonly [kind: string, owner: string][]) {
    const world = new World({ pool: { requests: 6, windowMs: 60_000 } })
    world.start()
    await before(world)
    for (const [kind, owner] of ready) await world.submit(kind, { owner })
    await world.pass(30_000)
    const waiting = await Promise.all(
      world
        .live()
        .filter(({ key }) => key.at <= world.now())
        .map(({ key }) => getJob(world.api, ADMIN, key.jobId)),
    )
    return new Set(waiting.flatMap((found) => (found.ok ? [found.job.waiting?.reason] : [])))
  }

  it('is not that the first of another owner is to start later', async () => {
    const owners = Array.from({ length: 50 }, (_, i): [string, string] => ['step', `owner-${i % 25}`])
    const later = (world: World) => world.submit('step', { owner: 'zoe', startAt: world.now() + HOUR_MS })
    expect(await full(later, owners)).not.toContain('SCHEDULED')
  })

  it('is not that the first of another tier of its owner is', async () => {
    const later = (world: World) => world.submit('reply', { owner: 'ada', startAt: world.now() + HOUR_MS })
    const reasons = await full(later, Array(9).fill(['nudge', 'ada']))
    expect(reasons).toEqual(new Set(['CAPACITY_RPM']))
  })
})
