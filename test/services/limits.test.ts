/** Limits beside calls in a window: what calls really use, a longer window, calls in flight. */
import { describe, expect, it } from 'vitest'
import { ledgerKey } from '../../adapters/keys.ts'
import type { PoolSettings } from '../../core/settings.ts'
import { getJob } from '../../services/get-job.ts'
import { pools } from '../../services/pools.ts'
import { submit } from '../../services/submit.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { providerError, type Reply, text } from '../support/fake-model.ts'
import { fullestWindow } from '../support/windows.ts'
import { World } from '../support/world.ts'

const using = (inputTokens: number, outputTokens: number, cacheReadTokens = 0): Reply => {
  const { answer, afterMs } = text()
  return { answer: { ...answer, usage: { inputTokens, outputTokens, cacheReadTokens } } as Reply['answer'], afterMs }
}
const callTimes = (world: World) => world.model.calls.map((c) => c.at)
const reasonOf = async (world: World, id: string) => {
  const found = await getJob(world.api, aCaller(), id)
  return found.ok ? found.job.waiting?.reason : undefined
}
/** Each of the world's jobs reserves somewhat more than its 50 tokens of output. */
const bursts = { requests: 10_000, pacing: 'burst', windowMs: 60_000 } as const

describe('what calls really use', () => {
  it.each([
    { accounting: 'bedrock', reply: using(10, 10), calls: 5 },
    { accounting: 'anthropic', reply: using(400, 10, 390), calls: 5 },
    { accounting: 'total', reply: using(10, 10), calls: 2 },
  ] as const)(
    'counts from then on, where $accounting gives back what was reserved',
    async ({ accounting, reply, calls }) => {
      const world = new World({ pool: { ...bursts, tokens: 140, accounting } })
      world.model.script = () => reply
      await world.submitMany(5)
      await world.pass(50_000)
      expect(world.model.calls).toHaveLength(calls)
    },
  )

  it('counts as reserved where the provider does not tell, or fails', async () => {
    const world = new World({ pool: { ...bursts, tokens: 140, accounting: 'bedrock' } })
    world.model.script = (_, nth) => (nth === 1 ? providerError(500) : text())
    await world.submitMany(3)
    await world.pass(50_000)
    expect(world.model.calls).toHaveLength(2)
  })

  it('that was more than was reserved counts too: whoever comes next waits', async () => {
    const world = new World({ pool: { ...bursts, tokens: 1_000, accounting: 'bedrock' } })
    world.model.script = () => using(990, 5)
    await world.ended([await world.submit()])
    const later = await world.submit()
    await world.pass(5_000)
    expect(world.model.calls).toHaveLength(1)
    expect(await reasonOf(world, later)).toBe('CAPACITY_TPM')
    await world.ended([later], 70_000)
  })

  it('sets the pace: what was reserved for more than was used leaves no gap', async () => {
    const world = new World({ pool: { requests: 10_000, windowMs: 6_000, tokens: 3_000, accounting: 'bedrock' } })
    await world.submitMany(600)
    world.model.script = () => using(10, 10)
    await world.pass(20_000)
    const allowed = (20_000 / 6_700) * (3_000 / 20)
    expect(world.model.calls.length / allowed).toBeGreaterThan(0.8)
    expect(fullestWindow(callTimes(world), 6_000)).toBeLessThanOrEqual(150)
  })

  it('shows in the pool, and in the turns of owners who share tokens', async () => {
    const world = new World({
      pool: { requests: 60, windowMs: 6_000, share: 'tokens', accounting: 'bedrock', tokens: 1e6 },
    })
    const ada = new Set(await world.submitMany(300, 'step', { owner: 'ada' }))
    await world.submitMany(300, 'step', { owner: 'bob' })
    world.model.script = ({ jobId }) => using(10, ada.has(jobId) ? 90 : 20)
    await world.pass(20_000)
    const ofAda = world.model.calls.filter((c) => ada.has(c.jobId)).length
    const ofBob = world.model.calls.length - ofAda
    expect(ofBob / ofAda).toBeGreaterThan(2.5)
    expect(ofBob / ofAda).toBeLessThan(4)
    const seen = await pools(world.api, ADMIN)
    const used = seen.ok ? seen.pools[0]?.used.window : {}
    expect(used?.requests).toBeGreaterThan(50)
    expect(used?.tokens).toBeLessThan((used?.requests as number) * 100)
  })
})

describe('input and output limited apart', () => {
  it('never let a window hold more of either, and say so', async () => {
    const world = new World({ pool: { ...bursts, inputTokens: 1_000, outputTokens: 150, accounting: 'total' } })
    const ids = await world.submitMany(8)
    await world.pass(30_000)
    expect(world.model.calls).toHaveLength(3)
    expect(await reasonOf(world, ids.at(-1) as string)).toBe('CAPACITY_TPM')
  })

  it('refuse at once what is larger than either, with what it would take', async () => {
    const world = new World({ pool: { ...bursts, outputTokens: 49 } })
    const refused = await submit(world.api, ADMIN, { kind: 'step', input: { name: 'Grace' } })
    expect(refused).toMatchObject({ code: 'larger-than-pool' })
    expect(JSON.stringify(refused)).toContain('50 tokens of output, and 49 are allowed')
  })
})

describe('a longer window', () => {
  const day = { windowMs: 300_000, requests: 20 }

  it('is never exceeded, says why jobs wait, and is kept over a change of dispatchers', async () => {
    const world = new World({ pool: { requests: 10, windowMs: 10_000, day } })
    world.start()
    const ids = await world.submitMany(45)
    await world.pass(60_000)
    expect(world.model.calls).toHaveLength(20)
    expect(await reasonOf(world, ids.at(-1) as string)).toBe('CAPACITY_DAY')
    expect(world.tables.get('capacity', ledgerKey('main'))).toHaveProperty('day')
    void world.dispatch('main', world.now() + 100)
    await world.ended(ids, 900_000)
    expect(fullestWindow(callTimes(world), day.windowMs)).toBe(20)
  })

  it('is forgotten with its setting: set again it does not take an old count for a true one', async () => {
    const world = new World({ pool: { requests: 10, windowMs: 10_000, day } })
    world.start()
    await world.ended([await world.submit()])
    const { main } = world.api.settings.pools
    delete (main as Partial<PoolSettings>).day
    void world.dispatch('main', world.now() + 100)
    await world.pass(100_000)
    await world.ended([await world.submit()])
    expect(world.tables.get('capacity', ledgerKey('main'))).not.toHaveProperty('day')
  })

  it('begins empty, or full where the settings say so', async () => {
    const full = new World({ pool: { requests: 10, windowMs: 10_000, day: { ...day, history: 'full' } } })
    full.start()
    await full.submit()
    await full.pass(290_000)
    expect(full.model.calls).toHaveLength(0)
    await full.pass(30_000)
    expect(full.model.calls).toHaveLength(1)
  })
})

describe('calls in flight', () => {
  it('are never more than the pool allows, whatever a window allows, and say why others wait', async () => {
    const world = new World({ pool: { ...bursts, concurrency: 3 } })
    let [running, most] = [0, 0]
    world.model.script = () => {
      most = Math.max(most, ++running)
      void world.clock.until(world.now() + 400).then(() => running--)
      return text('done', 400)
    }
    const ids = await world.submitMany(30)
    await world.pass(1_000)
    expect(await reasonOf(world, ids.at(-1) as string)).toBe('CAPACITY_CONCURRENCY')
    await world.ended(ids, 60_000)
    expect(most).toBe(3)
  })
})
