/** What is reserved for answers, once it is known how long they are. */
import { describe, expect, it } from 'vitest'
import { ledgerKey } from '../../adapters/keys.ts'
import { getJob } from '../../services/get-job.ts'
import type { ModelRequest } from '../../services/ports.ts'
import { aCaller } from '../support/callers.ts'
import { providerError, type Reply, text } from '../support/fake-model.ts'
import { fullestWindow } from '../support/windows.ts'
import { World } from '../support/world.ts'

const ALLOWED = 500
const POOL = { requests: 10_000, tokens: 20_000, windowMs: 6_000, history: 'empty' } as const
/** An answer of so many tokens, as far as it is allowed. */
const answered = ({ maxOutputTokens }: ModelRequest, tokens: number): Reply => {
  const { answer, afterMs } = text()
  const usage = { inputTokens: 10, outputTokens: Math.min(tokens, maxOutputTokens) }
  return { answer: { ...answer, usage, whole: tokens <= maxOutputTokens } as Reply['answer'], afterMs }
}

function world(
  kind: object = {},
  pool: object = {},
): { world: World; allowed: number[]; lengthOf: (id: string) => number } {
  const made = new World({ pool: { ...POOL, ...pool }, kinds: { step: { maxOutputTokens: ALLOWED, ...kind } } })
  const lengths = new Map<string, number>()
  const it = { world: made, allowed: [] as number[], lengths, lengthOf: (id: string) => lengths.get(id) ?? 40 }
  made.model.script = (request) => {
    it.allowed.push(request.maxOutputTokens)
    return answered(request, it.lengthOf(request.jobId))
  }
  return it
}
async function learnt(p: ReturnType<typeof world>) {
  await p.world.submitMany(300)
  await p.world.pass(60_000)
  p.allowed.length = 0
}

describe('answers that are shorter than their kind allows', () => {
  it('let a pool make several times as many calls within the same tokens, once that is known', async () => {
    const { world: w } = world({}, { accounting: 'total' })
    await w.submitMany(4_000)
    await w.pass(6_000)
    const before = w.model.calls.length
    await w.pass(40_000)
    const from = w.model.calls.length
    await w.pass(6_000)
    expect(before).toBeLessThan(50)
    expect(w.model.calls.length - from).toBeGreaterThan(200)
  })

  it('are asked for with no more than what was reserved', async () => {
    const it = world()
    await learnt(it)
    await it.world.ended([await it.world.submit()])
    expect(it.allowed[0]).toBeGreaterThanOrEqual(40)
    expect(it.allowed[0]).toBeLessThan(60)
  })

  it('show in the overview what is reserved instead, and how much that gave back', async () => {
    const it = world()
    await learnt(it)
    await it.world.submitMany(20)
    await it.world.pass(5_000)
    const overview = await it.world.api.capacity.overview({ pool: 'main' })
    expect(overview?.learned?.step).toBeLessThan(60)
    expect(overview?.recovered).toBeGreaterThan(20 * 400)
  })

  it('give back nothing where a call fails', async () => {
    const it = world()
    await learnt(it)
    const recovered = async () => (await it.world.api.capacity.overview({ pool: 'main' }))?.recovered
    await it.world.pass(3_000)
    const before = await recovered()
    it.world.model.script = () => providerError(400)
    await it.world.ended(await it.world.submitMany(20))
    await it.world.pass(3_000)
    expect(await recovered()).toBe(before)
  })

  it('are known to the next holder', async () => {
    const it = world()
    await learnt(it)
    expect(it.world.tables.get('capacity', ledgerKey('main'))).toMatchObject({ lengths: { step: { calls: 300 } } })
    await it.world.pass(120_000)
    await it.world.ended([await it.world.submit()])
    expect(it.world.holders.length).toBeGreaterThan(1)
    expect(it.allowed[0]).toBeLessThan(60)
  })
})

