/**
 * What the holder gives to people: those in line first, then the stock. What is added is held back from agents before it is
 * written, and stays so until it is known what became of the write.
 */
import { atLeast, type Cost, DIMENSIONS, each, least, minus, NOTHING, negative, plus } from '../../core/cost.ts'
import { likelyCalls, stockFor } from '../../core/demand.ts'
import { type Ledger, usedIn } from '../../core/ledger.ts'
import { limitsOnOne, sameRoomInAllUntil } from '../../core/ledgers.ts'
import { countOf, grantedTo, heldFor, isGranted, newsOf, type PeopleRecord, STOCK_GOOD_MS } from '../../core/people.ts'
import { lineUp } from '../../core/people-line.ts'
import {
  GRANTS_AT_ONCE,
  heldFromAgents,
  inFlightForPeople,
  keptOnly,
  type PeopleState,
  planPeople,
  underWay,
} from '../../core/people-plan.ts'
import type { Plan } from '../../core/plan.ts'
import { inFlight } from '../../core/ring.ts'
import type { People } from '../../core/settings.ts'
import { tellBroken } from '../broken.ts'
import type { DispatcherDeps } from '../deps.ts'
import type { PeopleChange } from '../ports.ts'
import { atOnce } from './feedback.ts'
import type { Holder } from './holder.ts'
import type { PeopleKept } from './people-heard.ts'

export function peopleState(h: Holder, now: number): PeopleState | undefined {
  const { people: kept, settings } = h
  if (!kept || !settings.people) return undefined
  const { max, reserve } = settings.people
  const limits = limitsOf(h)
  const { window, day } = kept.ledgers
  const inFlightAtMost = Math.floor(atOnce(h) * max)
  const wanted = { ...wantedIn(kept, reserve, limits), ...callsWanted(h, reserve, limits) }
  const givesWay = least(wanted, without(limits, kept.exceeds))
  const part = each((d) => Math.floor(limits[d] * max))
  return {
    record: kept.record,
    now,
    turns: kept.turns,
    doubt: kept.doubt,
    used: usedOf(window, now),
    atMost: least(part, without(limits, kept.starved)),
    ...(day ? { day: { used: usedOf(day, now), atMost: dayAtMost(h, max) } } : {}),
    target: keptOnly(ofCalls(givesWay, inFlightAtMost - underWay(kept)), h.ledgers),
    inFlightAtMost,
  }
}

/** What an agent needs of the limits is not for people. */
const without = (limits: Cost, needed = NOTHING): Cost => atLeast(minus(limits, needed), 0)

/** For calls that may not begin nothing is kept, of anything. */
function ofCalls(wanted: Cost, mayBegin: number): Cost {
  const begin = Math.max(0, mayBegin)
  const part = Math.min(1, begin / Math.max(1, wanted.requests))
  return each((d) => (d === 'requests' ? Math.min(wanted[d], begin) : Math.ceil(part * wanted[d])))
}

const wantedIn = ({ demand }: PeopleKept, reserve: People['reserve'], limits: Cost): Cost =>
  reserve === 'learned'
    ? stockFor(demand, likelyCalls(demand), limits)
    : each((d) => (limits[d] === Infinity ? 0 : Math.ceil(limits[d] * reserve)))

/** Where calls are not limited a stock of them costs nobody anything, unless those in flight are. */
const CALLS_IN_STOCK = 100
function callsWanted(h: Holder, reserve: People['reserve'], limits: Cost): Partial<Cost> {
  if (limits.requests < Infinity || reserve === 0) return {}
  return { requests: atOnce(h) < Infinity ? likelyCalls((h.people as PeopleKept).demand) : CALLS_IN_STOCK }
}

function usedOf(ledger: Ledger, now: number): Cost {
  const used = usedIn(ledger, now)
  return each((d) => used[d] ?? 0)
}
const dayAtMost = ({ ledgers }: Holder, max: number): Cost =>
  each((d) => Math.floor((ledgers.day?.shape.limits[d] ?? Infinity) * max))

