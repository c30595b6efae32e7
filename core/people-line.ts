/**
 * The line of people, in the order of service: start-time fair queueing of persons (Goyal, Vin and Cheng, 1996). Each call's
 * turn is one after its person's last, and not before the turn in service: so everybody has one before anybody has two, and
 * who has asked for many at once stands in nobody's way.
 */
import { isGranted, type PeopleRecord, type PersonsPermit } from './people.ts'

export interface LineTurns {
  /** In service. */
  readonly v: number
  /** By permit, of all that wait. */
  readonly of: ReadonlyMap<string, number>
  /** By person, of the last call that was granted, and when that was heard of. */
  readonly served: ReadonlyMap<string, { readonly turn: number; readonly at: number }>
}
/** Nothing is known of who was served: a takeover, or the look of an API function. */
export const NO_TURNS: LineTurns = { v: 0, of: new Map(), served: new Map() }
/** Who had none for so long is as one who comes anew: else it would stand behind newcomers for as long as they come. */
const SERVED_KEPT_MS = 60_000

type Entry = readonly [string, PersonsPermit]
type Permits = Pick<PeopleRecord, 'permits'>

/** Who waits and has not gone away, by the time of asking. */
const waitingIn = ({ permits }: Permits, now: number): Entry[] =>
  Object.entries(permits)
    .filter(([, p]) => !isGranted(p) && p.asksUntil >= now)
    .sort(([a, p], [b, q]) => p.askedAt - q.askedAt || (a < b ? -1 : 1))

/** The turns with those who have come since, and without those who have gone or were served. What nobody got costs none. */
export function lineUp(turns: LineTurns, record: Permits, now: number): LineTurns {
  const served = new Map([...turns.served].filter(([, { at }]) => at > now - SERVED_KEPT_MS))
  let { v } = turns
  for (const [id, turn] of turns.of) {
    const permit = record.permits[id]
    if (!permit || !isGranted(permit)) continue
    v = Math.max(v, turn)
    served.set(permit.person, { turn: Math.max(turn, served.get(permit.person)?.turn ?? 0), at: now })
  }
  return { v, of: numbered(turns, { v, served }, waitingIn(record, now)), served }
}

function numbered(
  turns: LineTurns,
  { v, served }: Omit<LineTurns, 'of'>,
  waiting: readonly Entry[],
): Map<string, number> {
  const of = new Map<string, number>()
  const last = new Map([...served].map(([person, { turn }]) => [person, turn]))
  for (const [id, { person }] of waiting) {
    const before = last.get(person) ?? -1
    const turn = turns.of.get(id) ?? Math.max(v, before + 1)
    of.set(id, turn)
    last.set(person, Math.max(before, turn))
  }
  return of
}

/** Those of one turn by the time of asking. */
export function lineOf(record: Permits, now: number, turns: LineTurns = NO_TURNS): readonly Entry[] {
  const { of } = lineUp(turns, record, now)
  return waitingIn(record, now).sort(([a], [b]) => (of.get(a) as number) - (of.get(b) as number))
}