describe('an answer that is longer than nearly all', () => {
  it('is asked for again whole, at once and at the cost of no attempt', async () => {
    const it = world()
    await learnt(it)
    const id = await it.world.submit()
    it.lengthOf = (job) => (job === id ? 300 : 40)
    await it.world.ended([id])
    expect(it.allowed).toEqual([expect.any(Number), ALLOWED])
    const found = await getJob(it.world.api, aCaller(), id)
    expect(found).toMatchObject({ ok: true, job: { state: 'succeeded', attempts: 1, usage: { outputTokens: 300 } } })
    expect(it.world.counted('AnswersCut')).toBe(1)
  })

  it('is taken as it is where it is longer than its kind allows', async () => {
    const it = world()
    await learnt(it)
    const id = await it.world.submit()
    it.lengthOf = (job) => (job === id ? 10_000 : 40)
    await it.world.ended([id])
    expect(it.allowed).toHaveLength(2)
    expect(await getJob(it.world.api, aCaller(), id)).toMatchObject({ job: { usage: { outputTokens: ALLOWED } } })
  })

  it('makes what is reserved grow when there are more of them', async () => {
    const it = world()
    await learnt(it)
    it.lengthOf = () => 200
    await it.world.submitMany(30)
    await it.world.pass(60_000)
    it.allowed.length = 0
    await it.world.ended([await it.world.submit()])
    expect(it.allowed).toHaveLength(1)
    expect(it.allowed[0]).toBeGreaterThanOrEqual(200)
  })
})

describe('input that is less than it is estimated at', () => {
  /** Nothing of the answer is reserved: what Anthropic counts. */
  const pool = { ...POOL, tokens: undefined, inputTokens: 20_000, accounting: 'anthropic' } as const
  const USED = 500
  /** Calls that take half of a window. */
  async function perWindow(kind: object): Promise<{ calls: number; world: World }> {
    const made = new World({ pool, kinds: { step: { prompt: 'x'.repeat(3_000), ...kind } } })
    made.model.script = () => {
      const { answer } = text()
      return { answer: { ...answer, usage: { inputTokens: USED, outputTokens: 9 } } as Reply['answer'], afterMs: 3_000 }
    }
    await made.submitMany(1_000)
    await made.pass(60_000)
    const from = made.model.calls.length
    await made.pass(30_000)
    return { calls: (made.model.calls.length - from) / 5, world: made }
  }

  it('takes no more than that of the limit before its call is settled, once that is known', async () => {
    const [whole, learned] = [await perWindow({ reserve: 'all' }), await perWindow({})]
    expect(learned.calls).toBeGreaterThan(1.2 * whole.calls)
    const starts = learned.world.model.calls.map((call) => call.at)
    expect(fullestWindow(starts, pool.windowMs) * USED).toBeLessThanOrEqual(pool.inputTokens)
    const overview = await learned.world.api.capacity.overview({ pool: 'main' })
    expect(overview?.learnedInput?.step).toBeGreaterThanOrEqual(0.5)
    expect(overview?.learnedInput?.step).toBeLessThan(0.7)
    expect(overview?.recovered).toBeGreaterThan(100_000)
  })

  it('is known to the next holder', async () => {
    const { world: w } = await perWindow({})
    expect(w.tables.get('capacity', ledgerKey('main'))).toMatchObject({
      inputs: { step: { calls: expect.any(Number) } },
    })
    await w.pass(20 * 60_000)
    await w.ended([await w.submit()])
    await w.pass(2_000)
    expect(w.holders.length).toBeGreaterThan(1)
    const overview = await w.api.capacity.overview({ pool: 'main' })
    expect(overview?.learnedInput?.step).toBeLessThan(0.7)
  })
})

describe('all that its kind allows is asked for', () => {
  it.each([
    { what: 'where its kind says so', kind: { reserve: 'all' }, pool: {} },
    { what: 'where no tokens are limited', kind: {}, pool: { tokens: undefined } },
  ])('$what', async ({ kind, pool }) => {
    const it = world(kind, pool)
    await learnt(it)
    await it.world.ended([await it.world.submit()])
    expect(it.allowed).toEqual([ALLOWED])
    expect(it.world.tables.get('capacity', ledgerKey('main'))).not.toHaveProperty('lengths')
  })
})