/** As the provider allows at present. */
const limitsOf = ({ settings, ledgers }: Holder): Cost => {
  const [configured, { limits: allowed }] = [limitsOnOne(settings), ledgers.window.shape]
  return each((d) => Math.min(configured[d] ?? Infinity, allowed[d] ?? Infinity))
}

/** A turn of a few seconds at most passes between two looks at a stock that is good for minutes. */
const RENEW_STOCK_MS = STOCK_GOOD_MS / 2

/** After the ledger's write. `lost`: another holds the pool; `more`: for agents, or for those in line. */
export async function servePeople(
  deps: DispatcherDeps,
  h: Holder,
  decided: Pick<Plan, 'holds' | 'exceeds' | 'starved'>,
  now: number,
): Promise<'lost' | 'more' | 'kept'> {
  const { people: kept } = h
  if (!kept) return 'kept'
  kept.exceeds = decided.exceeds
  kept.starved = decided.starved
  const change = changeFor(h, decided, now)
  if (!change) return 'kept'
  const grants = change.granted.map((id) => (kept.record.permits[id]?.cost ?? NOTHING) as Cost)
  const added = grants.reduce(plus, atLeast(change.stock, 0))
  const { epoch, seq } = kept.record
  // Held back from here on, whatever becomes of the write: it may land long after it was given up.
  const before = kept.doubt
  kept.doubt = plus(before, added)
  const answer = await deps.people
    .write({ pool: h.pool, epoch, seq, change })
    .catch((error: unknown) => tellBroken(deps, 'TicksFailed', error, { pool: h.pool, step: 'people' }))
  if (answer?.kind === 'lost') return 'lost'
  if (answer?.kind === 'stale') kept.doubt = before
  if (answer?.kind !== 'written') return 'kept'
  tellWaits(deps, h, change, answer.record)
  // This one landed after it, so no earlier one can land any more.
  kept.doubt = NOTHING
  kept.record = answer.record
  kept.turns = lineUp(kept.turns, answer.record, now)
  kept.granted = kept.granted.filter(
    ({ person, at }) => at > now - h.settings.windowMs || !Object.hasOwn(change.aged, person),
  )
  return DIMENSIONS.some((d) => change.stock[d] < 0) || isCut(change) ? 'more' : 'kept'
}

/** The rest of them is written at once, not a turn later: else a record of many calls a second grows for ever. */
const isCut = ({ granted, counted, over, aged, gone }: PeopleChange): boolean =>
  granted.length === GRANTS_AT_ONCE ||
  [counted, over, Object.keys(aged), gone].some(({ length }) => length === CHANGES_AT_ONCE)

/** Of those who got theirs, and of those who left without. By their own machines' clocks they asked. */
function tellWaits(
  { meter }: DispatcherDeps,
  h: Holder,
  { granted, over, at }: PeopleChange,
  after: PeopleRecord,
): void {
  const before = (h.people as PeopleKept).record
  const left = over.flatMap(({ id, waiting }) => (waiting ? (before.permits[id] ?? []) : []))
  const served = granted.flatMap((id) => after.permits[id] ?? [])
  for (const { askedAt, grantedAt = at } of [...served, ...left])
    meter.count('PeopleWaitedMs', Math.max(0, grantedAt - askedAt), { pool: h.pool })
}

