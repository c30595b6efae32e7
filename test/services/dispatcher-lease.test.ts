import { describe, expect, it } from 'vitest'
import { ledgerKey } from '../../adapters/keys.ts'
import { LEASE_MS } from '../../core/lease.ts'
import { run } from '../../services/dispatch/run.ts'
import type { CapacityStore, JobStore, RingStore } from '../../services/ports.ts'
import { providerError, text } from '../support/fake-model.ts'
import { diesAt } from '../support/port-faults.ts'
import { fullestWindow } from '../support/windows.ts'
import { START, World } from '../support/world.ts'

const leaseOf = (world: World) =>
  world.tables.get('capacity', ledgerKey('main')) as { state: string; epoch: number } | undefined
const called = (world: World) => world.model.calls.map((c) => c.jobId).sort()
const callTimes = (world: World) => world.model.calls.map((c) => c.at)

/** A world whose dispatcher was at work, and is about to end. */
async function ending(): Promise<World> {
  const world = new World()
  await world.ended([await world.submit()])
  return world
}

describe('the lease', () => {
  it('is held by one dispatcher, however many are started', async () => {
    const world = new World()
    for (let i = 0; i < 4; i++) void world.dispatch()
    await world.pass(1_000)
    expect(world.runs.map((r) => r.end)).toEqual([undefined, 'taken', 'taken', 'taken'])
  })

  it('is never held twice at a time over hours of schedule, work and rest', async () => {
    const world = new World()
    world.start()
    for (let i = 0; i < 30; i++) {
      await world.submit()
      await world.pass(20_000 + 70_000 * world.random.unit())
    }
    const held = world.runs.filter((r) => r.end !== 'taken')
    for (const [i, r] of held.entries()) if (i > 0) expect(r.from).toBeGreaterThanOrEqual(held[i - 1]?.to ?? Infinity)
    expect(world.model.calls).toHaveLength(30)
  })

  it('is kept by a holder that only waits', async () => {
    const world = await ending()
    await world.submit('step', { startAt: world.now() + 58_000 })
    for (const ms of [29_900, 200, 20_000]) {
      await world.pass(ms)
      void world.dispatch()
    }
    await world.pass(100)
    expect(world.runs.map((r) => r.end)).toEqual([undefined, 'taken', 'taken', 'taken'])
  })

  it('is kept by a holder that has thousands of lanes to read first', async () => {
    const world = new World()
    const owners = Array.from({ length: 600 }, (_, i) => ({ owner: `owner-${i}`, tiers: {}, turn: 0, v: 0 }))
    await world.api.rings.note({ pool: 'main', owners })
    const deps = world.process()
    const lane: JobStore['lane'] = async (p) => {
      await world.clock.until(world.now() + 500)
      return deps.jobs.lane(p)
    }
    world.dispatcher = () => ({ ...deps, jobs: { ...deps.jobs, lane } })
    const id = await world.submit()
    await world.pass(50_000)
    void world.dispatch()
    await world.ended([id])
    expect(world.runs.map((r) => r.end)).toEqual([undefined, 'taken'])
  })

  it('is given back when there is nothing to do, and costs nothing until the next job', async () => {
    const world = await ending()
    await world.pass(20_000)
    expect(world.runs).toMatchObject([{ end: 'idle' }])
    expect(leaseOf(world)).toMatchObject({ state: 'free' })
    await expect(world.pass(600_000)).resolves.toBeUndefined()
    expect(world.runs).toHaveLength(1)
  })

  it('is handed over at the deadline, in the middle of the work', async () => {
    const world = new World()
    const ids = await world.submitMany(60)
    void world.dispatch('main', world.now() + 5_000)
    await world.ended(ids)
    const [first, second] = world.runs.filter((r) => r.end !== 'taken')
    expect(first).toMatchObject({ end: 'handed-over' })
    expect((first?.to as number) - START).toBeLessThan(5_200)
    expect((second?.from as number) - (first?.to as number)).toBe(50)
    expect(called(world)).toEqual(ids.sort())
    expect(Math.max(...callTimes(world)) - START).toBeLessThan(60 * 203 + 2_000)
  })

  it('is handed over without delay where its last picture cannot be written', async () => {
    const world = new World()
    const until = world.now() + 5_000
    const shaky = world.process(({ method }) =>
      method === 'putOverview' && world.now() >= until ? 'fails-before' : undefined,
    )
    world.dispatcher = (n) => (n === 1 ? shaky : world.process())
    const ids = await world.submitMany(60)
    void world.dispatch('main', until)
    await world.ended(ids)
    const [first, second] = world.runs.filter((r) => r.end !== 'taken')
    expect(first).toMatchObject({ end: 'handed-over' })
    expect((second?.from as number) - (first?.to as number)).toBe(50)
  })

  it('lets the last leased slot pass before its next holder sends', async () => {
    const world = new World()
    const ids = await world.submitMany(60)
    void world.dispatch('main', world.now() + 5_000)
    await world.ended(ids)
    const change = world.runs.find((r) => r.end === 'handed-over')?.to as number
    const slots = (of: typeof world.messages) => of.flatMap((m) => m.jobs.map((j) => j.slot))
    const before = slots(world.messages.filter((m) => m.sentAt <= change))
    const after = slots(world.messages.filter((m) => m.sentAt > change))
    expect(Math.min(...after)).toBeGreaterThan(Math.max(...before) + 250)
  })

  it('goes when its holder is told to stop, with the turns noted', async () => {
    const world = new World()
    world.wakes = false
    await world.submitMany(30)
    const stop = new AbortController()
    const ran = run(world.process(), { pool: 'main', until: Infinity, signal: stop.signal })
    await world.pass(1_500)
    stop.abort()
    expect(await world.clock.during(ran)).toBe('stopped')
    expect(leaseOf(world)).toMatchObject({ state: 'free' })
    const [kept] = await world.api.rings.records({ pool: 'main', owners: ['ada'] })
    expect(kept?.turns.tiers.medium?.turn).toBe(world.messages.flatMap((m) => m.jobs).length)
  })
})

