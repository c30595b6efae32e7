/** Calls of people that are passed through, in virtual time: the real services and dispatcher, a provider of a script. */
import { describe, expect, it } from 'vitest'
import type { ChatBody } from '../../core/chat.ts'
import { changePool } from '../../services/change-pool.ts'
import { CALL_LASTS_MS, chat, type OpenCall } from '../../services/chat/chat.ts'
import { ADMIN, aCaller } from '../support/callers.ts'
import { failsAt } from '../support/port-faults.ts'
import { World } from '../support/world.ts'

const WINDOW_MS = 6_000
const pat = aCaller('pat', { scopes: ['capacity:use'] })
const BODY: ChatBody = { model: 'model-a', messages: [{ role: 'user', content: 'What is a fairlead?' }] }
const PEOPLE = { models: ['model-a'], maxOutputTokens: 100 }

const shared = (pool: object = {}, more: object = {}) =>
  new World({ pool: { requests: 60, windowMs: WINDOW_MS, people: PEOPLE, ...pool }, ...more })

async function busy(pool: object = {}): Promise<World> {
  const world = shared(pool)
  await world.submitMany(400)
  world.start()
  await world.pass(2 * WINDOW_MS)
  return world
}

type Asked = { body?: Partial<ChatBody>; waitS?: number; gone?: AbortSignal; as?: typeof pat; deps?: World['api'] }
const asking = (world: World, p: Asked = {}) =>
  chat(p.deps ?? world.api, p.as ?? pat, {
    body: { ...BODY, ...p.body },
    waitS: p.waitS ?? 20,
    gone: p.gone ?? new AbortController().signal,
  })

