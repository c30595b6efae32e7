/**
 * The whole process is killed with SIGKILL, again and again, in the middle of submits and of calls. The judge is the
 * provider, a process of its own that stays alive: its log has every call that reached it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ApiProblem } from '../../local/api-client.ts'
import { findDynoxide } from '../../local/engine/dynoxide.ts'
import { randomFrom } from '../../local/simulated-provider/latency.ts'
import type { Arrival } from '../../local/simulated-provider/tally.ts'
import { aFolder, aProcess, clearAll, ROOT, type Started, started, until } from '../support/started.ts'

/** As `npm run kills` was told, or five. */
const KILLS = Number(process.env['FAIRLEAD_KILLS'] ?? 5)
const PORTION = 21
/** Small, and all of it offered at once: a ledger forgotten by a kill would show as twice as many in one window. */
const LIMIT = 40
const WINDOW_MS = 2_000
const GUARD = { refusalMs: 500, networkMs: 500 }
const CALL_MS = 150
const SUBMITTERS = 6
/** For five half a minute is usual; a machine that is busy with other tests may take three times as long. */
const AT_MOST_MS = 30_000 + KILLS * 18_000

afterAll(clearAll)

interface Submit {
  readonly key: string
  readonly body: { kind: string; owner: string; input: object }
}
const OWNERS = ['ann', 'bob', 'cem', 'dora', 'bot']
const lead = { name: 'Ada', company: 'Harbour Crafts' }
const KINDS = [
  { kind: 'reply', input: { lead, conversation: 'Ada: is it open?' } },
  { kind: 'intro', input: { lead, reason: 'a new shop' } },
  { kind: 'nudge', input: { lead, lastContact: '2026-01-01' } },
  { kind: 'agent-step', input: { prompt: 'What is a fairlead?' } },
]
/** One portion for each kill, and one for after the last. */
const submits = Array.from({ length: PORTION * (KILLS + 1) }, (_, i): Submit => {
  const owner = OWNERS[i % OWNERS.length] as string
  return { key: `kill-${i}`, body: { owner, ...(KINDS[i % KINDS.length] as (typeof KINDS)[number]) } }
})

/** What makes a dead worker's job wait is short, and the guard is wide: a busy machine is slow to bring a call. */
function aConfig(folder: string): string {
  const common = { pool: 'main', model: 'm', timeoutMs: 1_000, attempts: 10, crashes: CRASHES }
  const config = {
    pools: { main: { provider: { kind: 'bedrock' }, requests: 1, settleMarginMs: 500, guard: GUARD } },
    kinds: {
      reply: { ...common, tier: 'high', prompt: '{{lead.name}}: {{conversation}}' },
      intro: { ...common, tier: 'medium', prompt: '{{lead.name}}: {{reason}}', review: { policy: 'required' } },
      nudge: { ...common, tier: 'low', prompt: '{{lastContact}}', review: { policy: 'sample', rate: 0.5 } },
      'agent-step': { ...common, tier: 'medium', prompt: '{{prompt}}' },
    },
  }
  const file = join(folder, 'config.json')
  writeFileSync(file, JSON.stringify(config))
  return file
}

async function aProvider(log: string): Promise<string> {
  const main = join(ROOT, 'local/simulated-provider/main.ts')
  const limits = ['--requests', `${LIMIT}`, '--window', `${WINDOW_MS}`, '--latency', `${CALL_MS}`]
  const provider = aProcess(['--import', 'tsx', main, ...limits, '--log', log, '--with-parent'])
  const [, url] = await until('the provider listens', () => /^listening (\S+)$/m.exec(provider.said()))
  return url as string
}

const arrivalsIn = (log: string): Arrival[] =>
  readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Arrival)

/** A system that is killed and started again; whoever submits asks for the one that lives now. */
class Mortal {
  private present: Promise<Started>
  constructor(private readonly startOne: () => Promise<Started>) {
    this.present = startOne()
  }
  alive(): Promise<Started> {
    return this.present
  }
  async killAndStart(): Promise<void> {
    const old = await this.present
    const dead = old.signal('SIGKILL')
    this.present = dead.then(this.startOne)
    expect((await dead).signal).toBe('SIGKILL')
    await this.present
  }
}

/** Until it is accepted, under the same key; only a broken connection is a reason to repeat. */
async function submit(system: Mortal, { key, body }: Submit): Promise<string> {
  for (;;) {
    const { api } = await system.alive()
    try {
      return ((await api.post('/v1/jobs', body, { 'idempotency-key': key })) as { id: string }).id
    } catch (error) {
      if (error instanceof ApiProblem) throw error
    }
  }
}

