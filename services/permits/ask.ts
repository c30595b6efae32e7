/**
 * A permit for one call that a person makes elsewhere: out of the stock at once, else a place in the line. It is counted
 * from the moment of its grant, whether it is used or not.
 */
import { reserved, rulesFor } from '../../core/accounting.ts'
import { type Cost, each, exceeding, type Limits, NOTHING } from '../../core/cost.ts'
import { guardMsOf, limitsOf, limitsOnOne } from '../../core/ledgers.ts'
import { type PersonsPermit, type Share, STAND_AT_MOST } from '../../core/people.ts'
import type { People, PoolSettings } from '../../core/settings.ts'
import { type Caller, lacksScope } from '../caller.ts'
import { configured } from '../configured.ts'
import type { Deps } from '../deps.ts'
import { recentInForce } from '../in-force.ts'
import { noPool } from '../pools.ts'
import type { Capped } from '../ports.ts'
import { type Answer, type Refusal, refuse } from '../refusal.ts'
import { jobIdOf } from '../submit.ts'
import { type PermitView, untilGranted } from './wait.ts'

export interface PermitRequest {
  /** What the call may use at most, in tokens. */
  readonly inputTokens: number
  readonly maxOutputTokens: number
  /** As the provider names it: some count each model's output otherwise. */
  readonly model?: string | undefined
  /** The call begins within so many ms of the grant, and lasts no longer than that. */
  readonly useWithinMs: number
  readonly lastsMs: number
  /** Out of the stock it begins within so many ms: whoever asks waits with nothing else left to do. */
  readonly atOnceMs?: number | undefined
  /** For so long the answer may wait for the grant. */
  readonly waitS?: number | undefined
  /** Whoever asked has gone, and waits no longer. */
  readonly gone?: AbortSignal | undefined
  readonly idempotencyKey?: string | undefined
}

/** Who is not heard of for so long has gone away. */
export const KEPT_IN_LINE_MS = 15_000
/**
 * Whoever waits reads the whole record, strongly, up to four times a second. A hundred of them make it 21 KB, and their reads
 * 2,400 units a second, of the 3,000 that DynamoDB gives one item at most (Developer Guide, partitions).
 */
const LINE_AT_MOST = 100

export type SharedPool = PoolSettings & { readonly people: People }

export async function askPermit(
  deps: Deps,
  caller: Caller,
  pool: string,
  request: PermitRequest,
): Promise<Answer<{ permit: PermitView }>> {
  const settings = await sharedPool(deps, caller, pool)
  if (!settings.ok) return settings
  const cost = costOf(settings.pool, request)
  const refusal = tooMuch(settings.pool, pool, request, cost)
  if (refusal) return refusal
  const key = request.idempotencyKey
  const id = key === undefined ? deps.random.id(deps.clock.now()) : jobIdOf(caller.id, key)
  try {
    return await stand(deps, { pool, shared: settings.pool, id, caller, cost, request })
  } catch (error) {
    // Nobody was told its id: only who has a key can come back for it. Where this fails too it ends by itself.
    const untold = () => deps.meter.count('PermitsNotClosed', 1, { pool })
    if (key === undefined) await giveBack(deps, { pool, id }, caller.owner).catch(untold)
    throw error
  }
}

interface Standing {
  readonly pool: string
  readonly shared: SharedPool
  readonly id: string
  readonly caller: Caller
  readonly cost: Cost
  readonly request: PermitRequest
}

async function stand(deps: Deps, p: Standing): Promise<Answer<{ permit: PermitView }>> {
  const { pool, shared, id, cost, request } = p
  const now = deps.clock.now()
  const asked = { pool, id, permit: permitOf(p.caller, request, cost, now), caps: shared.people.perPerson }
  const entered = await enter(deps, asked, { now, useMs: request.atOnceMs ?? request.useWithinMs })
  // Whoever holds the pool looks at it in time; if nobody does, somebody is started.
  await deps.doorbell.rung(pool)
  if (entered !== 'granted' && entered !== 'joined') return capped(entered, shared)
  const until = now + (request.waitS ?? 0) * 1_000
  // Asked for again it keeps its place: of what does not wait this changes nothing.
  if (request.idempotencyKey !== undefined) await deps.people.ask({ pool, id, asksUntil: until + KEPT_IN_LINE_MS })
  return untilGranted(deps, { pool, id, until, share: shareOf(shared), asked: cost, gone: request.gone })
}

