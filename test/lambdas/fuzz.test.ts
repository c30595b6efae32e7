/** The HTTP functions, asked for 2,000 things drawn from their own document: by its rules, and against them. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { aRequest } from '../support/drawn-requests.ts'
import { providerError, text } from '../support/fake-model.ts'
import { type Answered, CALLERS, http } from '../support/http.ts'
import { answerSchema, type Drawn, entriesAllowed, isAllowed, matches } from '../support/openapi-rules.ts'
import { World } from '../support/world.ts'

const REQUESTS = 2_000
const SEED = 20_261_126

/** Jobs in every state that the API tells apart, and nobody who changes them meanwhile. */
async function aWorld() {
  const world = new World({ callers: CALLERS })
  world.model.script = (request) => (request.prompt.includes('Ill') ? providerError(400) : text())
  const done = await world.submit('step', { owner: 'ada', input: { name: 'Grace' } })
  const ill = await world.submit('step', { owner: 'ada', input: { name: 'Ill' } })
  const review = await world.submit('intro', { owner: 'ada', input: { name: 'Grace' } })
  await world.ended([done, ill])
  await world.until(() => world.liveOf(review)[0]?.state === 'in-review')
  world.wakes = false
  const queued = await world.submit('step', { owner: 'ada', input: { name: 'Grace' } })
  return { world, ids: [done, ill, review, queued] }
}

const pathOf = ({ operation, parameters }: Drawn): string => {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parameters[name] ?? ''))
  const query = operation.parameters.filter((p) => p.in === 'query' && parameters[p.name] !== undefined)
  const search = new URLSearchParams(query.map((p): [string, string] => [p.name, parameters[p.name] ?? '']))
  return query.length > 0 ? `${path}?${search}` : path
}

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
    ask = http(served.world.api)
  })

  /** Whoever asks to wait waits in the world's time. */
  const send = async (drawn: Drawn): Promise<Answered> => {
    const body = drawn.body === undefined ? {} : { body: drawn.body }
    let answer: Answered | undefined
    const asked = ask(drawn.operation.method, pathOf(drawn), { headers: headersOf(drawn), ...body })
    void asked.then((got) => {
      answer = got
    })
    // What is digested meanwhile takes turns that are no step of the world.
    await served.world.until(() => answer !== undefined, 30_000).catch(() => undefined)
    return asked
  }

  it(`is answered as the document says, never by an error of ours, and accepted only where it allows it`, async () => {
    const known = {
      id: served.ids,
      kind: ['step', 'intro', 'none'],
      owner: ['ada', 'bob'],
      input: [{ name: 'Grace' }, { name: 'x'.repeat(300_000) }],
      entry: [{ kind: 'step', input: { name: 'Grace' } }, { kind: 'step', input: {}, key: 'k' }, null],
      wait: [0],
    }
    const seen = { accepted: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(aRequest(known), async (drawn) => {
        const before = served.world.live().length
        const answer = await send(drawn)
        const schema = answerSchema(drawn.operation, answer.status)
        expect(answer.status, JSON.stringify(answer.json)).toBeLessThan(500)
        expect(schema, `${answer.status} is not in the document`).toBeDefined()
        expect(matches(schema as object, answer.json)).toBe(true)
        const accepted = answer.status < 300
        seen[accepted ? 'accepted' : 'refused']++
        if (accepted) expect(mayBeAccepted(drawn, answer), 'it was accepted against the document').toBe(true)
        else expect(served.world.live().length).toBe(before)
      }),
      { numRuns: REQUESTS, seed: SEED, endOnFailure: true },
    )
    // The draw is worth something only if it gets through as well as against a wall.
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(REQUESTS / 10)
  })
})
