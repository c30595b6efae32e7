import { describe, expect, it } from 'vitest'
import { text } from '../support/fake-model.ts'
import { fullestWindow } from '../support/windows.ts'
import { START, World } from '../support/world.ts'

const WINDOW_MS = 60_000
const LIMIT = 300
/** Window plus guard, as docs/guarantees.md derives it. */
const SPAN_MS = 60_700
const callTimes = (world: World) => world.model.calls.map((c) => c.at)
const slots = (world: World) => world.messages.flatMap((m) => m.jobs.map((j) => j.slot))

/** Three owners in three tiers with more to do than the window allows, answers and messages that take their time. */
async function backlogged(world: World, jobs: number): Promise<string[]> {
  const { random } = world
  world.model.script = () => text('done', 300 + 8_000 * random.unit())
  const ids: string[] = []
  for (const [kind, owner] of [
    ['reply', 'ada'],
    ['step', 'bob'],
    ['nudge', 'eve'],
  ] as const)
    ids.push(...(await world.submitMany(jobs / 3, kind, { owner })))
  return ids
}

describe('300 in any minute, under backlog', () => {
  it('is never exceeded in any window, and its paced slots are used', async () => {
    const world = new World()
    world.delivery = () => [10 + 100 * world.random.unit()]
    await backlogged(world, 1_500)
    const from = world.now()
    await world.pass(240_000)
    expect(fullestWindow(callTimes(world), WINDOW_MS)).toBeLessThanOrEqual(LIMIT)
    expect(fullestWindow(slots(world), SPAN_MS)).toBeLessThanOrEqual(LIMIT)
    const used = callTimes(world).filter((at) => at < from + 240_000).length
    expect(used / (240_000 / (SPAN_MS / LIMIT))).toBeGreaterThanOrEqual(0.97)
  })

  it('loses no job to a worker that is late: the slot is burnt, and stays counted', async () => {
    const world = new World()
    world.delivery = () => [world.random.unit() < 0.3 ? 1_500 : 30]
    const ids = await backlogged(world, 600)
    await world.ended(ids)
    expect(world.model.calls.map((c) => c.jobId).sort()).toEqual(ids.sort())
    expect(world.model.calls.every((c) => c.attempt === 1)).toBe(true)
    expect(slots(world).length).toBeGreaterThan(ids.length + 50)
    expect(fullestWindow(slots(world), SPAN_MS)).toBeLessThanOrEqual(LIMIT)
    expect(fullestWindow(callTimes(world), WINDOW_MS)).toBeLessThanOrEqual(LIMIT)
  })

  it('holds over dispatchers that hand over and die', async () => {
    const world = new World()
    world.start()
    await backlogged(world, 900)
    for (let i = 0; i < 6; i++) {
      void world.dispatch('main', world.now() + 9_000)
      await world.pass(31_000)
    }
    expect(fullestWindow(callTimes(world), WINDOW_MS)).toBeLessThanOrEqual(LIMIT)
    expect(fullestWindow(slots(world), SPAN_MS)).toBeLessThanOrEqual(LIMIT)
  })

  it('holds where everything free is sent at once', async () => {
    const world = new World({ pool: { pacing: 'burst' } })
    await backlogged(world, 900)
    await world.pass(150_000)
    expect(fullestWindow(callTimes(world), WINDOW_MS)).toBe(LIMIT)
    expect(
      fullestWindow(
        callTimes(world).filter((at) => at < START + 5_000),
        WINDOW_MS,
      ),
    ).toBe(LIMIT)
  })

  it('holds where each dispatcher hands over after its first look', async () => {
    const world = new World({ pool: { pacing: 'burst', windowMs: 10_000 } })
    world.wakes = false
    await backlogged(world, 900)
    for (let i = 0; i < 50; i++) {
      void world.dispatch('main', world.now() + 1)
      await world.pass(400)
    }
    expect(world.holders.length).toBeGreaterThan(40)
    expect(fullestWindow(callTimes(world), 10_000)).toBe(LIMIT)
  })

  it('waits a whole window first where nobody knows what was used before', async () => {
    const world = new World({ pool: { history: 'full' } })
    const id = await world.submit()
    await world.ended([id], 70_000)
    expect(callTimes(world)[0] as number).toBeGreaterThanOrEqual(START + SPAN_MS)
  })
})

describe('a limit of tokens', () => {
  it('is never exceeded in any window, as reserved, nor left unused', async () => {
    const world = new World({
      pool: { requests: 10_000, tokens: 20_000, windowMs: 10_000, accounting: 'total' },
      kinds: { step: { reserve: 'all' } },
    })
    const ids: string[] = []
    for (let i = 0; i < 900; i++) {
      const name = 'x'.repeat(Math.floor(900 * world.random.unit()))
      ids.push(await world.submit('step', { input: { name }, owner: i % 2 === 0 ? 'ada' : 'bob' }))
    }
    await world.pass(60_000)
    const tokens = (id: string) => world.parts(id)?.input.tokens as number
    const spent = world.model.calls.map(({ at, jobId }) => ({ at, tokens: tokens(jobId) }))
    for (const { at } of spent) {
      const inWindow = spent.filter((s) => s.at > at - 10_000 && s.at <= at).reduce((sum, s) => sum + s.tokens, 0)
      expect(inWindow).toBeLessThanOrEqual(20_000)
    }
    const used = spent
      .filter((s) => s.at >= START + 20_000 && s.at < START + 50_000)
      .reduce((sum, s) => sum + s.tokens, 0)
    expect(used / (30_000 * (20_000 / 10_700))).toBeGreaterThan(0.9)
  })
})

describe('a missed slot', () => {
  it('gives its owner the turn back', async () => {
    const world = new World({ pool: { requests: 60 } })
    const ada = new Set(await world.submitMany(60, 'step', { owner: 'ada' }))
    await world.submitMany(60, 'step', { owner: 'bob' })
    let missed = 0
    world.delivery = (_, { jobs }) => (jobs.some((j) => ada.has(j.key.jobId)) && missed++ < 10 ? [3_000] : [30])
    await world.until(() => world.model.calls.length === 60)
    const forAda = world.model.calls.filter((c) => ada.has(c.jobId)).length
    expect(missed).toBeGreaterThan(10)
    expect(Math.abs(forAda - 30)).toBeLessThanOrEqual(2)
  })
})