function changeFor(h: Holder, decided: Pick<Plan, 'holds'>, now: number): PeopleChange | undefined {
  const kept = h.people as PeopleKept
  const state = peopleState(h, now) as PeopleState
  const { record } = kept
  const agentsWait = decided.holds !== undefined
  const has = underWay(state) + record.stock.requests
  const concurrency = Math.max(atOnce(h) - inFlight(h.ring).length - has, oneOf(h, inFlight(h.ring).length + has) - has)
  const { granted, stock } =
    now < h.quietUntil
      ? { granted: [], stock: negative(record.stock as Cost) }
      : planPeople(state, { ledgers: h.ledgers, agentsWait, concurrency })
  const over = newsOf(record, now).over.filter((id) => isKnown(kept, id))
  const counted = Object.keys(record.permits).filter((id) => mayBeMarked(kept, id) && !over.includes(id))
  const aged = agedBy(kept, now - h.settings.windowMs)
  const inDoubt = DIMENSIONS.some((d) => kept.doubt[d] > 0)
  const old = record.goodUntil - now < RENEW_STOCK_MS
  const some = granted.length + over.length + counted.length + Object.keys(aged).length > 0
  if (!some && !inDoubt && !old && DIMENSIONS.every((d) => stock[d] === 0)) return undefined
  return {
    stock,
    goodUntil: now + STOCK_GOOD_MS,
    granted,
    at: now,
    counted: counted.slice(0, CHANGES_AT_ONCE),
    over: over.slice(0, CHANGES_AT_ONCE).map((id) => overOf(record, id)),
    aged,
    gone: goneOf(record),
  }
}

/** An update's expression holds so many of each kind (DynamoDB: 4 KB); the others follow in the next tick. */
export const CHANGES_AT_ONCE = 10

/** What has ended was counted first, and corrected; or it was never granted. */
const isKnown = ({ record, counted }: PeopleKept, id: string): boolean => {
  const p = record.permits[id]
  return p !== undefined && (!isGranted(p) || p.counted === true || counted.has(id))
}
const mayBeMarked = ({ record, counted }: PeopleKept, id: string): boolean =>
  counted.has(id) && record.permits[id]?.counted !== true
const overOf = ({ permits }: PeopleRecord, id: string) => {
  const p = permits[id] as PeopleRecord['permits'][string]
  return { id, person: p.person, waiting: !isGranted(p) }
}

/** Calls that count in nobody's rate any more. They are forgotten here only once that is written. */
function agedBy({ granted, record }: PeopleKept, before: number): Record<string, number> {
  const aged = new Map<string, number>()
  for (const { person, at } of granted) {
    const n = aged.get(person) ?? 0
    if (n === 0 && aged.size === CHANGES_AT_ONCE) continue
    if (at <= before && grantedTo(record, person) > n) aged.set(person, n + 1)
  }
  return Object.fromEntries(aged)
}

const goneOf = ({ open, took }: PeopleRecord): string[] =>
  Object.keys(open)
    .filter((person) => countOf(open, person) === 0 && countOf(took, person) === 0)
    .slice(0, CHANGES_AT_ONCE)

/** What agents are planned without, what of it may have been called already, and how many calls may be in flight beside. */
export function besidePeople(h: Holder, now: number): { held?: Cost; uncounted?: Cost; concurrency: number } {
  const state = peopleState(h, now)
  if (!state) return { concurrency: atOnce(h) }
  const { record } = state
  const uncounted = minus(heldFor(record), record.stock as Cost)
  const has = underWay(state) + record.stock.requests
  const concurrency = Math.max(atOnce(h) - inFlightForPeople(state), oneOf(h, has))
  return { held: heldFromAgents(state), uncounted, concurrency }
}

/**
 * Where overload has lowered the calls in flight, agents have one whatever people have, and people one whatever agents
 * have: only agents' calls tell that it is over, and nobody waits for as long as it lasts. Never more than is configured.
 */
function oneOf(h: Holder, beside: number): number {
  const { concurrency = Infinity } = h.settings
  return atOnce(h) < concurrency ? Math.min(1, concurrency - beside) : -Infinity
}

/** While somebody waits in line, or agents do and less is in stock than is wanted: when more comes free, and not oftener. */
const WANTED_EVERY_MS = 30
export function wantedAt(h: Holder, now: number): number {
  const state = peopleState(h, now)
  if (!state) return Infinity
  const { record, target } = state
  const short = h.holds !== undefined && DIMENSIONS.some((d) => record.stock[d] < target[d])
  if (!short && record.waiting === 0) return Infinity
  return Math.max(now + WANTED_EVERY_MS, sameRoomInAllUntil(h.ledgers, now) + 1)
}
