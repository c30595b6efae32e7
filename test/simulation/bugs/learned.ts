/** Bugs in what is reserved for answers whose length is known. */
import type { Bug } from './bug.ts'

const CALL = 'services/call-in-slot.ts'
const COSTS = 'services/costs.ts'

export const LEARNED_BUGS: readonly Bug[] = [
  {
    name: 'an answer that is cut short at what was learned is taken as it is',
    file: CALL,
    find: '  most < maxOutputTokens && answer.kind',
    replace: '  most > maxOutputTokens && answer.kind',
    seed: 26,
  },
  {
    name: 'a call may write more than its permit is for',
    file: CALL,
    find: 'maxOutputTokens: most, nears',
    replace: 'nears',
    seed: 267,
  },
  {
    name: 'of an input less is reserved than any was',
    file: 'core/learned.ts',
    find: '?? WHOLE) / WHOLE)',
    replace: '?? WHOLE) / (9 * WHOLE))',
    seed: 1838,
  },
  {
    name: 'a job that is asked again whole reserves what was learned',
    file: COSTS,
    find: 'const enough = whole || !learns(kind)',
    replace: 'const enough = !learns(kind)',
    seed: 26,
  },
  {
    name: 'the dispatcher is not told that a job is to be asked again whole',
    file: 'core/bell.ts',
    find: '  ...(r.whole ? { whole: true } : {}),\n',
    replace: '',
    seed: 26,
  },
  {
    name: 'the message of a call does not say what its permit is for',
    file: 'services/dispatch/send.ts',
    find: '    ...maxOutput(p.head),\n',
    replace: '    ...(maxOutput && {}),\n',
    seed: 267,
  },
]