describe('a holder that vanishes', () => {
  it.each(['before', 'after'] as const)('%s any one of its calls loses no job and doubles no call', async (when) => {
    for (let k = 1; ; k++) {
      const world = new World({ pool: { requests: 3_000 } })
      world.dispatcher = (n) => world.process(n === 1 ? diesAt(k, when) : undefined)
      world.start()
      const ids = [...(await world.submitMany(7)), ...(await world.submitMany(3, 'reply', { owner: 'bob' }))]
      await world.pass(150)
      const twice = await world.submitMany(3, 'nudge', { owner: 'eve' })
      world.model.script = ({ jobId }, nth) => (nth === 1 && twice.includes(jobId) ? providerError(500) : text())
      await world.ended([...ids, ...twice], 3 * 60_000)
      expect(called(world), `after call ${k}`).toEqual([...ids, ...twice, ...twice].sort())
      // It lived long enough to do it all.
      if (world.runs.length === 1) return expect(k).toBeGreaterThan(20)
    }
  })

  it('and wakes up after its lease sends only what workers refuse', async () => {
    const world = new World()
    let wake = (): void => undefined
    const asleep = new Promise<void>((resolve) => {
      wake = resolve
    })
    const healthy = world.process()
    const queue = { send: (p: Parameters<typeof healthy.queue.send>[0]) => asleep.then(() => healthy.queue.send(p)) }
    world.dispatcher = (n) => (n === 1 ? { ...healthy, queue } : world.process())
    const ids = await world.submitMany(10)
    await world.pass(LEASE_MS + 1_000)
    world.start()
    await world.ended(ids)
    wake()
    await world.pass(10_000)
    expect(world.runs[0]).toMatchObject({ end: 'lost' })
    expect(called(world)).toEqual(ids.sort())
    expect(fullestWindow(callTimes(world), 1_000)).toBeLessThanOrEqual(6)
  })

  it('in the middle of a call leaves the job to its worker', async () => {
    const world = new World()
    world.model.script = () => text('done', 75_000)
    world.dispatcher = (n) => world.process(n === 1 ? diesAt(40, 'before') : undefined)
    world.start()
    const id = await world.submit()
    await world.ended([id], 120_000)
    expect(world.runs.length).toBeGreaterThan(1)
    await world.pass(60_000)
    expect(world.model.of(id)).toHaveLength(1)
  })
})

