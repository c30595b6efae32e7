/**
 * One job of a message: claim, look once at the whole job, and call it in its slot (call-in-slot.ts).
 * Before the claim nothing is touched; after it, every path ends in a settle, and what even that cannot write is
 * found again when the lease runs out.
 */

import { capsOf } from '../core/caps.ts'
import { type JobParts, presentKey, type Running } from '../core/job.ts'
import { missingFields } from '../core/prompt.ts'
import { callIn, type KindSettings, type PoolSettings, SETTLE_MARGIN_MS } from '../core/settings.ts'
import { askedOf } from './asked.ts'
import { tellBroken } from './broken.ts'
import { callInSlot, type Hush, type ToCall } from './call-in-slot.ts'
import { askOf, largerThanCaps, tooLarge, usesUsage } from './costs.ts'
import type { WorkerDeps } from './deps.ts'
import { sameKey } from './edges.ts'
import { inForceSince } from './in-force.ts'
import type { JobMessage } from './ports.ts'
import { type Report, report, type Sent } from './report.ts'
import { shareCall } from './same-call.ts'
import { decline, endCancelled, expire, fail } from './settle.ts'

export async function attempt(
  deps: WorkerDeps,
  message: JobMessage,
  sent: Sent,
  hush: Hush,
): Promise<Report | undefined> {
  try {
    return await claimAndCall(deps, message, sent, hush)
  } catch (error) {
    // The dispatcher reads the record when its lease is over; saying nothing is right, hiding it would not be.
    tellBroken(deps, 'AttemptsBroken', error, { pool: message.pool, jobId: sent.key.jobId })
    return undefined
  }
}

/** The kind is not known before the claim: the lease covers the longest call there may be, if any kind is left. */
const leaseMs = ({ settings }: WorkerDeps, pool: PoolSettings | undefined): number =>
  Math.max(0, ...Object.values(settings.kinds).map((k) => k.timeoutMs)) + (pool?.settleMarginMs ?? SETTLE_MARGIN_MS)

async function claimAndCall(deps: WorkerDeps, message: JobMessage, sent: Sent, hush: Hush): Promise<Report> {
  const { key, fence } = sent
  const pool = await inForceSince(deps, message.pool, message.settings ?? 0)
  const now = deps.clock.now()
  const nonce = deps.random.id(now)
  const claim = await deps.jobs.claim({ key, fence, nonce, leaseUntil: sent.slot + leaseMs(deps, pool), now })
  if (claim.kind === 'refused') return report(sent, 'lost')
  const { record } = claim
  const found = await look(deps, { record, sent, pool, poolId: message.pool, now })
  if ('ended' in found) return found.ended
  const same = await shareCall(deps, record, sent, found.kind, found.asked)
  if (same.kind === 'spared') return uncalled(same.done)
  return callInSlot(deps, { ...found, record, sent, hush, poolId: message.pool, cacheKey: same.cacheKey })
}

interface Claimed {
  readonly record: Running
  readonly sent: Sent
  /** By whose permit, as it is in force; absent where it is configured no more. */
  readonly pool: PoolSettings | undefined
  readonly poolId: string
  readonly now: number
}

/** The whole job, looked at once: how it is called, or what it came to instead. */
async function look(
  deps: WorkerDeps,
  { record, sent, pool, poolId, now }: Claimed,
): Promise<{ readonly ended: Report } | Pick<ToCall, 'kind' | 'asked' | 'tells'>> {
  const loaded = await load(deps, record, now)
  if (loaded.kind === 'unreadable')
    return ended(fail(deps, record, sent, 'unreadable', 'a part of it does not parse: mend it in the Jobs table'))
  const { parts } = loaded
  if (parts && (parts.end || !sameKey(presentKey(parts), record.key))) {
    await deps.jobs.discard({ record })
    return { ended: report(sent, 'lost') }
  }
  const kind = deps.settings.kinds[record.kind]
  const called = calledIn(deps, pool, poolId, record, kind)
  if (!parts) return ended(expire(deps, record, sent))
  // Its worker died before it could heed that; what it paid for is lost with it.
  if (record.cancelRequested) return ended(endCancelled(deps, record, sent))
  // What cannot be called here any more may still be called at home.
  if (sent.fallback && (!called || called.large)) return ended(decline(deps, record, sent))
  if (!kind || !called) return ended(fail(deps, record, sent, 'kind-removed', `no kind ${record.kind} is configured`))
  const { input } = parts.input
  const refusal = unfit(record, kind, called.large, input)
  if (refusal) return ended(fail(deps, record, sent, refusal.class, refusal.message))
  return { kind, asked: askedOf(record, kind, called, input), tells: usesUsage(deps.settings, poolId, called.pool) }
}

const ended = async (done: Promise<Report>): Promise<{ readonly ended: Report }> => ({ ended: await uncalled(done) })

const uncalled = async (ended: Promise<Report>): Promise<Report> => {
  const done = await ended
  return { ...done, settled: { ...done.settled, uncalled: true } }
}

/** A job whose parts do not parse is tried as often as one may crash without a limit of its own, then set aside. */
async function load(
  deps: WorkerDeps,
  record: Running,
  now: number,
): Promise<{ kind: 'loaded'; parts: JobParts | undefined } | { kind: 'unreadable' }> {
  try {
    return { kind: 'loaded', parts: await deps.jobs.load({ jobId: record.key.jobId, now }) }
  } catch (error) {
    const limit = deps.settings.kinds[record.kind]?.crashes ?? 1
    if ((error as { code?: string }).code !== 'unreadable-record' || record.crashes < limit) throw error
    return { kind: 'unreadable' }
  }
}

/** The pool that permitted it, the kind's model there, and how the job is larger than all that it allows, if it is. */
function calledIn(
  deps: Pick<WorkerDeps, 'settings'>,
  pool: PoolSettings | undefined,
  id: string,
  record: Running,
  kind: KindSettings | undefined,
) {
  // A kind that has moved to another pool is told of as such (unfit).
  const model = id === record.pool ? kind?.model : kind && callIn(kind, id)?.model
  if (!pool || model === undefined) return undefined
  const caps = capsOf(deps.settings, id, record.owner) ?? {}
  const large = tooLarge(pool, model, askOf(record)) ?? largerThanCaps(pool, model, askOf(record), caps)
  return { pool, model, large }
}

function unfit(
  record: Running,
  kind: KindSettings,
  large: string | undefined,
  input: unknown,
): { class: string; message: string } | undefined {
  if (record.crashes >= kind.crashes)
    return {
      class: 'crashed',
      message: `its worker died ${record.crashes} times; look for what kills it before a redrive`,
    }
  if (kind.pool !== record.pool)
    return { class: 'kind-moved', message: `its kind is of pool ${kind.pool} now; submit it again` }
  if (large) return { class: 'larger-than-pool', message: large }
  // The prompt has changed since submit, which would not take such a job any more.
  const [missing] = missingFields(kind, input)
  return missing === undefined
    ? undefined
    : { class: 'missing-field', message: `the prompt of ${record.kind} names input.${missing}, which it lacks` }
}
