/**
 * The answer cache: of jobs of one owner that ask the same, one calls and the others end from its answer. A record names
 * the job that claimed the call last, the leader; whether it is being made and what came of it, the leader's own records
 * tell, which only its fence can write. So no second truth can contradict them, and no answer is kept twice for it.
 */
import { createHash } from 'node:crypto'
import type { Cached, JobParts, Leader, Running } from '../core/job.ts'
import { isRunOut } from '../core/lease.ts'
import type { CacheSettings, KindSettings } from '../core/settings.ts'
import type { Asked } from './asked.ts'
import type { WorkerDeps } from './deps.ts'
import type { Report, Sent } from './report.ts'
import { awaitSame, settleText } from './settle.ts'

interface Stored {
  readonly text: string
  readonly model: string
  readonly cached: Cached
  /** Tokens that the call had used which made it. */
  readonly tokens: number
}
type Same =
  /** Nobody else's answer stands, and nobody else is asking: this job calls. */
  | { kind: 'call' }
  | ({ kind: 'stored' } & Stored)
  /** An identical job is being called; to be looked at again at `at`. */
  | { kind: 'called'; at: number }

/** `call`: this job is to call, and what comes of it is kept under the key. `spared`: how it is settled without. */
export type Sharing = { kind: 'call'; cacheKey?: string } | { kind: 'spared'; done: Promise<Report> }

/** Whoever asks for another draft does not mean the one that stands. */
const isFirst = ({ generation }: Running): boolean => generation === 1

/** Nobody cancelled it, or had claimed it anew, just then. */
const isSettled = ({ settled: { state } }: Report): boolean => state === 'succeeded' || state === 'in-review'

export async function shareCall(
  deps: WorkerDeps,
  record: Running,
  sent: Sent,
  kind: KindSettings,
  asked: Asked,
): Promise<Sharing> {
  if (!kind.cache || !isFirst(record)) return { kind: 'call' }
  const cacheKey = cacheKeyOf(record.owner, asked)
  const same = await sameCall(deps, record, cacheKey, kind.cache).catch(unreadable(deps, record.pool))
  const count = (name: string, n = 1) => deps.meter.count(name, n, { pool: record.pool, kind: record.kind })
  switch (same.kind) {
    case 'call':
      count('CacheMisses')
      return { kind: 'call', cacheKey }
    case 'called':
      count('CacheWaits')
      return { kind: 'spared', done: awaitSame(deps, record, sent, same.at) }
    case 'stored': {
      const { text, model, cached } = same
      const answer = { kind: 'text', text, model, usage: NOTHING_USED, headers: {} } as const
      const done = settleText(deps, record, sent, kind, answer, { cached }).then((settled) => {
        if (!isSettled(settled)) return settled
        count('CacheHits')
        count('TokensSaved', same.tokens)
        return settled
      })
      return { kind: 'spared', done }
    }
  }
}

/** sha256 over all that decides an answer, and its owner: nobody gets another owner's. */
export function cacheKeyOf(
  owner: string,
  { pool, model, system, prompt, maxOutputTokens, temperature }: Asked,
): string {
  const { provider } = pool
  const where = provider.kind === 'bedrock' ? provider.region : provider.baseUrl
  const asked = [owner, provider.kind, where, model, system, prompt, maxOutputTokens, temperature]
  return createHash('sha256')
    .update(JSON.stringify(asked.map((part) => part ?? null)))
    .digest('hex')
}

/** Who loses this often to others that take the lead looks again a little later. */
const LOOKS_AT_MOST = 3
const LOOK_AGAIN_MS = 1_000

/** Another's record that does not parse is in the way of nobody: this job calls for itself. */
const unreadable =
  (deps: WorkerDeps, pool: string) =>
  (error: { code?: string }): Same => {
    if (error.code !== 'unreadable-record') throw error
    deps.meter.count('Unreadable', 1, { pool })
    return { kind: 'call' }
  }

/** What is to be done for a claimed job. With `call` it leads: the next that asks finds it. */
async function sameCall(deps: WorkerDeps, record: Running, cacheKey: string, { ttlMs }: CacheSettings): Promise<Same> {
  const now = deps.clock.now()
  const { key, fence, leaseUntil } = record
  const { jobId } = key
  const mine = { v: 1 as const, cacheKey, jobId, fence, key, at: now, expiresAt: leaseUntil + ttlMs }
  for (let look = 0; look < LOOKS_AT_MOST; look++) {
    const leader = await deps.jobs.leader({ cacheKey, now })
    if (leader && isLaterClaim(leader, mine)) break
    const same = leader && leader.jobId !== jobId ? await known(deps, leader, ttlMs) : undefined
    if (same) return same
    if ((await deps.jobs.lead({ leader: mine, ...(leader ? { instead: leader } : {}) })) === 'leads')
      return { kind: 'call' }
  }
  return { kind: 'called', at: now + LOOK_AGAIN_MS }
}

/** Of the same job: this worker is stale, and its settle will say so. A job of before under its id stood earlier. */
const isLaterClaim = (leader: Leader, { jobId, fence, key }: Leader): boolean =>
  leader.jobId === jobId && leader.fence > fence && leader.key.at >= key.at

/** In this order: what has left its lane between the two reads has written its answer. */
async function known(deps: WorkerDeps, leader: Leader, ttlMs: number): Promise<Same | undefined> {
  const [live] = await deps.jobs.live({ keys: [leader.key] })
  const now = deps.clock.now()
  if (live?.state === 'running' && live.fence === leader.fence && !isRunOut(live.leaseUntil, now))
    return { kind: 'called', at: lookAt(leader, live.leaseUntil, now) }
  const stored = storedIn(await deps.jobs.load({ jobId: leader.jobId, now }), leader.cacheKey)
  return stored && now < stored.cached.at + ttlMs ? { kind: 'stored', ...stored } : undefined
}

/** After as long again as it has taken so far, so that a long call costs few looks; no later than it can last. */
const lookAt = (leader: Leader, leaseUntil: number, now: number): number =>
  Math.min(Math.max(now + LOOK_AGAIN_MS, 2 * now - leader.at), Math.max(leaseUntil, now + LOOK_AGAIN_MS))

/** A draft that a person has rejected, or an answer to what is asked otherwise by now, is none. */
function storedIn(parts: JobParts | undefined, cacheKey: string): Stored | undefined {
  const of = parts?.end ?? parts?.draft
  const text = parts?.end ? parts.end.result : parts?.draft?.text
  if (!parts || of?.answers?.cacheKey !== cacheKey || text === undefined) return undefined
  const { inputTokens = 0, outputTokens = 0 } = of.usage ?? {}
  return {
    text,
    model: of.model ?? '',
    cached: { jobId: parts.input.jobId, at: of.answers.at },
    tokens: inputTokens + outputTokens,
  }
}

const NOTHING_USED = { inputTokens: 0, outputTokens: 0 }
