/** Taking the lease: the ring's notes first, then every noted lane from its start. */
import { recallBehind } from '../../core/behind.ts'
import { headOf } from '../../core/bell.ts'
import { recalled } from '../../core/feedback.ts'
import { TIERS, type Tier } from '../../core/job.ts'
import { laneOf } from '../../core/lane.ts'
import { claimGoodUntil, LEASE_MS } from '../../core/lease.ts'
import { type LedgerRecord, ledgersOf } from '../../core/ledger-record.ts'
import { shapesOf } from '../../core/ledgers.ts'
import type { Overview } from '../../core/overview.ts'
import type { OwnerRecord } from '../../core/owner-record.ts'
import { BACKOFF_CAP_MS } from '../../core/retry.ts'
import { groupOf, HEADS_KEPT, laneIn, newRing, type Ring, refill } from '../../core/ring.ts'
import type { PoolSettings } from '../../core/settings.ts'
import { liftClocks } from '../../core/turns.ts'
import { costing } from '../costs.ts'
import type { DispatcherDeps } from '../deps.ts'
import { inBatches, LANES_AT_ONCE } from '../in-batches.ts'
import { readInForce } from '../in-force.ts'
import { travelWithin } from './adapt.ts'
import { type Holder, INITIAL_SLOWED_MS, INITIAL_TRAVEL_MS, RENEW_MS, STOP_EVERY_MS } from './holder.ts'
import { recalledLearned } from './learned.ts'
import { noLoad } from './load.ts'
import { holdPeople } from './people-heard.ts'
import { believed } from './sound-clock.ts'
import { stoppedSince } from './stop-record.ts'
import { newUses, readRecords } from './uses.ts'

/** Lanes read between two looks at the lease: some seconds of reading, of its thirty. */
const LANES_BETWEEN_LOOKS = 480

export async function takeOver(deps: DispatcherDeps, pool: string): Promise<Holder | undefined> {
  const asked = deps.clock.now()
  const lease = await deps.capacity.acquire({ pool, holder: deps.random.id(asked), now: asked, leaseMs: LEASE_MS })
  if (lease.kind === 'clock-off') deps.meter.count('ClockOff', 1, { pool })
  if (lease.kind !== 'held') return undefined
  // Asking may have taken seconds, in which another stamped slots: by the time of asking they would lie in the future.
  const now = deps.clock.now()
  // What is changed after this is told by a bell, which the first tick reads.
  const { settings, overrides } = await readInForce(deps, pool)
  const ring = ringOf(deps, pool, settings, lease.record)
  const shapes = shapesOf(settings)
  const [owners, overview, stop] = await Promise.all([
    deps.rings.owners({ pool }),
    deps.capacity.overview({ pool }),
    deps.capacity.stopped({ pool }),
  ])
  const uses = newUses(deps, pool, lease.record.uses)
  const names = owners.map(({ owner }) => owner)
  const records = await readRecords(deps, { pool, settings, uses }, [...names, ...uses.stale])
  const lanes = names.flatMap((owner) => recall(ring, owner, records.get(owner), lease.record.order))
  if (lease.record.order === ring.order) recallBehind(ring, lease.record.behind ?? [])
  const read = await readLanes(deps, ring, lanes, lease.record)
  if (!read) return undefined
  liftClocks(ring)
  // Last of all: from here on people have no stock until the first tick, and the lanes may have taken seconds.
  const people = await holdPeople(deps, { pool, record: read, shapes })
  const { record, ahead } = believed(read, { shape: shapes.window, pacing: settings.pacing }, now)
  if (ahead) deps.meter.count('SlotsAhead', 1, { pool })
  const learned = recalledLearned(record)
  return {
    pool,
    settings,
    uses,
    changes: { adopted: overrides.version, heard: overrides.version },
    record,
    ring,
    ledgers: ledgersOf(record, { shapes, ...historiesOf(settings), now }),
    costing: costing(deps.settings, { id: pool, pool: settings, learned }),
    learned,
    next: { ...record.nextOf, requests: record.next },
    ...(people ? { people } : {}),
    travelMs: travelWithin(record.travelMs ?? INITIAL_TRAVEL_MS),
    slowedMs: INITIAL_SLOWED_MS,
    ...(stop ? { stopped: stoppedSince(stop, now) } : {}),
    feedback: settings.feedback.limits ? recalled(record.feedback ?? {}, now) : {},
    quietUntil: quietUntil(record, settings, now),
    latest: now,
    ...counted(overview),
    ...nothingHeard(now),
  }
}

/** What has been counted since the pool began stands in its picture. */
function counted(picture: Overview | undefined) {
  const { tiers, refused = 0, late = 0, saved = 0, recovered = 0, elsewhere } = picture ?? {}
  const done = (tier: Tier) => tiers?.[tier].done ?? 0
  return {
    done: { high: done('high'), medium: done('medium'), low: done('low') },
    ...{ refused, late, saved, recovered },
    elsewhere: elsewhere?.served ?? 0,
    told: { refused, late },
  }
}

