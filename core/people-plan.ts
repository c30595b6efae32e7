/**
 * What people get next: those in line first, then the stock up to what is kept for them. Agents are planned beside all
 * of it, whether it is in stock yet or only wanted: so it comes free a lead later, and goes to no agent meanwhile.
 */
import { atLeast, type Cost, type Dimension, each, least, minus, NOTHING, negative, plus } from './cost.ts'
import { type Ledgers, roomInAll } from './ledgers.ts'
import { covers, heldFor, inFlightOf, type PeopleRecord } from './people.ts'
import { type LineTurns, lineOf } from './people-line.ts'

export interface PeopleState {
  readonly record: PeopleRecord
  /** Epoch ms. */
  readonly now: number
  /** Of those in line, as far as they are known. */
  readonly turns?: LineTurns
  /** What may have been added by writes of which nothing is known. */
  readonly doubt: Cost
  /** What people were permitted in the last window. */
  readonly used: Cost
  /** What they may get in a window while agents wait: `max` of the limits. */
  readonly atMost: Cost
  /** The same of a longer limit, where there is one. */
  readonly day?: { readonly used: Cost; readonly atMost: Cost }
  /** What is to be kept in stock while agents wait: no more calls than may be in flight beside those that are under way. */
  readonly target: Cost
  /** Calls of people that may be in flight while agents wait: `max` of what may be at once. */
  readonly inFlightAtMost: number
}

/** What no agent may have, as it may be called at any moment. */
export const heldNow = ({ record, doubt }: PeopleState): Cost => plus(heldFor(record), doubt)

/** What people may still get beside what they have and hold, while agents wait. */
function leftOfShare(p: PeopleState): Cost {
  const held = heldNow(p)
  const left = ({ used, atMost }: Pick<PeopleState, 'used' | 'atMost'>) => minus(atMost, plus(used, held))
  return atLeast(p.day ? least(left(p), left(p.day)) : left(p), 0)
}

/** Those in line who can ever be served: a share that was lowered since they asked stands for no one else in the way. */
const servable = ({ record, now, turns, atMost }: PeopleState) =>
  lineOf(record, now, turns).filter(([, { cost }]) => covers(atMost, cost))

/** What is held for people or wanted for them: agents are planned with what this leaves. */
export function heldFromAgents(p: PeopleState): Cost {
  // Only calls that may be in flight take of the rate: the others in line wait for those to end.
  const next = servable(p).slice(0, Math.max(0, inFlightShare(p) - underWay(p)))
  const line = next.reduce((sum, [, { cost }]) => plus(sum, cost), NOTHING)
  const short = atLeast(minus(p.target, p.record.stock), 0)
  return plus(heldNow(p), least(plus(line, short), leftOfShare(p)))
}

/** Calls of people under way, begun or not. */
export const underWay = ({ record, doubt }: Pick<PeopleState, 'record' | 'doubt'>): number =>
  inFlightOf(record) - record.stock.requests + doubt.requests

/** Who waits in line has one call in flight though that be more than the share: else nobody would ever be served. */
const inFlightShare = ({ inFlightAtMost }: PeopleState): number => Math.max(1, inFlightAtMost)

/** Calls in flight that agents are planned without: what people have, and within all their shares what they want. */
export function inFlightForPeople(p: PeopleState): number {
  const { stock } = p.record
  const has = underWay(p) + stock.requests
  const left = leftOfShare(p)
  const line = servable(p)
  // What is in stock is given back for the first in line.
  const isServed = line[0] !== undefined && covers(plus(left, stock), line[0][1].cost)
  const wants = Math.min(Math.max(0, p.target.requests - stock.requests) + (isServed ? line.length : 0), left.requests)
  return Math.max(has, Math.min(has + wants, inFlightShare(p)))
}

export interface PeoplePlan {
  /** Ids of those in line who get their permit now. */
  readonly granted: readonly string[]
  /** Added to the stock, or taken out of it where below zero. */
  readonly stock: Cost
}

/** So many fit into one write, beside CHANGES_AT_ONCE. */
export const GRANTS_AT_ONCE = 15

/** `ledgers`: with all that was just permitted to agents. `agentsWait`: some of them found no room. */
export function planPeople(
  p: PeopleState,
  s: { ledgers: Ledgers; agentsWait: boolean; concurrency: number },
): PeoplePlan {
  const room = minus(roomInAll(s.ledgers, p.now), heldNow(p))
  const free = { ...room, requests: Math.min(room.requests, s.concurrency) }
  let left = atLeast(s.agentsWait ? least(free, shareLeft(p)) : free, 0)
  const granted: string[] = []
  const line = servable(p)
  for (const [id, { cost }] of line) {
    if (granted.length === GRANTS_AT_ONCE || !covers(left, cost)) break
    granted.push(id)
    left = minus(left, cost)
  }
  // While somebody waits nobody takes of the stock: it is given back, for whoever is first.
  if (granted.length < line.length) return { granted, stock: negative(p.record.stock) }
  return { granted, stock: stockChange(p, { left, free, agentsWait: s.agentsWait }) }
}

const shareLeft = (p: PeopleState): Cost => {
  const left = leftOfShare(p)
  return { ...left, requests: Math.min(left.requests, Math.max(0, inFlightShare(p) - underWay(p))) }
}

/**
 * With agents waiting up to the target, and back to it; else half of what is free, in steps, as agents may come at any
 * moment. What is over a limit is taken out whoever waits.
 */
function stockChange(
  { record: { stock }, target }: PeopleState,
  p: { left: Cost; free: Cost; agentsWait: boolean },
): Cost {
  const wanted = (d: Dimension): number => {
    if (p.agentsWait || p.left[d] === Infinity) return target[d]
    const half = Math.floor((stock[d] + p.left[d]) / 2)
    return half > 2 * stock[d] || half < stock[d] / 2 ? half : stock[d]
  }
  return each((d) => {
    const change = Math.min(wanted(d) - stock[d], p.left[d])
    return Math.max(-stock[d], p.free[d] < 0 ? Math.min(change, p.free[d]) : change)
  })
}

/** Nothing of what is not limited is kept: but calls, of which each permit takes one whatever is limited. */
export const keptOnly = (cost: Cost, { window, day }: Ledgers): Cost =>
  each((d) =>
    d === 'requests' || window.shape.limits[d] !== undefined || day?.shape.limits[d] !== undefined ? cost[d] : 0,
  )
