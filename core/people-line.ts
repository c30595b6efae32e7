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
  /** By person, of the last call that has one. */
  readonly last: ReadonlyMap<string, number>
}
/** Nothing is known of who was served: a takeover, or the look of an API function. */
export const NO_TURNS: LineTurns = { v: 0, of: new Map(), last: new Map() }

type Entry = readonly [string, PersonsPermit]
type Permits = Pick<PeopleRecord, 'permits'>

/** Who waits and has not gone away, by the time of asking. */
const waitingIn = ({ permits }: Permits, now: number): Entry[] =>
  Object.entries(permits)
    .filter(([, p]) => !isGranted(p) && p.asksUntil >= now)
    .sort(([a, p], [b, q]) => p.askedAt - q.askedAt || (a < b ? -1 : 1))

/** The turns with those who have come since, and without those who have gone or were served. */
export function lineUp(turns: LineTurns, record: Permits, now: number): LineTurns {
  const served = [...turns.of].flatMap(([id, turn]) => {
    const permit = record.permits[id]
    return permit && isGranted(permit) ? [turn] : []
  })
  const v = Math.max(turns.v, ...served)
  const last = new Map([...turns.last].filter(([, turn]) => turn >= v))
  const of = new Map<string, number>()
  for (const [id, { person }] of waitingIn(record, now)) {
    const before = last.get(person) ?? -1
    const turn = turns.of.get(id) ?? Math.max(v, before + 1)
    of.set(id, turn)
    last.set(person, Math.max(before, turn))
  }
  return { v, of, last }
}

/** Those of one turn by the time of asking. */
export function lineOf(record: Permits, now: number, turns: LineTurns = NO_TURNS): readonly Entry[] {
  const { of } = lineUp(turns, record, now)
  return waitingIn(record, now).sort(([a], [b]) => (of.get(a) as number) - (of.get(b) as number))
}
