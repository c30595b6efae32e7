import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LiveRecord } from '../../core/job.ts'
import { laneOf } from '../../core/lane.ts'
import { parseSettings } from '../../core/settings.ts'
import { FUNCTIONS, GRANTS } from '../../lib/grants.ts'
import { type Engine, findDynoxide, startDynoxide } from '../../local/engine/dynoxide.ts'
import type { ModelAnswer, ModelRequest } from '../../services/ports.ts'
import { RecordedSystem } from './recorded-system.ts'
import { aConfig, aKind, aPool } from './stacks.ts'

const ROLE = 'arn:aws:iam::123456789012:role/tester'
const parsed = parseSettings(
  aConfig({
    pools: {
      main: { ...aPool(), requests: 600, history: 'empty', people: {} },
      people: { ...aPool(), people: { models: ['passed-through'] } },
      other: aPool(),
    },
    kinds: {
      plain: aKind({ prompt: '{{say}}' }),
      cached: aKind({ prompt: '{{say}}', cache: { ttlMs: 60_000 } }),
      roaming: aKind({ prompt: '{{say}}', fallback: [{ pool: 'other', model: 'm' }] }),
      checked: aKind({ prompt: '{{say}}', review: { policy: 'required' } }),
    },
    callers: [{ role: ROLE, id: 'tester', owner: 'tester', scopes: ['admin'], mayActFor: ['*'] }],
  }),
)
const MINUTE = 60_000

/** The model says what the prompt tells it to say. */
async function obey({ prompt, attempt, begin }: ModelRequest): Promise<ModelAnswer> {
  if (!(await begin())) return { kind: 'missed' }
  const error = (status: number): ModelAnswer => ({ kind: 'error', status, message: prompt, headers: {} })
  if (prompt === 'meanwhile') await meanwhile()
  if (prompt === 'nonsense') return error(400)
  if (prompt === 'wrong key' && !mended) return error(401)
  if (prompt === 'later' && attempt === 0) return error(500)
  return { kind: 'text', text: prompt, usage: {}, model: 'm', headers: {} }
}
let meanwhile = async (): Promise<void> => {}
let mended = false

let engine: Engine
let system: RecordedSystem
let keys = 0

async function submit(say: string, more: { kind?: string; owner?: string; inMs?: number; key?: string } = {}) {
  const startAt = more.inMs === undefined ? {} : { startAt: new Date(system.now + more.inMs).toISOString() }
  const owner = more.owner === undefined ? {} : { owner: more.owner }
  const body = { kind: more.kind ?? 'plain', input: { say }, ...owner, ...startAt }
  const key = more.key ?? `key-${keys++}`
  return ((await system.http('api', 'POST', '/v1/jobs', body, { 'idempotency-key': key })) as { id: string }).id
}
const post = (path: string, body?: unknown) => system.http('api', 'POST', path, body)
const get = (path: string) => system.http('api', 'GET', path)

async function jobsThatGoEveryWay(): Promise<{
  first: LiveRecord
  approved: string
  rejected: string
  failed: string
}> {
  await submit('hello', { key: 'twice' })
  await submit('hello', { key: 'twice' })
  const [first] = (
    await system.deps().jobs.lane({ lane: laneOf({ pool: 'main', tier: 'high', owner: 'tester' }), limit: 1 })
  ).records
  await submit('the same', { kind: 'cached' })
  await submit('the same', { kind: 'cached', inMs: 1_000 })
  await submit('later')
  await post('/v1/jobs/batch', { jobs: [{ kind: 'plain', input: { say: 'one of many' } }] })
  const failed = await submit('nonsense')
  const approved = await submit('draft one', { kind: 'checked' })
  const rejected = await submit('draft two', { kind: 'checked' })
  const running = await submit('meanwhile')
  meanwhile = async () => void (await post(`/v1/jobs/${running}/cancel`))
  await post(`/v1/jobs/${await submit('never', { inMs: MINUTE })}/cancel`)
  await post(`/v1/jobs/${await halfSubmitted()}/cancel`)
  return { first: first as LiveRecord, approved, rejected, failed }
}

/** A submit that died before its live record was written. */
async function halfSubmitted(): Promise<string> {
  const jobId = 'half'.padEnd(26, '0')
  const about = { kind: 'plain', pool: 'main', tier: 'high', owner: 'tester' } as const
  const when = { submittedAt: system.now, expiresAt: system.now + 60 * MINUTE }
  const rest = { submittedBy: 'tester', input: { say: 'half' }, hash: '', tokens: 1 }
  const key = { lane: laneOf(about), at: system.now, jobId }
  await system.deps().jobs.create({ input: { v: 1, jobId, ...about, ...rest, key, ...when } })
  return jobId
}