export interface Place {
  readonly pool: string
  readonly id: string
}

/** Nothing was called: what was reserved is free again. Out of the line it just goes. */
export async function giveBack(deps: Deps, at: Place, person: string): Promise<'left' | 'closed' | 'gone'> {
  const left = await deps.people.leave({ ...at, person })
  return left === 'left' ? left : deps.people.close({ ...at, at: deps.clock.now(), cost: NOTHING })
}

/** `max` of a window's limits; none where a day's may hold for hours, or calls in flight for as long as those last. */
export const shareOf = (pool: SharedPool): Share | undefined =>
  pool.day || pool.concurrency !== undefined
    ? undefined
    : { limits: peoplesPart(limitsOf(pool), pool), windowMs: pool.windowMs + guardMsOf(pool) }
const peoplesPart = (limits: Limits, { people: { max } }: SharedPool): Limits =>
  Object.fromEntries(Object.entries(limits).map(([d, limit]) => [d, Math.floor(limit * max)]))

type Asked = Parameters<Deps['people']['take']>[0]
async function enter(
  deps: Deps,
  asked: Omit<Asked, 'now'>,
  { now, useMs }: { now: number; useMs: number },
): Promise<'granted' | 'joined' | 'full' | Capped> {
  const taken = await deps.people.take({ ...asked, permit: { ...asked.permit, useMs, grantedAt: now }, now })
  return taken === 'empty' ? deps.people.join({ ...asked, atMost: LINE_AT_MOST }) : taken
}

const permitOf = (caller: Caller, r: PermitRequest, cost: Cost, now: number): PersonsPermit => ({
  person: caller.owner,
  askedAt: now,
  asksUntil: now + (r.waitS ?? 0) * 1_000 + KEPT_IN_LINE_MS,
  cost,
  useMs: r.useWithinMs,
  openMs: r.lastsMs,
  ...(r.model === undefined ? {} : { model: r.model }),
})

/** The pool, if it is one that people share and this caller may take of it. */
export async function sharedPool(deps: Deps, caller: Caller, pool: string): Promise<Answer<{ pool: SharedPool }>> {
  const scope = lacksScope(caller, 'capacity:use')
  if (scope) return scope
  if (!configured(deps.settings.pools, pool)) return noPool(pool)
  const settings = await recentInForce(deps, pool)
  const { people } = settings
  if (people) return { ok: true, pool: { ...settings, people } }
  return refuse('not-shared', `The pool ${pool} is not shared with people.`, 'Give it `people` in the configuration.')
}

/** As its provider counts; nothing of what is not limited. */
function costOf(pool: PoolSettings, { model, inputTokens, maxOutputTokens }: PermitRequest): Cost {
  const cost = reserved(rulesFor(pool, model ?? ''), { input: inputTokens, output: maxOutputTokens })
  const limits = limitsOnOne(pool)
  return each((d) => (d === 'requests' || limits[d] !== undefined ? cost[d] : 0))
}

function tooMuch(pool: SharedPool, id: string, { maxOutputTokens }: PermitRequest, cost: Cost): Refusal | undefined {
  const { maxOutputTokens: most } = pool.people
  if (maxOutputTokens > most)
    return refuse('too-large', `A call may be asked for at most ${most} tokens of output here.`, 'Ask for fewer.', {
      at: 'maxOutputTokens',
    })
  const limits = peoplesPart(limitsOnOne(pool), pool)
  const over = exceeding(cost, limits)
  return over
    ? refuse(
        'larger-than-pool',
        `The call may cost ${cost[over]} ${over}, and people may have ${limits[over]} of ${id} in a window.`,
        'Ask for a smaller call, or raise the limit or people.max.',
      )
    : undefined
}

function capped(by: 'full' | Capped, { windowMs, people }: SharedPool): Refusal {
  const { open, calls } = people.perPerson
  if (by === 'open')
    return refuse('permits-open', `You hold ${open} permits already.`, 'Settle or release one.', { retryAfterS: 1 })
  if (by === 'rate')
    return refuse('rate-reached', `You have had ${calls} calls in ${windowMs / 1_000} s.`, 'Wait, and ask again.', {
      retryAfterS: Math.max(1, Math.ceil(windowMs / 1_000 / calls)),
    })
  const full = `${LINE_AT_MOST} calls wait already, or ${STAND_AT_MOST} permits stand.`
  return refuse('line-full', full, 'Ask again a little later, and settle what has ended.', { retryAfterS: 1 })
}
