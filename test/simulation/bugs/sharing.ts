/** Bugs in the decisions: the ledger's windows, the pacing, whose turn it is. */
import type { Bug } from './bug.ts'

const LEDGER = 'core/ledger.ts'
const CONTEST = 'core/contest.ts'

export const SHARING_BUGS: readonly Bug[] = [
  {
    name: 'a permit is checked against the window that begins with it only',
    file: LEDGER,
    find: '  let window = sum(counts, i - width + 1, i + 1)\n',
    replace: '  let window = sum(counts, i, i + 1)\n',
    seed: 10,
  },
  {
    name: 'a plain counter per window',
    file: LEDGER,
    find: `  let window = sum(counts, i - width + 1, i + 1)
  let last = window > atMost ? i : NONE
  for (let end = i + 1; end < i + width; end++) {`,
    replace: `  const begin = i - (i % width)
  let window = sum(counts, begin, begin + width)
  let last = window > atMost ? i : NONE
  for (let end = i + 1; end < i; end++) {`,
    seed: 10,
  },
  {
    name: 'the guard is left out of the window',
    file: 'core/ledgers.ts',
    find: 'Math.ceil((ms + guardMs) / bucketMs)',
    replace: 'Math.ceil((ms + 0 * guardMs) / bucketMs)',
    seed: 13,
  },
  {
    name: 'tokens are not counted',
    file: LEDGER,
    find: '    if (limit === undefined) continue\n',
    replace: "    if (limit === undefined || d === 'tokens') continue\n",
    seed: 10,
  },
  {
    name: 'permits are not put into the ledger',
    file: 'core/plan.ts',
    find: '    this.ledgers = permitAll(this.ledgers, slot, cost)\n',
    replace: '',
    seed: 5,
  },
  {
    name: 'the ledger forgets a window too soon',
    file: LEDGER,
    find: 'bucketOf(ledger.shape, now) - ledger.shape.buckets\n',
    replace: 'bucketOf(ledger.shape, now) - Math.floor(ledger.shape.buckets / 2)\n',
    seed: 20,
  },
  {
    name: 'virtual time is reset with an empty ring',
    file: 'core/ring.ts',
    find: '  lane.active = false\n  lane.idleSince = now\n',
    replace:
      '  lane.active = false\n  lane.idleSince = now\n  if (ring.busy.size === 0) for (const group of ring.groups.values()) group.v = 0\n',
    seed: 145,
  },
  {
    name: 'who returns is not lifted',
    file: CONTEST,
    find: '(t.active ? t.turn : Math.max(t.turn, v))',
    replace: '(t.active ? t.turn : t.turn + 0 * v)',
    seed: 56,
  },
  {
    name: 'strict tiers go by their turns',
    file: CONTEST,
    find: '  a.rank - b.rank || waitsIn',
    replace: '  waitsIn',
    seed: 161,
  },
  {
    name: "an owner's weight is ignored",
    file: 'core/ring.ts',
    find: '  const owner = ring.ownerWeight(lane.owner)\n',
    replace: '  const owner = 0 * ring.ownerWeight(lane.owner) + 1\n',
    seed: 38,
  },
  {
    name: 'the group is not charged for what its lane was served',
    file: CONTEST,
    find: '    group.turn += cost / w.group\n',
    replace: '',
    seed: 1,
  },
  {
    name: 'every second slot is left unused',
    file: 'core/pacing.ts',
    find: '(spanMs(shape) * p.cost[d]) / limit : 0',
    replace: '(2 * spanMs(shape) * p.cost[d]) / limit : 0',
    seed: 21,
  },
  {
    name: 'a job is planned again at every tick until it settles',
    file: 'core/plan.ts',
    find: '      lane.heads = lane.heads.slice(taken)\n',
    replace: '',
    seed: 14,
  },
]
