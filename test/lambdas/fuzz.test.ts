/** The HTTP functions, asked for 2,000 things drawn from their own document: by its rules, and against them. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { askPermit } from '../../services/permits/ask.ts'
import { releasePermit } from '../../services/permits/standing.ts'
import type { ModelAnswer } from '../../services/ports.ts'
import { aCaller } from '../support/callers.ts'
import { aRequest } from '../support/drawn-requests.ts'
import { providerError, text } from '../support/fake-model.ts'
import { type Answered, CALLERS, http, roleArn } from '../support/http.ts'
import {
  answerSchema,
  type Drawn,
  entriesAllowed,
  headersAmiss,
  isAllowed,
  matches,
  OPERATIONS,
  type Operation,
} from '../support/openapi-rules.ts'
import { World } from '../support/world.ts'

const REQUESTS = 2_000
const SEED = 20_261_126

/** Of the callers one may do everything; nobody is asked for as well. */
const EVERY = ['jobs:read', 'jobs:submit', 'reviews:decide', 'capacity:use', 'admin'] as const
const ALL = { role: roleArn('all'), id: 'all', owner: 'all', scopes: [...EVERY], mayActFor: ['*'] }
const WHO = ['all', 'all', 'all', 'ada', 'pat', 'root', 'reader', undefined]
const REVIEWS = 30
const WEEKS_MS = 2_500_000_000
const MODEL = 'model-a'

/** All that a provider may tell of what it used. */
const { answer, afterMs } = text()
const usage = { inputTokens: 20, outputTokens: 10, cacheReadTokens: 5 }
const cachedByProvider = { answer: { ...answer, usage } as ModelAnswer, afterMs }

/** Jobs in every state that the API tells apart. */
async function aWorld() {
  const people = { models: [MODEL], perPerson: { open: 100, calls: 999 } }
  const world = new World({ callers: [...CALLERS, ALL], pool: { people } })
  world.model.script = (request) => (request.prompt.includes('Ill') ? providerError(400) : cachedByProvider)
  const done = await world.submit('step', { owner: 'ada', input: { name: 'Grace' } })
  const ill = await world.submit('step', { owner: 'ada', input: { name: 'Ill' } })
  const review = await world.submit('intro', { owner: 'ada', input: { name: 'Grace' } })
  await world.ended([done, ill])
  await world.until(() => world.liveOf(review)[0]?.state === 'in-review')
  const [later, reviews] = [
    world.now() + WEEKS_MS,
    [review, ...(await world.submitMany(REVIEWS, 'intro', { owner: 'ada' }))],
  ]
  const queued = await world.submit('step', { owner: 'ada', input: { name: 'Grace' }, startAt: later })
  await world.until(() => reviews.every((id) => world.liveOf(id)[0]?.state === 'in-review'))
  return { world, jobs: [done, ill, review, queued], reviews, permits: [] as string[] }
}

const person = aCaller('all', { scopes: ['capacity:use'] })
/** For the next request that is about one: what was done with the last is unknown. */
async function freshPermit({ world, permits }: Awaited<ReturnType<typeof aWorld>>): Promise<void> {
  for (const id of permits.splice(0)) await releasePermit(world.api, person, { pool: 'main', id })
  // The dispatcher hears of what is over.
  await world.pass(1_000)
  const calls = { inputTokens: 1, maxOutputTokens: 1, useWithinMs: 60_000, lastsMs: 60_000 }
  const asked = await world.clock.during(askPermit(world.api, person, 'main', calls))
  if (!asked.ok) throw new Error(`${asked.code}: ${asked.detail}`)
  permits.push(asked.permit.id)
}

const pathOf = ({ operation, parameters }: Drawn): string => {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parameters[name] ?? ''))
  const query = operation.parameters.filter((p) => p.in === 'query' && parameters[p.name] !== undefined)
  const search = new URLSearchParams(query.map((p): [string, string] => [p.name, parameters[p.name] ?? '']))
  return query.length > 0 ? `${path}?${search}` : path
}

const liveIn = (world: World): Set<string> => new Set(world.live().map(({ key }) => key.jobId))
const nameOf = ({ method, path }: Operation): string => `${method} ${path}`

const headersOf = ({ operation, parameters }: Drawn): Record<string, string> =>
  Object.fromEntries(
    operation.parameters.flatMap((p) =>
      p.in === 'header' && p.name in parameters ? [[p.name, parameters[p.name] as string]] : [],
    ),
  )