/** Messages of this owner are lost once, so that the dispatcher has to look what became of them. */
async function jobsWhoseMessagesAreLost(): Promise<void> {
  await submit('lost', { owner: 'unlucky' })
  await submit('lost, too', { owner: 'unlucky' })
  await submit('lost alone', { owner: 'unlucky', inMs: 2 * MINUTE })
  const lost = new Set<string>()
  system.loses = ({ jobs }) => {
    const fresh = jobs.filter(({ key }) => key.lane.endsWith('unlucky') && !lost.has(key.jobId))
    for (const { key } of fresh) lost.add(key.jobId)
    return fresh.length > 0
  }
}

/** Something due within each minute keeps one dispatcher alive until idle owners leave the ring. */
async function minutesOfWork(): Promise<void> {
  for (let i = 1; i <= 8; i++) await submit('tick', { owner: 'metronome', inMs: i * 48_000 })
}

/** Before any dispatcher has been there a person waits in line. */
async function permits(): Promise<void> {
  const ask = async () =>
    (await post('/v1/pools/main/permits', { inputTokens: 1, maxOutputTokens: 1 })) as { id: string }
  await ask()
  const { id } = await ask()
  await get(`/v1/pools/main/permits/${id}`)
  await post(`/v1/pools/main/permits/${id}/release`)
}

/** Nobody has dispatched there yet, so that it waits in vain. */
async function passedThrough(): Promise<void> {
  const body = { model: 'passed-through', messages: [{ role: 'user', content: 'Hi' }] }
  const asked = system.http('chat', 'POST', '/v1/chat/completions', body, { 'x-fairlead-wait-s': '1' })
  await expect(asked).rejects.toThrow('no-permit-free')
}

/** A first put that landed long after its job had ended. */
async function revive(first: LiveRecord): Promise<void> {
  await system.deps().jobs.enter({ record: { ...first, state: 'queued' } })
  const job = { key: first.key, fence: first.fence, slot: system.now, notAfter: system.now + 250 }
  system.take([{ pool: 'main', sentAt: system.now, jobs: [job] }])
  await system.work()
}

async function everything(): Promise<void> {
  await permits()
  await passedThrough()
  const { first, approved, rejected, failed } = await jobsThatGoEveryWay()
  await jobsWhoseMessagesAreLost()
  await system.removals({ pools: ['main'], kinds: { plain: 'main' } })
  await minutesOfWork()
  await system.dispatch(10 * MINUTE)
  for (const path of ['/v1/owners', '/v1/owners/ada']) await get(path)
  await system.http('api', 'PATCH', '/v1/pools/main', { requests: 590 }, { 'if-match': '*' })
  await system.dispatch(MINUTE)
  await system.dispatch(MINUTE, {})
  await revive(first)
  for (const path of ['reviews', `reviews/${approved}`]) await system.http('approval', 'GET', `/v1/${path}`)
  const queued = system.http('approval', 'GET', `/v1/reviews/${await submit('queued')}`)
  await expect(queued).rejects.toThrow('not-in-review')
  await system.http('approval', 'POST', `/v1/reviews/${approved}/approve`, { version: 1 })
  await system.http('approval', 'POST', `/v1/reviews/${rejected}/reject`, { version: 1 })
  await post(`/v1/jobs/${failed}/redrive`)
  await submit('wrong key')
  await submit('wrong key', { kind: 'roaming', inMs: 20_000 })
  await system.dispatch(3 * MINUTE)
  for (const path of ['pools', 'overview', 'jobs?owner=tester', 'jobs?attention=failed', `jobs/${failed}`])
    await get(`/v1/${path}`)
  mended = true
  // Its next probe is answered, and the dispatcher takes the stop away; a person may do so as well.
  await system.dispatch(3 * MINUTE)
  await post('/v1/pools/main/resume')
  await submit('due while the next one is at work', { inMs: 50_000 })
  await system.dispatch(40_000)
  await system.dispatch(3 * MINUTE)
}

const binary = findDynoxide()

describe.skipIf(!binary)('on an engine, through every way that a job can go', () => {
  beforeAll(async () => {
    if (!parsed.ok) throw new Error(parsed.faults.join('\n'))
    engine = await startDynoxide({ binary: binary as string })
    system = await RecordedSystem.start({ endpoint: engine.endpoint, settings: parsed.settings, model: { call: obey } })
    await everything()
  })
  afterAll(async () => {
    system.close()
    await engine.stop()
  })

  const sorted = (grants: object) =>
    Object.fromEntries(Object.entries(grants).map(([table, actions]) => [table, [...actions].sort()]))

  it.each(FUNCTIONS)('the %s function uses what it is granted, all of it, and nothing else', (name) => {
    expect(sorted(system.used[name] ?? {})).toEqual(sorted(GRANTS[name]))
  })

  it('those who may start the dispatcher do', () => {
    expect([...system.wakes].sort()).toEqual(['api', 'chat', 'dispatcher', 'worker'])
  })
})
