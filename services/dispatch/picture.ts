/** The overview: once a second, what a person wants to see and what the API decides a backlog's limit by. */
import { Contest } from '../../core/contest.ts'
import { type Cost, type Limits, NOTHING, plus } from '../../core/cost.ts'
import { reasonFor } from '../../core/holds.ts'
import type { Tier } from '../../core/job.ts'
import { countedIn, usedIn } from '../../core/ledger.ts'
import { usedAll } from '../../core/ledgers.ts'
import type { Overview, TierPicture } from '../../core/overview.ts'
import { heldFor, isGranted } from '../../core/people.ts'
import { backlog, inFlight, inFlightByOwner, type Lane } from '../../core/ring.ts'
import { tellingMore, type WaitReason } from '../../core/wait-reason.ts'
import type { DispatcherDeps } from '../deps.ts'
import { atOnce } from './feedback.ts'
import { type Holder, OVERVIEW_EVERY_MS } from './holder.ts'
import { learnedOf } from './learned.ts'
import { measure } from './measure.ts'
import type { PeopleKept } from './people-heard.ts'

const OWNERS_SHOWN = 20
/** The overview stays far below an item's 400 KB. */
const FULL_NAMED = 1_000
const IN_FLIGHT_SHOWN = 20
/** Of lanes, and of owners. */
const CAPPED_NAMED = 200
const FLYING_SHOWN = 200

export async function paint(deps: DispatcherDeps, h: Holder, now: number): Promise<void> {
  if (now < h.due.overview) return
  h.due.overview = now + OVERVIEW_EVERY_MS
  const overview = pictureOf(h, deps.settings.backlogPerOwner, now)
  await deps.capacity.putOverview({ pool: h.pool, version: h.record.version, overview })
  if (now >= h.due.metrics) await measure(deps, h, overview, now)
}

function pictureOf(h: Holder, backlogAtMost: number, now: number): Overview {
  const inTurn = new Contest(h.ring, now).first()?.lane
  const used = usedAll(h.ledgers, now)
  const why = (lane: Lane) =>
    reasonFor(h.ring, lane, { now, ...(h.holds ? { holds: h.holds } : {}), ...(inTurn ? { inTurn } : {}) })
  return {
    v: 1,
    at: now,
    tiers: tiersOf(h, why),
    ...ownersOf(h, { why, backlogAtMost, now }),
    ...cappedIn(h, why),
    callsInWindow: used.window.requests ?? 0,
    ...(h.settings.requests === undefined ? {} : { limit: h.settings.requests }),
    used,
    reserved: reservedIn(h, now),
    ...(h.people ? { people: peopleIn(h, h.people, now) } : {}),
    windowMs: h.settings.windowMs,
    refused: h.refused,
    late: h.late,
    saved: h.saved,
    ...learnedOf(h),
    ...elsewhereOf(h),
    inFlight: inFlight(h.ring)
      .slice(0, IN_FLIGHT_SHOWN)
      .map((s) => {
        const lane = h.ring.lanes.get(s.lane) as Lane
        return { jobId: s.head.jobId, owner: lane.owner, tier: lane.tier, slot: s.slot }
      }),
    ...(h.stopped && !h.stopped.down ? { stopped: h.stopped.line } : {}),
    provider: providerOf(h, now),
  }
}

/** Nothing where no kind of it may go elsewhere, or none ever has. */
function elsewhereOf({ ring, elsewhere: served }: Holder): Pick<Overview, 'elsewhere'> {
  const offered = ring.sent.size - inFlight(ring).length
  return offered + served > 0 ? { elsewhere: { offered, served } } : {}
}

function providerOf(h: Holder, now: number): Overview['provider'] {
  const { stopped, quietUntil } = h
  return {
    allows: h.allows,
    ...(h.atOnce && h.atOnce.calls < Infinity ? { atOnce: atOnce(h) } : {}),
    ...(quietUntil > now ? { quietUntil } : {}),
    ...(stopped?.down ? { down: { since: stopped.since, line: stopped.line, probeAt: stopped.probeAt } } : {}),
  }
}

const limitedIn = ({ ledgers: { window } }: Holder, cost: Cost): Limits =>
  Object.fromEntries(countedIn(window.shape).map((d) => [d, cost[d]]))

function reservedIn(h: Holder, now: number): Limits {
  const from = now - h.settings.windowMs
  const costs = [...h.ring.sent.values()].flatMap(({ slot, cost }) => (slot > from && cost ? [cost] : []))
  // What has no moment yet stands in no ledger.
  const open = Object.entries(h.people?.record.permits ?? {}).flatMap(([id, p]) =>
    h.people?.counted.has(id) && isGranted(p) && !p.closed && p.grantedAt > from ? [p.cost as Cost] : [],
  )
  return limitedIn(h, [...costs, ...open].reduce(plus, NOTHING))
}

