/** Bugs of capacity shared with people. */
import type { Bug } from './bug.ts'

const HEARD = 'services/dispatch/people-heard.ts'
const SERVED = 'services/dispatch/people-served.ts'
const PEOPLE = 'core/people.ts'

export const PERSONS_BUGS: readonly Bug[] = [
  {
    name: "a person's call is not counted in the ledger",
    file: HEARD,
    find: '    h.ledgers = permitAll(h.ledgers, at, cost)\n',
    replace: '',
    seed: 235,
  },
  {
    name: 'agents are planned with what is held for people',
    file: SERVED,
    find: 'return { held: heldFromAgents(state),',
    replace: 'void heldFromAgents\n  return {',
    seed: 1809,
  },
  {
    name: 'a permit that is not used yet counts nowhere',
    file: PEOPLE,
    find: '  return open.reduce((sum, p) => plus(sum, p.closed?.cost ?? p.cost), stock as Cost)',
    replace: '  void open\n  return stock as Cost',
    seed: 308,
  },
  {
    name: 'a permit counts from its grant and not from when it is used at the latest',
    file: PEOPLE,
    find: 'at: Math.min(useBy(p), p.closed?.at ?? Infinity)',
    replace: 'at: p.grantedAt',
    seed: 1809,
  },
  {
    name: 'people’s share is all of the limit',
    file: SERVED,
    find: '  const part = each((d) => Math.floor(limits[d] * max))\n',
    replace: '  const part = each((d) => Math.floor(limits[d] + 0 * max))\n',
    seed: 2371,
  },
  {
    name: 'who waits in line is granted beyond the share while agents wait',
    file: 'core/people-plan.ts',
    find: 's.agentsWait ? least(free, shareLeft(p)) : free',
    replace: 's.agentsWait && !shareLeft ? least(free, NOTHING) : free',
    seed: 5461,
  },
  {
    name: "the stock is filled without regard to the agents' slots",
    file: 'core/people-plan.ts',
    find: '  const room = minus(roomInAll(s.ledgers, p.now), heldNow(p))',
    replace: '  void roomInAll\n  const room = minus(p.atMost, heldNow(p))',
    seed: 689,
  },
  {
    name: 'who waits in line is never served',
    file: 'core/people-plan.ts',
    find: '    granted.push(id)\n',
    replace: '    void id\n',
    seed: 104,
  },
  {
    name: 'whoever takes leaves the stock as it was',
    file: 'adapters/memory/people-store.ts',
    find: '{ ...entered(old, p), stock: minus(old.stock, p.permit.cost) }',
    replace: 'entered(old, p)',
    seed: 653,
  },
  {
    name: 'who leaves the line is waited for all the same',
    file: 'adapters/memory/people-store.ts',
    find: '    if (waited) waiting--\n',
    replace: '',
    seed: 53,
  },
]
