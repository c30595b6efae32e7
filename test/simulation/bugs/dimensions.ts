/** Bugs in what a call costs, in whatever its pool limits. */
import type { Bug } from './bug.ts'

const ACCOUNTING = 'core/accounting.ts'
const LEDGER = 'core/ledger.ts'

export const DIMENSION_BUGS: readonly Bug[] = [
  {
    name: 'what output weighs in the end is not reserved',
    file: ACCOUNTING,
    find: 'Math.max(input, output) : input + output * burndown',
    replace: 'Math.max(input, output) : input + output',
    seed: 94,
  },
  {
    name: 'output is taken for free once it is answered',
    file: ACCOUNTING,
    find: '  return oneCall(uncached + output * burndown, uncached, output)\n',
    replace: '  return oneCall(uncached, uncached, output)\n',
    seed: 94,
  },
  {
    name: 'what is read from the cache is given back twice',
    file: ACCOUNTING,
    find: 'input - (usage.cacheReadTokens ?? 0)',
    replace: 'input - 2 * (usage.cacheReadTokens ?? 0)',
    seed: 1721,
  },
  {
    name: 'a provider that gives nothing back is taken for one that does',
    file: ACCOUNTING,
    find: "=> accounting === 'bedrock' || accounting === 'anthropic'",
    replace: "=> accounting !== 'openai'",
    seed: 162,
  },
  {
    name: 'input is not counted apart',
    file: LEDGER,
    find: '    if (limit === undefined) continue\n',
    replace: "    if (limit === undefined || d === 'input') continue\n",
    seed: 2528,
  },
  {
    name: 'output is not counted apart',
    file: LEDGER,
    find: '    if (limit === undefined) continue\n',
    replace: "    if (limit === undefined || d === 'output') continue\n",
    seed: 36,
  },
  {
    name: 'the longer limit is not asked',
    file: 'core/ledgers.ts',
    find: '    const inDay = day ? earliest(day, slot, cost) : slot\n',
    replace: '    const inDay = day ? slot : slot\n',
    seed: 126,
  },
  {
    name: 'the longer ledger is not kept over a takeover',
    file: 'core/ledger-record.ts',
    find: '  ...(day ? { day: packed(day) } : {}),\n',
    replace: '',
    seed: 25,
  },
  {
    name: 'calls in flight are not counted',
    file: 'core/holds.ts',
    find: 's.concurrency - inFlight(s.ring).length',
    replace: 's.concurrency - 0 * inFlight(s.ring).length',
    seed: 1388,
  },
  {
    name: 'true usage is told twice',
    file: 'services/dispatch/absorb.ts',
    find: '  if (job.usage) used(h, inItsSlot(sent, job), job.usage)\n',
    replace:
      '  if (job.usage) used(h, inItsSlot(sent, job), job.usage)\n  if (job.usage) used(h, inItsSlot(sent, job), job.usage)\n',
    seed: 94,
  },
]