/** What a holder knows before it has heard of anything. */
const nothingHeard = (now: number) => ({
  load: noLoad(),
  queuedAgain: new Map(),
  evidence: new Map(),
  allows: {},
  answered: { slot: 0, at: 0 },
  mended: false,
  absorbed: new Set<string>(),
  gone: new Map(),
  unreadable: 0,
  due: { note: 0, look: 0, offer: 0, overview: 0, leave: 0, metrics: 0, stop: now + STOP_EVERY_MS },
  // With nothing to do, the first tick already ends it: an idle pool costs a few seconds a minute.
  busyAt: 0,
})

const historiesOf = ({ history, day }: PoolSettings) => ({ history, dayHistory: day?.history ?? 'empty' })

/** What the last holder sent may still be on its way: its slots pass first. So does the quiet that the provider asked for. */
function quietUntil(record: LedgerRecord, settings: PoolSettings, now: number): number {
  const sent = record.lastSlot === 0 ? 0 : record.lastSlot + settings.guard.refusalMs
  return Math.max(sent, Math.min(record.quietUntil ?? 0, now + BACKOFF_CAP_MS))
}

/** The ring may be long, and a lease that ends meanwhile would be taken by another, which would read as long. */
async function readLanes(
  deps: DispatcherDeps,
  ring: Ring,
  lanes: readonly { tier: Tier; owner: string }[],
  taken: LedgerRecord,
): Promise<LedgerRecord | undefined> {
  let record = taken
  for (let i = 0; i < lanes.length; i += LANES_BETWEEN_LOOKS) {
    const some = lanes.slice(i, i + LANES_BETWEEN_LOOKS)
    await inBatches(some, LANES_AT_ONCE, (lane) => readLane(deps, ring, lane))
    const now = deps.clock.now()
    if (record.until - now >= LEASE_MS - RENEW_MS) continue
    record = { ...record, version: record.version + 1, until: now + LEASE_MS }
    if ((await deps.capacity.write({ pool: ring.pool, record })) === 'lost') return undefined
  }
  return record
}

function ringOf(deps: DispatcherDeps, pool: string, settings: PoolSettings, record: LedgerRecord): Ring {
  const ownerWeight = (owner: string) => deps.settings.owners[owner]?.weight ?? 1
  const ring = newRing({ pool, order: settings.order, share: settings.share, tierWeight: settings.tiers, ownerWeight })
  // Turns of another order are of another clock: they begin anew, all at zero.
  if (record.order !== settings.order) return ring
  ring.v = record.clock
  for (const [tier, clock] of Object.entries(record.tiers)) ring.groups.set(tier, { ...clock })
  return ring
}

/** Turns of another order are of another clock: they begin anew. */
function recall(
  ring: Ring,
  owner: string,
  kept: OwnerRecord | undefined,
  order: string | undefined,
): { tier: Tier; owner: string }[] {
  const isOurs = order === ring.order && kept?.turns.order === ring.order
  for (const tier of TIERS) {
    const noted = kept?.turns.tiers[tier]
    if (!noted) continue
    const lane = laneIn(ring, { tier, owner })
    if (isOurs) lane.turn = noted.turn
    lane.beyond = noted.beyond
  }
  if (kept && isOurs && ring.order === 'owners') {
    const { turn, v } = kept.turns
    Object.assign(groupOf(ring, { tier: 'high', owner }), { turn, v })
  }
  ring.unnoted.delete(owner)
  // Every tier is read, known of or not: what was kept may be older than what stands.
  return TIERS.map((tier) => ({ tier, owner }))
}

/** The next records of a lane behind what is in memory: queued ones as heads, running ones to be watched. */
export async function readLane(deps: DispatcherDeps, ring: Ring, p: { tier: Tier; owner: string }): Promise<void> {
  const lane = laneIn(ring, p)
  const id = laneOf({ pool: ring.pool, ...p })
  const page = await deps.jobs.lane({ lane: id, limit: HEADS_KEPT, ...(lane.cursor ? { after: lane.cursor } : {}) })
  const queued = page.records.filter((r) => r.state === 'queued' && r.cancelRequested !== true)
  // Of two under one job's name the later counts: a first put that landed late has the other.
  for (const r of page.records)
    if (r.state === 'running' && (ring.sent.get(r.key.jobId)?.head.fence ?? -1) < r.fence - 1) {
      // Its worker will ring about the fence that its message named; the claim has raised it by one since.
      const head = { ...headOf(r), fence: r.fence - 1 }
      ring.sent.set(r.key.jobId, {
        head,
        lane: id,
        slot: 0,
        notAfter: 0,
        lookAt: Math.min(r.leaseUntil, claimGoodUntil(deps.clock.now())) + 1,
      })
    }
  if (page.unreadable.length > 0) deps.meter.count('Unreadable', page.unreadable.length, { pool: ring.pool })
  refill(ring, lane, queued.map(headOf), page.last, page.more)
}
