/**
 * What is deployed, run: the bundles of a whole synth, from submit to released, each on the events that AWS would give
 * it. One synth and one run serve the whole file; the tests say what came of them.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { SettingsInput } from '../../core/settings.ts'
import { FUNCTIONS } from '../../lib/grants.ts'
import { findDynoxide } from '../../local/engine/dynoxide.ts'
import { type SimulatedProvider, simulatedProvider } from '../../local/simulated-provider.ts'
import { Assembly, bytesOf, ROOT, sourcesOf } from '../support/bundled-assembly.ts'
import { ACCOUNT } from '../support/bundled-instance.ts'
import { type Answer, BundledSystem } from '../support/bundled-system.ts'

/**
 * A cold start reads and compiles all of it. The largest was 1.83 MB when this was set; a package that comes along by
 * accident (the CommonJS build of one that we have, a second schema library) costs half a megabyte.
 */
const BYTES_AT_MOST = 2_200_000

/** The dispatcher keeps 30 s for handing over; this leaves it a second and a half. */
const SHORT_RUN_MS = 31_500
/** Of such runs; the first does it, unless this machine is so slow that a slot passes before the worker is there. */
const RUNS_AT_MOST = 5

/** Synth and story take five seconds each on an idle machine, and more than half a minute beside a full test run. */
const PATIENCE_MS = 120_000

/** A segment goes by UDP, past the answer of the function that sends it. */
const ARRIVES_WITHIN_MS = 5_000

const LEAD = { lead: { name: 'Grace', company: 'Hopper' }, reason: 'a new compiler' }
const KEY = 'sk-simulated'