const peopleIn = (h: Holder, { ledgers, record }: PeopleKept, now: number) => ({
  used: usedIn(ledgers.window, now),
  held: limitedIn(h, heldFor(record)),
})

function tiersOf(h: Holder, why: (lane: Lane) => WaitReason): Record<Tier, TierPicture> {
  const empty = (tier: Tier): TierPicture => ({ queued: 0, running: 0, done: h.done[tier] })
  const tiers = { high: empty('high'), medium: empty('medium'), low: empty('low') }
  for (const id of h.ring.busy) {
    const lane = h.ring.lanes.get(id) as Lane
    const tier = tiers[lane.tier]
    tier.queued += backlog(lane)
    if (backlog(lane) > 0) tier.waits = tellingMore(tier.waits as WaitReason | undefined, why(lane))
  }
  for (const s of h.ring.sent.values()) {
    const tier = tiers[(h.ring.lanes.get(s.lane) as Lane).tier]
    if (s.elsewhere) tier.queued++
    else tier.running++
  }
  return tiers
}

/** Whom caps hold, and what is in flight of those whose calls in flight are capped. */
function cappedIn({ ring, uses }: Holder, why: (lane: Lane) => WaitReason): Pick<Overview, 'capped' | 'flying'> {
  const lanes = [...ring.busy].map((id) => ring.lanes.get(id) as Lane)
  const capped = lanes.filter((lane) => backlog(lane) > 0 && why(lane) === 'OWNER_LIMIT')
  const flying = [...inFlightByOwner(ring)].flatMap(([owner, calls]) =>
    uses.capsOf(owner)?.concurrency === undefined ? [] : [{ owner, calls }],
  )
  return {
    ...(capped.length > 0 ? { capped: capped.slice(0, CAPPED_NAMED).map(({ owner, tier }) => ({ owner, tier })) } : {}),
    ...(flying.length > 0 ? { flying: flying.slice(0, FLYING_SHOWN) } : {}),
  }
}

/** Calls in the last window, of owners that had any. */
function servedOf({ uses, settings: { windowMs } }: Holder, now: number): Map<string, number> {
  const calls = [...uses.of].map(([owner, { window }]) => [owner, usedIn(window, now, windowMs).requests ?? 0] as const)
  return new Map(calls.filter(([, n]) => n > 0))
}

/** An item is billed by its bytes, once a second, and people read per cents. */
const rounded = (share: number): number => Math.round(share * 10_000) / 10_000

function ownersOf(
  h: Holder,
  { why, backlogAtMost, now }: { why: (lane: Lane) => WaitReason; backlogAtMost: number; now: number },
): Pick<Overview, 'owners' | 'ownersLive' | 'full' | 'weightLive'> {
  const served = servedOf(h, now)
  const calls = [...served.values()].reduce((sum, n) => sum + n, 0)
  const queued = new Map<string, number>()
  const waits = new Map<string, WaitReason>()
  for (const id of h.ring.busy) {
    const lane = h.ring.lanes.get(id) as Lane
    queued.set(lane.owner, (queued.get(lane.owner) ?? 0) + backlog(lane))
    if (backlog(lane) > 0) waits.set(lane.owner, tellingMore(waits.get(lane.owner), why(lane)))
  }
  const live = [...new Set([...served.keys(), ...queued.keys()])]
  const weight = live.reduce((sum, owner) => sum + h.ring.ownerWeight(owner), 0)
  const flying = inFlightByOwner(h.ring)
  const row = (owner: string) => ({
    owner,
    queued: queued.get(owner) ?? 0,
    served: served.get(owner) ?? 0,
    share: rounded(calls === 0 ? 0 : (served.get(owner) ?? 0) / calls),
    entitlement: rounded(h.ring.ownerWeight(owner) / weight),
    ...(flying.has(owner) ? { inFlight: flying.get(owner) as number } : {}),
    ...(waits.has(owner) ? { waits: waits.get(owner) as string } : {}),
  })
  const busiest = live.map(row).sort((a, b) => b.served - a.served || b.queued - a.queued)
  const full = live.filter((owner) => (queued.get(owner) ?? 0) >= backlogAtMost).slice(0, FULL_NAMED)
  return { owners: busiest.slice(0, OWNERS_SHOWN), ownersLive: live.length, weightLive: weight, full }
}
