/** What a person does with a permit that stands: looks at it, waits for it, says what was used, or gives it back. */
import { rulesFor, settled } from '../../core/accounting.ts'
import { type Cost, type Dimension, exceeding } from '../../core/cost.ts'
import type { Usage } from '../../core/job.ts'
import { limitsOnOne } from '../../core/ledgers.ts'
import { isGranted, type PersonsPermit } from '../../core/people.ts'
import type { Caller } from '../caller.ts'
import type { Deps } from '../deps.ts'
import { type Answer, refuse } from '../refusal.ts'
import { giveBack, KEPT_IN_LINE_MS, type Place, type SharedPool, sharedPool, shareOf } from './ask.ts'
import { noSuchPermit, type PermitView, untilGranted } from './wait.ts'

export async function getPermit(
  deps: Deps,
  caller: Caller,
  at: Place,
  p: { waitS?: number | undefined } = {},
): Promise<Answer<{ permit: PermitView }>> {
  const found = await mine(deps, caller, at)
  if (!found.ok) return found
  const until = deps.clock.now() + (p.waitS ?? 0) * 1_000
  if (!isGranted(found.permit)) await deps.people.ask({ ...at, asksUntil: until + KEPT_IN_LINE_MS })
  return untilGranted(deps, { ...at, until, share: shareOf(found.pool) })
}

export async function settlePermit(
  deps: Deps,
  caller: Caller,
  at: Place,
  usage: Usage,
): Promise<Answer<{ id: string }>> {
  const found = await mine(deps, caller, at)
  if (!found.ok) return found
  const { permit, pool } = found
  if (!isGranted(permit))
    return refuse('not-granted', `The permit ${at.id} still waits.`, 'Call once it is granted, and settle then.')
  const cost = settled(rulesFor(pool, permit.model ?? ''), usage, permit.cost as Cost)
  // A limit that was lowered since makes no usage absurd that was reserved.
  const most = Object.entries(limitsOnOne(pool)).map(([d, limit]) => [d, Math.max(limit, permit.cost[d as Dimension])])
  const over = exceeding(cost, Object.fromEntries(most))
  if (over)
    return refuse('absurd-usage', `No call uses ${cost[over]} ${over}: the pool has less.`, 'Send what was used.')
  return close(deps, at, cost)
}

export async function releasePermit(deps: Deps, caller: Caller, at: Place): Promise<Answer<{ id: string }>> {
  const found = await mine(deps, caller, at)
  if (!found.ok) return found
  return (await giveBack(deps, at, caller.owner)) === 'gone' ? noSuchPermit(at.id) : { ok: true, id: at.id }
}

async function close(deps: Deps, at: Place, cost: Cost): Promise<Answer<{ id: string }>> {
  const closed = await deps.people.close({ ...at, at: deps.clock.now(), cost })
  return closed === 'closed' ? { ok: true, id: at.id } : noSuchPermit(at.id)
}

async function mine(
  deps: Deps,
  caller: Caller,
  { pool, id }: Place,
): Promise<Answer<{ permit: PersonsPermit; pool: SharedPool }>> {
  const shared = await sharedPool(deps, caller, pool)
  if (!shared.ok) return shared
  const record = await deps.people.read({ pool })
  const permit = Object.hasOwn(record?.permits ?? {}, id) ? record?.permits[id] : undefined
  return permit?.person === caller.owner ? { ok: true, permit, pool: shared.pool } : noSuchPermit(id)
}