describe('a dispatcher that waits', () => {
  it.each([100, 1_000])('looks for bells every %i ms, as it is told to', async (ms) => {
    const world = new World()
    world.wakes = false
    await world.submit('step', { startAt: world.now() + 50_000 })
    const deps = world.process()
    const looks: number[] = []
    const bells: RingStore['bells'] = (p) => {
      looks.push(world.now())
      return deps.rings.bells(p)
    }
    const told = { pool: 'main', until: world.now() + 60_000, lookEveryMs: () => ms }
    void run({ ...deps, rings: { ...deps.rings, bells } }, told)
    await world.pass(10_000)
    const waits = looks.slice(1).map((at, i) => at - (looks[i] as number))
    expect(new Set(waits)).toEqual(new Set([ms]))
  })
})

describe('a dispatcher that ends', () => {
  it.each([0, 400, 800, 1_200])(
    'hears a bell that came %i ms after it began to, from one who still knew it held',
    async (ms) => {
      const world = await ending()
      world.wakes = false
      while (leaseOf(world)?.state === 'held') {
        await world.pass(300)
        if (leaseOf(world)?.state === 'held') await world.api.doorbell.rung('main')
      }
      expect(leaseOf(world)?.state).toBe('ending')
      await world.pass(ms)
      const id = await world.submit()
      await world.ended([id], 4_000)
      expect(world.runs).toHaveLength(1)
    },
  )

  it.each([100, 900, 1_900])('makes a job that comes %i ms after it began to wait for no end', async (ms) => {
    const world = await ending()
    await world.until(() => leaseOf(world)?.state === 'ending')
    await world.pass(ms)
    const at = world.now()
    const id = await world.submit()
    await world.ended([id], 4_000)
    expect((world.model.of(id)[0]?.at as number) - at).toBeLessThan(500)
  })

  it('takes no longer with a bell that came between its last look and its going', async () => {
    const world = new World()
    const deps = world.process()
    let late: string | undefined
    const write: CapacityStore['write'] = async (p) => {
      if (p.record.state === 'free' && !late) {
        late = await world.submit()
        await world.clock.until(world.now() + 200)
      }
      return deps.capacity.write(p)
    }
    world.dispatcher = (n) => (n === 1 ? { ...deps, capacity: { ...deps.capacity, write } } : world.process())
    await world.ended([await world.submit()])
    await world.until(() => late !== undefined)
    await world.ended([late as string], 1_500)
  })

  it('does not end while something is due within a minute, and ends when it is later', async () => {
    const soon = await ending()
    await soon.submit('step', { startAt: soon.now() + 55_000 })
    await soon.pass(50_000)
    expect(soon.runs.map((r) => r.end)).toEqual([undefined])
    const later = await ending()
    await later.submit('step', { startAt: later.now() + 150_000 })
    await later.pass(50_000)
    expect(later.runs).toMatchObject([{ end: 'idle' }])
  })

  it('does not end while a call of its is on its way', async () => {
    const world = new World()
    world.model.script = () => text('done', 50_000)
    await world.submit()
    await world.pass(45_000)
    expect(world.runs.map((r) => r.end)).toEqual([undefined])
  })
})

describe('a job that was asked to start later', () => {
  it.each([3_000, 61_000, 75_000, 600_000, 5_400_000])('in %i ms starts then, and not before', async (ms) => {
    const world = new World()
    world.start()
    const startAt = world.now() + ms
    const id = await world.submit('step', { startAt })
    await world.ended([id], ms + 5_000)
    const [call] = world.model.of(id)
    expect((call?.at as number) - startAt).toBeGreaterThanOrEqual(0)
    expect((call?.at as number) - startAt).toBeLessThan(1_000)
  })
})

describe('a job submitted to a queue at rest', () => {
  it.each([0, 5_000, 15_000, 17_500, 30_000, 599_990, 600_010])('for %i ms starts within a second', async (ms) => {
    const world = await ending()
    await world.pass(ms)
    const at = world.now()
    const id = await world.submit()
    await world.ended([id], 5_000)
    expect((world.model.of(id)[0]?.at as number) - at).toBeLessThan(1_000)
  })
})