function mayBeAccepted(drawn: Drawn, { json }: Answered): boolean {
  if (drawn.operation.path !== '/v1/jobs/batch') return isAllowed(drawn)
  return entriesAllowed(
    drawn,
    (json.results as { status: number }[]).map(({ status }) => status < 300),
  )
}

describe('what is drawn from the document', () => {
  let served: Awaited<ReturnType<typeof aWorld>>
  let ask: ReturnType<typeof http>
  beforeAll(async () => {
    served = await aWorld()
    await freshPermit(served)
    ask = http(served.world.api)
  })

  /** Whoever asks to wait waits in the world's time. */
  const send = async (drawn: Drawn, as: string | undefined): Promise<Answered> => {
    const body = drawn.body === undefined ? {} : { body: drawn.body }
    let answer: Answered | undefined
    const asked = ask(drawn.operation.method, pathOf(drawn), { as, headers: headersOf(drawn), ...body })
    void asked.then((got) => {
      answer = got
    })
    // What is digested meanwhile takes turns that are no step of the world.
    await served.world.until(() => answer !== undefined, 30_000).catch(() => undefined)
    return asked
  }

  /** Settings are as they were, for what comes after it. */
  async function takenBack({ body }: Drawn): Promise<void> {
    const none = Object.fromEntries(Object.keys(JSON.parse(body || '{}')).map((name) => [name, null]))
    const { status } = await ask('PATCH', '/v1/pools/main', { as: 'root', headers: { 'if-match': '*' }, body: none })
    expect(status).toBe(200)
  }

  it(`is answered as the document says, never by an error of ours, and accepted only where it allows it`, async () => {
    const { jobs, reviews, permits } = served
    const known = {
      permit: permits,
      model: [MODEL],
      messages: [[{ role: 'user', content: 'Hi' }]],
      'if-match': ['*'],
      version: [1],
      kind: ['step', 'intro', 'none'],
      owner: ['ada', 'bob'],
      input: [{ name: 'Grace' }, { name: 'x'.repeat(300_000) }],
      'jobs[]': [{ kind: 'step', input: { name: 'Grace' } }, { kind: 'step', input: {}, key: 'k' }, null],
      wait: [0],
      'x-fairlead-wait-s': [0],
    }
    const ids = { '/v1/jobs': jobs, '/v1/reviews': reviews, '/v1/pools': ['main'], '/v1/owners': ['ada', 'bob'] }
    const knownOf = ({ path }: Operation) => ({
      ...known,
      id: Object.entries(ids).find(([of]) => path.startsWith(of))?.[1] ?? [],
    })
    const seen = { accepted: 0, refused: 0 }
    const through = new Set<string>()
    await fc.assert(
      fc.asyncProperty(aRequest(knownOf), fc.constantFrom(...WHO), async (drawn, as) => {
        const before = liveIn(served.world)
        const answer = await send(drawn, as)
        if (drawn.operation.path.includes('{permit}')) await freshPermit(served)
        const schema = answerSchema(drawn.operation, answer.status)
        expect(answer.status, JSON.stringify(answer.json)).toBeLessThan(500)
        expect(headersAmiss(drawn.operation, answer.status, answer.headers)).toEqual([])
        expect(schema, `${answer.status} is not in the document`).toBeDefined()
        const accepted = answer.status < 300
        // What is passed through is the provider's own.
        if (!(accepted && 'x-fairlead-permit' in answer.headers))
          expect(matches(schema as object, answer.json)).toBe(true)
        seen[accepted ? 'accepted' : 'refused']++
        if (accepted) through.add(nameOf(drawn.operation))
        if (accepted && drawn.operation.method === 'PATCH') await takenBack(drawn)
        if (accepted) expect(mayBeAccepted(drawn, answer), 'it was accepted against the document').toBe(true)
        else expect([...liveIn(served.world)].filter((id) => !before.has(id))).toEqual([])
      }),
      { numRuns: REQUESTS, seed: SEED, endOnFailure: true },
    )
    // The draw is worth something only if it gets through as well as against a wall.
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(REQUESTS / 10)
    expect(OPERATIONS.map(nameOf).filter((name) => !through.has(name))).toEqual([])
  })
})
