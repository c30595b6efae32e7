/**
 * What the holder hears of people: what they took since, counted in the ledger at its moment. What is counted here is marked
 * only after the ledger has been written (people-served.ts), so a crash between counts it once more and never less.
 */
import { type Cost, DIMENSIONS, NOTHING, plus } from '../../core/cost.ts'
import { type Demand, noDemand, withAsked } from '../../core/demand.ts'
import { emptyLedger } from '../../core/ledger.ts'
import { type LedgerRecord, peoplesDay } from '../../core/ledger-record.ts'
import { amendAll, type Ledgers, permitAll, type Shapes, trimAll } from '../../core/ledgers.ts'
import { grantedTo, isGranted, type News, newsOf, type PeopleRecord } from '../../core/people.ts'
import { type LineTurns, lineUp, NO_TURNS } from '../../core/people-line.ts'
import { tellBroken } from '../broken.ts'
import type { DispatcherDeps } from '../deps.ts'
import type { Holder } from './holder.ts'

export interface PeopleKept {
  record: PeopleRecord
  /** Added by writes of which nothing is known, and which may still land. */
  doubt: Cost
  /** What people alone were permitted. Of the window nothing is stored: after a takeover it begins with what their record tells. */
  ledgers: Ledgers
  demand: Demand
  turns: LineTurns
  /** Whose asking is part of the demand, and whether the grant is part of the rates. */
  readonly asked: Map<string, 'waiting' | 'granted'>
  /** Ids that stand in the ledger, whether the record says so yet or not. */
  readonly counted: Set<string>
  /** Calls granted, for each person's rate. */
  granted: { readonly person: string; readonly at: number }[]
  /** Permits granted since the plan of the oldest call that is not told of yet, by id: when, and what each reserved. */
  readonly grants: Map<string, { readonly at: number; readonly cost: Cost }>
  /** What the agent in turn needs, and people must give way to. */
  exceeds?: Cost | undefined
  /** What it needs where it has waited for a window: people's share is lowered for it. */
  starved?: Cost | undefined
  /** The ledger holds what its record does not yet. */
  unwritten: boolean
  /** When it was last read: what is new since then happened since then, whatever the clock of whoever wrote it. */
  readAt: number
  /** The moments that are believed, by what is told of whom. */
  readonly moments: Map<string, number>
}

/** At a takeover: the stock is taken back, and what was granted to each is taken for granted just now. */
export async function holdPeople(
  deps: DispatcherDeps,
  p: { pool: string; record: LedgerRecord; shapes: Shapes },
): Promise<PeopleKept | undefined> {
  if (!deps.settings.pools[p.pool]?.people) return undefined
  const now = deps.clock.now()
  const record = await deps.people.hold({ pool: p.pool, epoch: p.record.epoch })
  const granted = Object.keys(record.took).flatMap((person) =>
    Array.from({ length: grantedTo(record, person) }, () => ({ person, at: now })),
  )
  const window = permitAll({ window: emptyLedger(p.shapes.window, now) }, now, { ...NOTHING, requests: granted.length })
  return {
    record,
    doubt: NOTHING,
    ledgers: { ...window, ...peoplesDay(p.record, p.shapes, now) },
    demand: noDemand(now),
    turns: NO_TURNS,
    asked: new Map(Object.keys(record.permits).map((id) => [id, 'waiting'])),
    counted: new Set(),
    granted,
    grants: new Map(),
    unwritten: false,
    readAt: now,
    moments: new Map(),
  }
}

/** As the tick finds it. Where it cannot be read, what was held before is held still. */
export async function readPeople(deps: DispatcherDeps, h: Holder): Promise<Look | undefined> {
  if (!h.people) return undefined
  const at = deps.clock.now()
  try {
    const record = await deps.people.read({ pool: h.pool })
    return record && { record, at }
  } catch (error) {
    tellBroken(deps, 'TicksFailed', error, { pool: h.pool, step: 'people' })
    return undefined
  }
}
/** What was read, and when that was asked for. */
interface Look {
  readonly record: PeopleRecord
  readonly at: number
}

/** What has a moment now into the ledger, once. */
export function hearPeople({ meter }: DispatcherDeps, h: Holder, look: Look | undefined, now: number): void {
  const kept = h.people
  if (!kept) return
  kept.ledgers = trimAll(kept.ledgers, now)
  if (!look) return
  kept.record = { ...look.record, permits: believed(kept, look, { now, skewMs: h.settings.guard.skewMs }) }
  kept.turns = lineUp(kept.turns, kept.record, now)
  const atOnce = hearAsked(kept, now)
  if (atOnce > 0) meter.count('PeopleAtOnce', atOnce, { pool: h.pool })
  const { counted, amended } = newsOf(kept.record, now)
  count(h, kept, counted)
  amend(h, kept, amended)
  if (Object.keys(kept.record.permits).length > 0) h.busyAt = now
}