async function submitSome(system: Mortal, some: readonly Submit[], accepted: Map<string, string>): Promise<void> {
  const left = [...some]
  const submitter = async () => {
    for (let next = left.shift(); next; next = left.shift()) accepted.set(next.key, await submit(system, next))
  }
  await Promise.all(Array.from({ length: SUBMITTERS }, submitter))
}

/** Whoever ran at ten kills is set aside, as the kind says: that can be only where there are more of them. */
const CRASHES = 10
const RESTS = ['succeeded', 'in-review', ...(KILLS >= CRASHES ? ['failed: crashed'] : [])]

/** However long the backlog is: the test's own time ends the wait. */
async function restsAs({ api }: Started, id: string): Promise<string> {
  for (;;) {
    const { state, reason } = (await api.get(`/v1/jobs/${id}?wait=25`)) as { state: string; reason?: string }
    if (state !== 'queued' && state !== 'running') return state === 'failed' ? `failed: ${reason}` : state
  }
}

/** The most calls in any window, by its definition and nothing else. */
function worstWindow(arrivals: readonly Arrival[]): number {
  const within = ({ at }: Arrival) => arrivals.filter((a) => a.at > at - WINDOW_MS && a.at <= at).length
  return Math.max(...arrivals.map(within))
}

function killsLoseNothing(engine: string, seed: number): () => Promise<void> {
  return async () => {
    const random = randomFrom(seed)
    const folder = aFolder()
    const log = join(folder, 'provider.log')
    const url = await aProvider(log)
    const args = ['--engine', engine, '--config', aConfig(folder), '--model-url', url]
    const limits = ['--rpm', `${LIMIT}`, '--window', `${WINDOW_MS}`, '--burst']
    const data = join(folder, 'data')
    const system = new Mortal(() => started({ data, args: [...args, ...limits, '--empty'] }))

    const accepted = new Map<string, string>()
    const submitting: Promise<void>[] = []
    const portion = (n: number) => submits.slice(n * PORTION, (n + 1) * PORTION)
    for (let kill = 0; kill < KILLS; kill++) {
      // The first kill comes while a new ledger waits out its first window, the others amid calls.
      const calls = arrivalsIn(log).length + (kill === 0 ? 0 : 1 + Math.floor(random() * 8))
      await system.alive()
      await until(`there are ${calls} calls`, () => arrivalsIn(log).length >= calls)
      const enough = accepted.size + 1 + Math.floor(random() * (PORTION - SUBMITTERS))
      submitting.push(submitSome(system, portion(kill), accepted))
      await until(`${enough} jobs are accepted`, () => accepted.size >= enough)
      await system.killAndStart()
    }
    submitting.push(submitSome(system, portion(KILLS), accepted))
    await Promise.all(submitting)

    const last = await system.alive()
    for (const one of submits.filter((_, i) => i % PORTION === 0))
      expect(await submit(system, one)).toBe(accepted.get(one.key))
    const ids = [...accepted.values()]
    const states = await Promise.all(ids.map((id) => restsAs(last, id)))
    const arrivals = arrivalsIn(log)
    expect(new Set(ids).size).toBe(submits.length)
    expect(states.filter((s) => !RESTS.includes(s))).toEqual([])
    expect(states.filter((s) => s === 'in-review').length).toBeGreaterThan(0)
    // Whoever was claimed at ten kills may have been killed before its slot each time.
    const done = ids.filter((_, i) => states[i] !== 'failed: crashed')
    expect(done.filter((id) => !arrivals.some((a) => a.job === id && a.status === 200))).toEqual([])
    // A submit that was repeated made no second job.
    expect(arrivals.filter((a) => !ids.includes(a.job as string))).toEqual([])
    const claims = arrivals.map((a) => `${a.job} at fence ${a.fence}`)
    expect(claims.filter((claim, i) => claims.indexOf(claim) !== i)).toEqual([])
    expect(worstWindow(arrivals)).toBeLessThanOrEqual(LIMIT)
    expect((await last.signal('SIGINT')).code).toBe(0)
  }
}

describe.concurrent(`after ${KILLS} kills every accepted job rests, no claim called twice, no window was over the limit`, () => {
  test('on the journal', killsLoseNothing('journal', 11), AT_MOST_MS)
  const withEngine = findDynoxide() === undefined ? test.skip : test
  withEngine('on the embedded engine', killsLoseNothing('dynoxide', 12), AT_MOST_MS)
})
