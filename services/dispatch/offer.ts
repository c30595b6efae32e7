/**
 * What this pool cannot call now and another may: offered there by one bell, and kept back here meanwhile as what was
 * sent is. Dying before the bell changes nothing; after it, whoever takes over finds the records in their lanes, and a
 * claim decides. What is never heard of again is read by its key when its offer is over.
 */
import { reserved, rulesFor } from '../../core/accounting.ts'
import type { Bell, Head } from '../../core/bell.ts'
import { capsOf, hasCaps } from '../../core/caps.ts'
import { type Cost, minus } from '../../core/cost.ts'
import { OFFER_MS, type Offer, offersOf, roomOf } from '../../core/fallback.ts'
import { lend } from '../../core/ring.ts'
import { type CallIn, type Caps, callIn, type KindSettings, type PoolSettings } from '../../core/settings.ts'
import { recentOverview } from '../backlog.ts'
import { askOf, largerThanCaps, tooLarge } from '../costs.ts'
import type { DispatcherDeps } from '../deps.ts'
import { recentInForce } from '../in-force.ts'
import type { Holder } from './holder.ts'

const OFFER_EVERY_MS = 1_000
/** Far below an item's 400 KB. */
const GUESTS_PER_BELL = 100
/** A call whose permit was given in the offer's last moment has begun by then, mostly, and its claim tells of it. */
const LOOK_AFTER_MS = 2_000

export async function offerElsewhere(deps: DispatcherDeps, h: Holder, now: number): Promise<void> {
  if (now < h.due.offer) return
  h.due.offer = now + OFFER_EVERY_MS
  const kinds = Object.values(deps.settings.kinds).filter((kind) => kind.pool === h.pool && mayGo(kind, h))
  const pools = [...new Set(kinds.flatMap(({ fallback }) => fallback.map(({ pool }) => pool)))]
  if (pools.length === 0 || h.ring.busy.size === 0) return
  const [others, stoppedPools, capped] = await Promise.all([
    othersOf(deps, pools),
    stoppedOf(deps, pools),
    cappedIn(deps, pools),
  ])
  const offers = offersOf(h.ring, {
    now,
    stopped: h.stopped !== undefined,
    kinds: deps.settings.kinds,
    room: roomIn(deps, h, { others, stopped: stoppedPools, now }),
    costIn: (head, call) => costIn(others, head, call),
    stoppedPools,
    fits: (head, { pool, model }, owner) =>
      !capped.has(`${pool}#${owner}`) &&
      isTaken(others.get(pool) as PoolSettings, { head, model, caps: capsOf(deps.settings, pool, owner) ?? {} }),
  })
  for (const pool of pools)
    await offerTo(
      deps,
      h,
      pool,
      offers.filter((offer) => offer.pool === pool),
      now,
    )
}

const mayGo = ({ fallback }: KindSettings, h: Holder): boolean =>
  fallback.some(({ afterMs }) => h.stopped !== undefined || afterMs !== undefined)

/** A job that the other pool, or its owner's caps there, could never take is not offered. */
function isTaken(pool: PoolSettings, { head, model, caps }: { head: Head; model: string; caps: Caps }): boolean {
  const ask = askOf(head)
  return (tooLarge(pool, model, ask) ?? largerThanCaps(pool, model, ask, caps)) === undefined
}

/** As they are in force, or were a moment ago. */
const othersOf = async (deps: DispatcherDeps, pools: readonly string[]): Promise<Map<string, PoolSettings>> =>
  new Map(await Promise.all(pools.map(async (pool) => [pool, await recentInForce(deps, pool)] as const)))

/** Owners whom caps hold there, by pool: what is offered of theirs would keep others' from its room. */
async function cappedIn(deps: DispatcherDeps, pools: readonly string[]): Promise<Set<string>> {
  const having = pools.filter((pool) => hasCaps(deps.settings, pool))
  const pictures = await Promise.all(having.map((pool) => recentOverview(deps, pool)))
  const owners = pictures.map((picture) => new Set(picture?.capped?.map(({ owner }) => owner)))
  return new Set(having.flatMap((pool, i) => [...(owners[i] as Set<string>)].map((owner) => `${pool}#${owner}`)))
}

async function stoppedOf(deps: DispatcherDeps, pools: readonly string[]): Promise<Set<string>> {
  const stops = await Promise.all(pools.map((pool) => deps.capacity.stopped({ pool })))
  return new Set(pools.filter((_, i) => stops[i]))
}

const costIn = (others: ReadonlyMap<string, PoolSettings>, head: Head, { pool, model }: CallIn): Cost =>
  reserved(rulesFor(others.get(pool) as PoolSettings, model), askOf(head))

/** What it can take, less what it was offered and has not served. */
function roomIn(
  { settings: { kinds } }: DispatcherDeps,
  h: Holder,
  { others, stopped, now }: { others: ReadonlyMap<string, PoolSettings>; stopped: ReadonlySet<string>; now: number },
): Map<string, Cost> {
  const room = new Map([...others].map(([pool, settings]) => [pool, roomOf(settings, stopped.has(pool))]))
  for (const { head, elsewhere = '', notAfter } of h.ring.sent.values()) {
    // Its offer is over and it is not back: it is being called, and has its slot there.
    if (notAfter < now) continue
    const [left, kind] = [room.get(elsewhere), kinds[head.kind ?? '']]
    const call = kind && callIn(kind, elsewhere)
    if (left && call) room.set(elsewhere, minus(left, costIn(others, head, call)))
  }
  return room
}

/** One that cannot be told now is told at the next look: here nothing has changed for it. */
async function offerTo(
  deps: DispatcherDeps,
  h: Holder,
  to: string,
  offers: readonly Offer[],
  now: number,
): Promise<void> {
  const until = now + OFFER_MS
  for (let i = 0; i < offers.length; i += GUESTS_PER_BELL) {
    const some = offers.slice(i, i + GUESTS_PER_BELL)
    try {
      await deps.doorbell.ring(to, guestsBell(deps.random.id(now), some, until))
    } catch {
      return deps.meter.count('OffersUnheard', 1, { pool: h.pool })
    }
    for (const { lane, head } of some) lend(h.ring, lane, head, { to, until, lookAt: until + LOOK_AFTER_MS, now })
  }
}

const guestsBell = (id: string, offers: readonly Offer[], until: number): Bell => ({
  v: 1,
  id,
  t: 'guests',
  jobs: offers.map(({ lane, head, why }) => ({
    tier: lane.tier,
    owner: lane.owner,
    head: { ...head, guest: { lane: lane.id, until, why } },
  })),
})