function count(h: Holder, kept: PeopleKept, counted: News['counted']): void {
  const fresh = counted.filter(({ id }) => !kept.counted.has(id))
  for (const { id, at, cost } of fresh) {
    kept.counted.add(id)
    h.ledgers = permitAll(h.ledgers, at, cost)
    kept.ledgers = permitAll(kept.ledgers, at, cost)
  }
  kept.unwritten ||= fresh.length > 0
}

function amend(h: Holder, kept: PeopleKept, amended: News['amended']): void {
  for (const { id, at, by } of amended) {
    // What an earlier holder counted stands where that one believed it to be; it stays as it was reserved.
    if (!kept.counted.has(id) || kept.counted.has(`${id} closed`)) continue
    kept.counted.add(`${id} closed`)
    h.ledgers = amendAll(h.ledgers, at, by)
    kept.ledgers = amendAll(kept.ledgers, at, by)
    // What has cost more is in no record any more once its permit has gone.
    kept.unwritten ||= DIMENSIONS.some((d) => by[d] > 0)
  }
}

/**
 * Moments are told by the clocks of many processes. One that cannot be (before the last look, or yet to come) is taken for
 * now, the latest that it can have been.
 */
function believed(
  kept: PeopleKept,
  { record: { permits }, at: readAt }: Look,
  p: { now: number; skewMs: number },
): PeopleRecord['permits'] {
  const moment = (key: string, told: number): number => {
    const known = kept.moments.get(key)
    if (known !== undefined) return known
    const canBe = told >= kept.readAt - p.skewMs && told <= p.now + p.skewMs
    const at = canBe ? Math.min(told, p.now) : p.now
    kept.moments.set(key, at)
    return at
  }
  const entries = Object.entries(permits).map(([id, { grantedAt, closed, ...rest }]) => {
    // What stands in the ledger already has its moment there: this one tells only when it ends.
    const at = grantedAt === undefined ? 0 : rest.counted ? Math.min(grantedAt, p.now) : moment(id, grantedAt)
    const granted = grantedAt === undefined ? {} : { grantedAt: kept.moments.get(id) ?? at }
    const over = closed ? { closed: { ...closed, at: moment(`${id} closed`, closed.at) } } : {}
    return [id, { ...rest, ...granted, ...over }] as const
  })
  kept.readAt = readAt
  return Object.fromEntries(entries)
}

/** Answers how many were granted out of the stock since. */
function hearAsked(kept: PeopleKept, now: number): number {
  const entries = Object.entries(kept.record.permits)
  const fresh = entries.filter(([id]) => !kept.asked.has(id))
  const asked = fresh.map(([, { askedAt, cost }]) => ({ at: askedAt, cost: cost as Cost }))
  kept.demand = withAsked(kept.demand, asked, now)
  for (const [id, p] of entries) {
    if (isGranted(p) && kept.asked.get(id) !== 'granted') noteGranted(kept, p.person, p.grantedAt)
    kept.asked.set(id, isGranted(p) ? 'granted' : 'waiting')
  }
  for (const id of kept.asked.keys()) if (!kept.record.permits[id]) forget(kept, id)
  return fresh.filter(([, p]) => isGranted(p)).length
}

/** To be asked before bells are heard: what they tell of the provider may have met the calls of these. */
export function noteGrants({ people, ring, queuedAgain }: Holder, look: Look | undefined, now: number): void {
  if (!people) return
  const untold = [...ring.sent.values(), ...queuedAgain.values()]
  const from = untold.reduce((oldest, { countedAt = now }) => Math.min(oldest, countedAt), now)
  for (const [id, { at }] of people.grants) if (at <= from) people.grants.delete(id)
  for (const [id, p] of Object.entries(look?.record.permits ?? {}))
    if (isGranted(p) && !people.grants.has(id) && p.grantedAt > from)
      people.grants.set(id, { at: Math.min(p.grantedAt, now), cost: p.cost as Cost })
}

/** What people were granted after the one moment and until the other. */
export function grantedWithin({ people }: Holder, from: number, to: number): Cost {
  const grants = [...(people?.grants.values() ?? [])].filter(({ at }) => at > from && at <= to)
  return grants.reduce((sum, { cost }) => plus(sum, cost), NOTHING)
}

/** Each counts once in the rate: it may be one of those that a takeover took for granted then. */
function noteGranted(kept: PeopleKept, person: string, at: number): void {
  const known = kept.granted.filter((g) => g.person === person).length
  if (known >= grantedTo(kept.record, person)) return
  kept.granted.push({ person, at })
}

function forget(kept: PeopleKept, id: string): void {
  kept.asked.delete(id)
  kept.counted.delete(id)
  kept.counted.delete(`${id} closed`)
  kept.moments.delete(id)
  kept.moments.delete(`${id} closed`)
}
