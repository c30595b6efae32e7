/** Bugs in what owners may have, and in how what they used is kept. */
import type { Bug } from './bug.ts'

const CAPS = 'core/caps.ts'
const PLAN = 'core/plan.ts'
const USES = 'services/dispatch/uses.ts'

export const OWNER_BUGS: readonly Bug[] = [
  {
    name: 'a cap on a day is not asked',
    file: CAPS,
    find: '  return fitsAll(use, slot, asked) ? undefined',
    replace: '  return fitsAll({ window: use.window }, slot, asked) ? undefined',
    seed: 20,
  },
  {
    name: 'an owner’s calls in flight are not counted',
    file: PLAN,
    find: '(this.flying.get(owner) ?? 0) >= atMost',
    replace: '0 * (this.flying.get(owner) ?? 0) >= atMost',
    seed: 164,
  },
  {
    name: 'what a plan gives a capped owner is not counted within it',
    file: PLAN,
    find: '    return this.uses.get(owner) ?? this.s.useOf(owner)\n',
    replace: '    return this.s.useOf(owner)\n',
    seed: 18,
  },
  {
    name: 'a permit’s ledger is written without what its owner has used',
    file: 'services/dispatch/tick.ts',
    find: '  const uses = changesWith(h, decided.permits)\n',
    replace: '  const uses = changesWith(h, [])\n',
    seed: 382,
  },
  {
    name: 'the next holder does not read what was changed since the records',
    file: 'services/dispatch/take-over.ts',
    find: 'newUses(deps, pool, lease.record.uses)',
    replace: 'newUses(deps, pool, [])',
    seed: 382,
  },
  {
    name: 'an owner that comes back to the ring has used nothing',
    file: 'services/dispatch/tick.ts',
    find: 'await Promise.all([enter(deps, h), readRecords(deps, h, h.ring.unnoted)])',
    replace: 'await Promise.all([enter(deps, h)])',
    seed: 61866,
  },
  {
    name: 'a late record of an owner replaces a later one',
    file: 'core/owner-record.ts',
    find: '=> !isLater(old, fresh)',
    replace: '=> true',
    seed: 8350,
  },
  {
    name: 'what a capped owner did not use is given back twice',
    file: USES,
    find: '  uses.of.set(p.owner, charged(known, p.slot, p.by))\n',
    replace: '  uses.of.set(p.owner, charged(charged(known, p.slot, p.by), p.slot, p.by))\n',
    seed: 163,
  },
  {
    name: 'an owner that was capped once is looked at no more',
    file: PLAN,
    find: 'return this.cap(free - this.s.travelMs)',
    replace: 'return this.cap(free + Infinity)',
    seed: 20,
  },
]
