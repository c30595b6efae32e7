/** Bugs in what is given back of capacity that was not used. */
import type { Bug } from './bug.ts'

const ABSORB = 'services/dispatch/absorb.ts'
const REFUND = '  const by = negative(sent.cost)\n  amend(h, sent, by)\n'

export const REFUND_BUGS: readonly Bug[] = [
  {
    name: 'a slot that was refused as late is given back',
    file: ABSORB,
    find: '      h.late++\n',
    replace: '      h.late++\n      giveBack(h, sent)\n',
    seed: 5,
  },
  {
    name: 'a slot is given back though it was called in',
    file: ABSORB,
    find: '  if (job.uncalled) uncalled(h, sent)\n',
    replace: '  uncalled(h, sent)\n',
    seed: 10,
  },
  {
    name: 'a slot is given back twice',
    file: ABSORB,
    find: REFUND,
    replace: `${REFUND}  amend(h, sent, by)\n`,
    seed: 5,
  },
  {
    name: 'a slot is given back though another copy of its message is called',
    file: ABSORB,
    find: '      sent.lookAt = 0\n',
    replace: '      sent.lookAt = 0\n      giveBack(h, sent)\n',
    seed: 5,
  },
  {
    name: 'what is given back is taken from another moment',
    file: ABSORB,
    find: REFUND,
    replace:
      '  const by = negative(sent.cost)\n  amend(h, { ...sent, slot: Math.max(sent.slot, h.record.lastSlot) }, by)\n',
    seed: 5,
  },
]
