import { describe, expect, it } from 'vitest'
import type { SubmitRequest } from '../../services/submit.ts'
import { submitBatch } from '../../services/submit-batch.ts'
import { aCaller } from '../support/callers.ts'
import { World } from '../support/world.ts'

const asked = (over: Partial<SubmitRequest> = {}): SubmitRequest => ({
  kind: 'step',
  input: { name: 'Grace' },
  ...over,
})
const many = (count: number) => Array.from({ length: count }, (_, i) => asked({ kind: i % 2 ? 'step' : 'nudge' }))

describe('a batch', () => {
  it('of a hundred is heard of by one bell, and every one of its jobs runs once', async () => {
    const world = new World()
    world.wakes = false
    const answers = await submitBatch(world.api, aCaller(), many(100))
    expect(world.bells()).toBe(1)
    const ids = answers.map((a) => (a.ok === true ? a.jobId : 'none'))
    expect(new Set(ids).size).toBe(100)
    world.start()
    await world.ended(ids, 60_000)
    expect(world.model.calls.map((c) => c.jobId).sort()).toEqual([...ids].sort())
  })

  it('answers each entry in its place: fresh, keyed, repeated, refused', async () => {
    const world = new World()
    const keyed = asked({ idempotencyKey: 'key-1' })
    const answers = await submitBatch(world.api, aCaller(), [asked(), keyed, asked({ kind: 'none' }), keyed, asked()])
    expect(answers).toMatchObject([{ ok: true }, { ok: true }, { code: 'unknown-kind' }, { ok: true }, { ok: true }])
    expect(answers.map((a) => a.ok === true && a.repeated).filter(Boolean)).toHaveLength(1)
    const ids = answers.flatMap((a) => (a.ok === true ? [a.jobId] : []))
    await world.ended(ids, 60_000)
    expect(world.model.calls).toHaveLength(3)
  })

  it('of a hundred with keys is heard of by one bell too, and its repeat makes no second job', async () => {
    const world = new World()
    world.wakes = false
    const keyed = many(100).map((request, i) => ({ ...request, idempotencyKey: `key-${i}` }))
    const first = await submitBatch(world.api, aCaller(), keyed)
    expect(world.bells()).toBe(1)
    const again = await submitBatch(world.api, aCaller(), keyed)
    const ids = first.map((a) => (a.ok === true ? a.jobId : 'none'))
    expect(again).toEqual(ids.map((jobId) => ({ ok: true, jobId, repeated: true })))
    world.start()
    await world.ended(ids, 60_000)
    expect(world.model.calls).toHaveLength(100)
  })

  it('rings in every pool that its jobs are of', async () => {
    const other = { provider: { kind: 'bedrock' as const }, requests: 60, history: 'empty' as const }
    const world = new World({ pools: { other }, kinds: { elsewhere: { pool: 'other' } } })
    const answers = await submitBatch(world.api, aCaller(), [asked(), asked({ kind: 'elsewhere' })])
    await world.ended(
      answers.map((a) => (a.ok === true ? a.jobId : 'none')),
      60_000,
    )
  })

  const keyed = many(10).map((request, i) => ({ ...request, idempotencyKey: `key-${i}` }))
  it.each([
    ['createFresh', many(10)],
    ['createAll', keyed],
    ['enterAll', keyed],
    ['ring', keyed],
  ] as const)('that breaks at %s accepts nothing, and says so of every entry', async (broken, requests) => {
    const world = new World()
    const shaky = world.process(({ method }) => (method === broken ? 'fails-before' : undefined))
    const answers = await submitBatch(shaky, aCaller(), requests)
    expect(answers.map((a) => a.ok)).toEqual(Array(10).fill('broken'))
  })

  it('whose keyed entries broke is repeated under the same keys, and each job runs once', async () => {
    const world = new World()
    const shaky = world.process(({ method }) => (method === 'createAll' ? 'fails-after' : undefined))
    await submitBatch(shaky, aCaller(), keyed)
    const again = await submitBatch(world.api, aCaller(), keyed)
    const ids = again.map((a) => (a.ok === true ? a.jobId : 'none'))
    await world.ended(ids, 60_000)
    expect(world.model.calls).toHaveLength(10)
  })
})