async function meanwhile<T>(world: World, asked: Promise<T>): Promise<T> {
  let answer: { value: T } | { error: unknown } | undefined
  asked.then(
    (value) => (answer = { value }),
    (error: unknown) => (answer = { error }),
  )
  await world.until(() => answer !== undefined, 60_000)
  if (answer && 'error' in answer) throw answer.error
  return (answer as unknown as { value: T }).value
}
const ask = (world: World, p: Asked = {}) => meanwhile(world, asking(world, p))
async function open(world: World, p: Asked = {}): Promise<OpenCall> {
  const answer = await ask(world, p)
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.detail}`)
  return answer.call
}
const read = (world: World, { body }: OpenCall) => meanwhile(world, new Response(body).text())
const permitsOf = async (world: World) => (await world.api.people.read({ pool: 'main' }))?.permits ?? {}
const permitOf = async (world: World, { permit }: OpenCall) => (await permitsOf(world))[permit]
const took = async (world: World) => (await world.api.people.read({ pool: 'main' }))?.took['pat']
const all = async (world: World) => Object.values(await permitsOf(world))

describe('a call that is passed through', () => {
  it('leaves at once under a permit from the stock while agents use all that is left', async () => {
    const world = await busy()
    const asked = world.now()
    const call = await open(world)
    expect(call).toMatchObject({ pool: 'main', waitedMs: 0 })
    expect(world.chat.calls[0]?.at).toBe(asked)
    expect((await permitOf(world, call))?.useMs).toBe(300)
    expect(await read(world, call)).toBe('hello')
  })

  it('waits in line where nothing is in stock, leaves before its permit is over, and says how long it waited', async () => {
    const world = await busy({ people: { ...PEOPLE, reserve: 0 } })
    const asked = world.now()
    const call = await open(world)
    const { grantedAt = 0, useMs = 0 } = (await permitOf(world, call)) ?? {}
    const { at = 0 } = world.chat.calls[0] ?? {}
    expect(grantedAt).toBeGreaterThan(asked)
    expect(useMs).toBe(1_000)
    expect(at).toBeGreaterThanOrEqual(grantedAt)
    expect(at).toBeLessThanOrEqual(grantedAt + useMs)
    expect(call.waitedMs).toBe(at - asked)
  })

  it('is bounded: what names no maximum is given that of its pool, by the name that its provider knows', async () => {
    const world = await busy()
    await open(world)
    await open(world, { body: { max_completion_tokens: 7 } })
    expect(world.chat.calls.map(({ body }) => [body.max_tokens, body.max_completion_tokens])).toEqual([
      [100, undefined],
      [undefined, 7],
    ])
    const openai = await busy({ accounting: 'openai' })
    await open(openai)
    expect(openai.chat.calls[0]?.body).toMatchObject({ max_completion_tokens: 100 })
  })

  it('that names no maximum has the one in force, as it was changed last', async () => {
    const world = await busy()
    await changePool(world.api, ADMIN, 'main', { patch: { people: { maxOutputTokens: 40 } }, ifMatch: '*' })
    await read(world, await open(world))
    expect(world.chat.calls.at(-1)?.body.max_tokens).toBe(40)
  })

  it('reserves its input as it is estimated and all the output that may come', async () => {
    const world = await busy({ tokens: 100_000, accounting: 'total' })
    const call = await open(world, { body: { max_tokens: 50 } })
    const input = Math.ceil(JSON.stringify({ messages: BODY.messages }).length / 3)
    expect((await permitOf(world, call))?.cost).toMatchObject({ requests: 1, tokens: input + 50 })
  })
})

describe('its permit', () => {
  const counted = { inputTokens: 10_000, outputTokens: 10_000, accounting: 'anthropic' }

  it('is settled by what was used once the last of the answer has gone, and not before', async () => {
    const world = await busy(counted)
    world.chat.script = () => ({ says: ['a', 'b'], everyMs: 100, usage: { inputTokens: 9, outputTokens: 2 } })
    const call = await open(world)
    expect((await permitOf(world, call))?.closed).toBeUndefined()
    expect(await read(world, call)).toBe('ab')
    expect((await permitOf(world, call))?.closed?.cost).toMatchObject({ requests: 1, input: 9, output: 2 })
  })

  it('is settled by what was reserved where the provider does not tell, or tells what no call uses', async () => {
    const world = await busy(counted)
    for (const usage of [undefined, { inputTokens: 9_000_000, outputTokens: 1 }]) {
      world.chat.script = () => ({ says: ['a'], usage })
      const call = await open(world)
      await read(world, call)
      const { cost, closed } = (await permitOf(world, call)) ?? {}
      expect(closed?.cost).toEqual(cost)
      expect(closed?.cost.output).toBe(100)
    }
  })

  it('is settled by what was reserved as soon as whoever asked goes away, and the call ends there', async () => {
    const world = await busy(counted)
    world.chat.script = () => ({ says: ['a', 'b', 'c'], everyMs: 1_000, usage: { inputTokens: 1, outputTokens: 1 } })
    const call = await open(world)
    const reader = call.body.getReader()
    await meanwhile(world, reader.read())
    const before = world.now()
    await meanwhile(world, reader.cancel())
    const { cost, closed } = (await permitOf(world, call)) ?? {}
    expect(closed).toEqual({ at: before, cost })
    expect(world.chat.left).toEqual([before])
  })

  it('is settled too where nobody ever read from the answer', async () => {
    const world = await busy(counted)
    const call = await open(world)
    await meanwhile(world, call.body.cancel())
    expect((await permitOf(world, call))?.closed).toBeDefined()
  })

  it('is given back where nothing left for the provider, and kept as reserved where something may have', async () => {
    const world = await busy(counted)
    const said = { kind: 'error', message: 'could not be reached', headers: {} } as const
    world.chat.script = (nth) => ({ kind: 'failed', sent: nth === 2, said })
    expect(await ask(world)).toMatchObject({ ok: false, code: 'provider-failed' })
    expect((await all(world)).at(-1)?.closed?.cost).toMatchObject({ requests: 0, output: 0 })
    expect(await ask(world)).toMatchObject({ ok: false, code: 'provider-failed' })
    expect((await all(world)).at(-1)?.closed?.cost).toMatchObject({ requests: 1, output: 100 })
  })

  it('is counted in full where the provider refused the call by its limit, and the wait is passed on', async () => {
    const world = await busy(counted)
    const said = { kind: 'error', status: 429, message: 'too many', retryAfterMs: 2_500, headers: {} } as const
    world.chat.script = () => ({ kind: 'failed', sent: true, said })
    expect(await ask(world)).toMatchObject({ code: 'provider-limited', retryAfterS: 3 })
    expect((await all(world)).at(-1)?.closed?.cost).toMatchObject({ requests: 1, output: 100 })
  })

  it('is given back when it was missed, and another one is asked for, with more time to connect', async () => {
    const world = await busy({ people: { ...PEOPLE, reserve: 0.2 } })
    world.chat.connectMs = (nth) => (nth === 1 ? 301 : 500)
    const call = await open(world)
    expect(await took(world)).toBe(2)
    expect((await permitOf(world, call))?.useMs).toBe(1_000)
    expect((await all(world)).filter((p) => !p.closed)).toHaveLength(1)
    expect(world.chat.calls).toHaveLength(1)
  })

  it('is missed three times at most', async () => {
    const world = await busy()
    world.chat.connectMs = () => 1_001
    expect(await ask(world)).toMatchObject({ code: 'no-permit-free', retryAfterS: 1 })
    expect(world.chat.calls).toHaveLength(0)
    expect(await took(world)).toBe(3)
    expect((await all(world)).filter((p) => !p.closed)).toEqual([])
  })

  it('ends by itself when the process dies in the call, counted as it was reserved', async () => {
    const world = await busy()
    world.chat.script = () => 'dies'
    void asking(world)
    await world.until(() => world.chat.calls.length > 0)
    expect(await all(world)).toHaveLength(1)
    await world.pass(CALL_LASTS_MS + 1_500)
    expect(await all(world)).toEqual([])
  })

  it('that cannot be settled costs nobody the answer, is told, and ends by itself', async () => {
    const world = await busy()
    let calls = 0
    const deps = world.process((call) => {
      calls += 1
      return call.method === 'close' ? 'fails-before' : undefined
    })
    const call = await open(world, { deps })
    expect(await read(world, call)).toBe('hello')
    expect(world.counted('PermitsNotClosed')).toBe(1)
    expect(calls).toBeGreaterThan(2)
  })
})

describe('whoever finds no permit', () => {
  it('waits for as long as it said, is told to come again, and stands in no line', async () => {
    const world = shared()
    world.wakes = false
    const asked = world.now()
    const answer = await ask(world, { waitS: 3 })
    expect(answer).toMatchObject({ ok: false, code: 'no-permit-free', retryAfterS: 1 })
    expect(world.now() - asked).toBe(3_000)
    expect(await all(world)).toEqual([])
    expect(world.chat.calls).toEqual([])
    expect(world.counts).toContainEqual({ name: 'PeopleWaitedMs', value: 3_000, dimensions: { pool: 'main' } })
  })

  it('leaves the line as soon as it goes away', async () => {
    const world = shared()
    world.wakes = false
    const gone = new AbortController()
    const answer = asking(world, { gone: gone.signal })
    await world.pass(1_000)
    expect(await all(world)).toHaveLength(1)
    gone.abort()
    await meanwhile(world, answer)
    expect(await all(world)).toEqual([])
  })

  it('is told of its own caps as for a permit', async () => {
    const world = await busy({ people: { ...PEOPLE, perPerson: { open: 1 } } })
    world.chat.script = () => 'dies'
    void asking(world)
    await world.until(() => world.chat.calls.length > 0)
    expect(await ask(world)).toMatchObject({ code: 'permits-open' })
  })

  it('hears of a fault of ours as that, and not as the provider’s', async () => {
    const world = await busy()
    await expect(ask(world, { deps: world.process(failsAt(1, 'before')) })).rejects.toThrow('capacity.overrides')
    expect(world.chat.calls).toEqual([])
  })
})

describe('what may be called', () => {
  const refused = async (p: Asked, pool: object = {}) => {
    const answer = await ask(shared(pool), p)
    return answer.ok ? 'accepted' : answer
  }

  it('are the models of pools alone, by callers with the scope', async () => {
    expect(await refused({ body: { model: 'other' } })).toMatchObject({
      code: 'model-unknown',
      at: 'model',
      remedy: 'Use one of: model-a.',
    })
    expect(await refused({}, { people: {} })).toMatchObject({
      code: 'model-unknown',
      remedy: 'Name the models of a pool under people.models in the configuration.',
    })
    expect(await refused({ as: aCaller('pat', { scopes: ['jobs:submit'] }) })).toMatchObject({ code: 'scope-missing' })
  })

  it('is no larger than people may ask for, and the field that says so is named', async () => {
    const large = { max_tokens: 10, max_completion_tokens: 101 }
    expect(await refused({ body: large })).toMatchObject({ code: 'too-large', at: 'max_completion_tokens' })
    expect(await refused({}, { tokens: 150 })).toMatchObject({ code: 'larger-than-pool' })
  })

  it('is text alone where the pool limits tokens, and anything where it limits calls', async () => {
    const picture = { type: 'image_url' as const, image_url: { url: 'https://example.com/a.png' } }
    const body = { messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'What?' }, picture] }] }
    for (const limits of [{ tokens: 10_000 }, { day: { tokens: 10_000 } }])
      expect(await refused({ body }, limits)).toMatchObject({ code: 'unsupported-field', at: 'messages.0.content.1' })
    const world = await busy()
    await open(world, { body })
    expect(world.chat.calls[0]?.body.messages).toEqual(body.messages)
  })
})