const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`
const configFor = (baseUrl: string): SettingsInput => ({
  pools: {
    main: {
      provider: { kind: 'openai-compatible', baseUrl, keyVariable: 'SIMULATED_KEY' },
      requests: 600,
      history: 'empty',
      people: { models: ['simulated'] },
    },
  },
  kinds: {
    intro: {
      pool: 'main',
      tier: 'medium',
      model: 'simulated',
      prompt: 'Lead: {{lead.name}} of {{lead.company}}. Why now: {{reason}}.',
      review: { policy: 'required', team: 'main' },
    },
  },
  callers: [
    { role: role('crm-agent'), id: 'crm', owner: 'sales', scopes: ['jobs:submit', 'jobs:read'] },
    {
      role: role('people/reviewer'),
      id: 'linus',
      owner: 'people',
      scopes: ['jobs:read', 'reviews:decide'],
      mayActFor: ['*'],
    },
    { role: role('people/seller'), id: 'pat', owner: 'pat', scopes: ['capacity:use'] },
  ],
})

/** The whole of it, once: what every function answered on the way. */
async function tell(system: BundledSystem) {
  const agent = { as: 'crm-agent' }
  const person = { as: 'reviewer' }
  const request = { ...agent, body: { kind: 'intro', input: LEAD }, headers: { 'idempotency-key': 'lead-1' } }
  const submitted = await system.http('POST /v1/jobs', request)
  const again = await system.http('POST /v1/jobs', request)
  const stranger = await system.http('POST /v1/jobs', { ...request, as: 'somebody' })
  const kept = await system.removals({ pools: ['main'], kinds: { intro: 'main' } })
  const removed = await system.removals({ pools: ['main'], kinds: {} })
  const { runs, reviews } = await untilReview(system, person)
  const one = { ...person, id: submitted.body.id }
  const draft = await system.http('GET /v1/reviews/{id}', one)
  const reviewsForAgent = await system.http('GET /v1/reviews', agent)
  const body = { version: reviews.body.reviews[0]?.version }
  const approved = await system.http('POST /v1/reviews/{id}/approve', { ...one, body })
  const released = await system.http('GET /v1/jobs/{id}', { ...agent, id: submitted.body.id })
  const published = await system.publishEnds()
  const passed = await passedThrough(system)
  return {
    ...passed,
    kept,
    removed,
    submitted,
    again,
    stranger,
    runs,
    reviews,
    draft,
    reviewsForAgent,
    approved,
    released,
    published,
  }
}

const QUESTION = 'What is a bollard?'

/** While a dispatcher runs, as people call. */
async function passedThrough(system: BundledSystem) {
  const call = { model: 'simulated', messages: [{ role: 'user', content: QUESTION }], stream: true }
  const ask = (as: string) => system.streamed('POST /v1/chat/completions', { as, body: call })
  const [streamed] = await Promise.all([ask('seller'), system.minute(SHORT_RUN_MS)])
  const models = await system.streamed('GET /v1/models', { as: 'seller' })
  return { streamed, models, refused: await ask('crm-agent') }
}

async function untilReview(system: BundledSystem, person: { as: string }) {
  const runs: { ends: unknown; tookMs: number }[] = []
  let reviews: Answer
  do {
    const started = performance.now()
    const ends = await system.minute(SHORT_RUN_MS)
    runs.push({ ends, tookMs: performance.now() - started })
    reviews = await system.http('GET /v1/reviews', person)
  } while (reviews.body.reviews.length === 0 && runs.length < RUNS_AT_MOST)
  return { runs, reviews }
}

const folder = mkdtempSync(join(tmpdir(), 'fairlead-bundled-'))
let provider: SimulatedProvider
let assembly: Assembly

beforeAll(async () => {
  provider = await simulatedProvider({ requests: 600, windowMs: 60_000, latency: () => 20 })
  assembly = Assembly.synth({ folder, config: configFor(provider.url) })
}, PATIENCE_MS)
afterAll(async () => {
  await provider?.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the bundles', () => {
  const sources = () => assembly.functions().map((fn) => ({ fn: fn.functionName, files: sourcesOf(fn) }))

  it('are one for each function', () => {
    const names = FUNCTIONS.map((name) => `fairlead-dev-${name}`)
    expect(assembly.functions().map((fn) => fn.functionName)).toEqual(names)
    expect(new Set(assembly.functions().map((fn) => fn.folder)).size).toBe(names.length)
  })

  it('hold of ours what runs in AWS, and nothing of one machine, of the stacks or of the commands', () => {
    for (const { fn, files } of sources()) {
      const ours = files.map((file) => relative(ROOT, file)).filter((file) => !/node_modules|^\.\./.test(file))
      expect(ours).toContain(`lambdas/${fn.replace('fairlead-dev-', '')}.ts`)
      expect(ours.filter((file) => !/^(lambdas|services|core|adapters)\//.test(file))).toEqual([])
    }
  })

  it('hold of packages none that only the stacks, one machine or the tests need', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const elsewhere = [
      'aws-cdk-lib',
      'constructs',
      'fauxqs',
      '@hono/node-server',
      'tsx',
      ...Object.keys(devDependencies),
    ]
    for (const { fn, files } of sources()) {
      const packages = new Set(files.map((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]))
      expect([fn, packages.has('zod')]).toEqual([fn, true])
      expect([fn, elsewhere.filter((name) => packages.has(name))]).toEqual([fn, []])
    }
  })

  it('hold the settings of the file that -c config= names, and not those of fairlead.config.ts', () => {
    for (const { fn, files } of sources().filter(({ fn }) => !fn.endsWith('-publisher'))) {
      expect([fn, files.filter((file) => file.endsWith('other.config.json'))]).toEqual([fn, [expect.anything()]])
      expect([fn, files.filter((file) => file.endsWith('fairlead.config.ts'))]).toEqual([fn, []])
    }
  })

  it(`weigh at most ${BYTES_AT_MOST} bytes each`, () => {
    const sizes = assembly.functions().map((fn) => [fn.functionName, bytesOf(fn)] as const)
    const shown = sizes.map(([name, bytes]) => `${name} ${bytes}`).join(', ')
    expect(Math.max(...sizes.map(([, bytes]) => bytes)), shown).toBeLessThanOrEqual(BYTES_AT_MOST)
  })
})

const binary = findDynoxide()
const { platform, arch } = process
if (binary === undefined)
  describe('from submit to released', () =>
    it.skip(`is not run: @dynoxide/${platform}-${arch} is not installed`, () => {}))
else
  describe('from submit to released', () => {
    let system: BundledSystem
    let story: Awaited<ReturnType<typeof tell>>
    beforeAll(async () => {
      system = await BundledSystem.start({ assembly, binary, secrets: { 'fairlead/dev/SIMULATED_KEY': KEY } })
      story = await tell(system)
    }, PATIENCE_MS)
    afterAll(() => system?.stop())

    it('a job is accepted from a session of a role that the settings name', () => {
      expect(story.submitted).toMatchObject({ status: 202, body: { id: expect.any(String), repeated: false } })
    })

    it('a second submit under the same key answers with the first job', () => {
      expect(story.again).toMatchObject({ status: 202, body: { id: story.submitted.body.id, repeated: true } })
    })

    it('a role that the settings do not name is refused, as problem+json', () => {
      const { status, type, body } = story.stranger
      expect({ status, type }).toEqual({ status: 401, type: 'application/problem+json' })
      expect(body).toMatchObject({ status: 401, code: 'unauthenticated' })
    })

    it('a submit asks for the dispatcher of its pool, by its name', () => {
      expect(system.cloud.started[0]).toEqual({ functionName: 'fairlead-dev-dispatcher', payload: { pool: 'main' } })
    })

    it('the dispatcher ends by itself when its time runs out, and hands over to its successor', () => {
      expect(story.runs.map(({ ends }) => ends)).toEqual(story.runs.map(() => ({ main: 'handed-over' })))
      for (const { tookMs } of story.runs) expect(tookMs).toBeLessThan(SHORT_RUN_MS)
      expect(system.cloud.started.at(-1)).toEqual({
        functionName: 'fairlead-dev-dispatcher',
        payload: { pool: 'main' },
      })
    })

    it('a deployment that has a place for what waits goes on, and one that has none is refused', () => {
      expect(story.kept).toMatchObject({ Status: 'SUCCESS' })
      const reason = /main still holds 1 jobs of the kind intro .* no such kind/
      expect(story.removed).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(reason) })
    })

    it('the draft waits for a person, and only in the list of those who decide', () => {
      const { id } = story.submitted.body
      expect(story.reviews.body.reviews).toEqual([expect.objectContaining({ id, owner: 'sales', kind: 'intro' })])
      expect(story.draft.body).toMatchObject({ state: 'in-review', draft: { text: expect.stringContaining('Grace') } })
      expect(story.reviewsForAgent.status).toBe(403)
    })

    it('an approved draft is the result, with the name of who approved it', () => {
      expect(story.approved).toMatchObject({ status: 200, body: { state: 'succeeded' } })
      const { text } = story.draft.body.draft
      expect(story.released.body).toMatchObject({ state: 'succeeded', result: text, approvedBy: 'linus' })
    })

    it('what a person calls is streamed under a permit, its usage kept from whoever did not ask', () => {
      const { statusCode, headers, chunks } = story.streamed
      expect(statusCode).toBe(200)
      expect(headers).toMatchObject({
        'content-type': 'text/event-stream',
        'x-fairlead-pool': 'main',
        'x-fairlead-permit': expect.stringMatching(/^\w{26}$/),
        'x-fairlead-waited-ms': expect.stringMatching(/^\d+$/),
      })
      expect(chunks.length).toBeGreaterThan(5)
      const events = chunks.join('').trim().split('\n\n')
      expect(events.at(-1)).toBe('data: [DONE]')
      const deltas = events.slice(0, -1).map((e) => JSON.parse(e.slice('data: '.length)).choices[0].delta.content)
      expect(deltas.join('')).toContain(QUESTION)
    })

    it('models are listed, and refusals told, as OpenAI’s clients read them', () => {
      const list = { object: 'list', data: [{ id: 'simulated', object: 'model', created: 0, owned_by: 'main' }] }
      expect(JSON.parse(story.models.chunks.join(''))).toEqual(list)
      expect(story.refused.statusCode).toBe(403)
      expect(JSON.parse(story.refused.chunks.join(''))).toMatchObject({
        error: { type: 'permission_error', code: 'scope-missing' },
      })
    })

    it('the provider was called once for the job and once for the person, after its key was read', () => {
      expect(provider.stats()).toMatchObject({ admitted: 2, refused: 0 })
      expect(new Set(system.cloud.read)).toEqual(new Set(['fairlead/dev/SIMULATED_KEY']))
    })

    it('one event tells of the end, and nothing of what was written', () => {
      expect(story.published).toEqual({ batchItemFailures: [] })
      const [event, ...more] = system.cloud.events
      expect(more).toEqual([])
      expect(event).toMatchObject({ Source: 'fairlead', DetailType: 'job succeeded', EventBusName: 'default' })
      const { id } = story.submitted.body
      expect(JSON.parse(event?.Detail ?? '')).toEqual({ jobId: id, outcome: 'succeeded', endedAt: expect.any(Number) })
    })

    it('no function asks AWS for anything else', () => {
      expect(system.cloud.faults).toEqual([])
    })

    it('every invocation of every function passes the middleware, which traces it under the name of the stage', async () => {
      await vi.waitFor(() => {
        for (const { functionName, traces } of system.seen()) {
          const traced = system.cloud.segments.filter(({ name }) => name === '## index.handler')
          const annotations = traces.map((trace) => traced.find((s) => s.trace_id === trace)?.annotations)
          const expected = traces.map((_, i) => ({ ColdStart: i === 0, Service: 'fairlead-dev' }))
          expect([functionName, annotations]).toEqual([functionName, expected])
          expect([functionName, traces.length]).not.toEqual([functionName, 0])
        }
      }, ARRIVES_WITHIN_MS)
    })

    it('a count of a function is a metric of its stage', () => {
      const { output = '' } = system.seen().find(({ functionName }) => functionName.endsWith('-approval')) ?? {}
      const line = output.split('\n').find((said) => said.includes('JobsEnded')) ?? '{}'
      const { _aws, ...said } = JSON.parse(line)
      expect(said).toEqual({ service: 'fairlead-dev', outcome: 'succeeded', JobsEnded: 1 })
      expect(_aws.CloudWatchMetrics[0]).toMatchObject({ Namespace: 'Fairlead', Dimensions: [['service', 'outcome']] })
    })

    it('logs and traces show neither content nor key', () => {
      const shown = JSON.stringify([system.seen(), system.cloud.segments])
      for (const secret of [LEAD.lead.name, LEAD.reason, KEY, QUESTION]) expect(shown).not.toContain(secret)
    })
  })
