/** Bugs in what is made of what a provider says. */
import type { Bug } from './bug.ts'

const FEEDBACK = 'core/feedback.ts'
const HOLDER = 'services/dispatch/feedback.ts'

export const FEEDBACK_BUGS: readonly Bug[] = [
  {
    name: 'a limit that is stated is not followed',
    file: FEEDBACK,
    find: '  const left = Math.max(0, known.limit - others)\n',
    replace: '  const left = Math.max(0, configured - others)\n',
    seed: 300,
  },
  {
    name: 'what others use is not taken off',
    file: FEEDBACK,
    find: '  const left = Math.max(0, known.limit - others)\n',
    replace: '  const left = Math.max(0, known.limit)\n',
    seed: 2520,
  },
  {
    name: 'our own calls are taken for somebody else’s',
    file: FEEDBACK,
    find: 'others: limit - remaining - ours,',
    replace: 'others: limit - remaining - 0 * ours,',
    seed: 816,
  },
  {
    name: 'a limit that was lowered never rises',
    file: FEEDBACK,
    find: '    limit: o.slot === slot ? told.limit : (old?.limit ?? told.limit),\n',
    replace: '    limit: Math.min(told.limit, known?.limit ?? told.limit),\n',
    seed: 300,
  },
  {
    name: 'a call that is refused for want of tokens is taken for one too many',
    file: FEEDBACK,
    find: '(o.told[d]?.remaining ?? Infinity) < (o.cost?.[d] ?? 1))',
    replace: '(o.told[d]?.remaining ?? Infinity) < 1)',
    seed: 588,
  },
  {
    name: 'the tokens of a refused call are taken for what was counted before it',
    file: FEEDBACK,
    find: '  const own = o.cost?.[d] ?? 0\n',
    replace: '  const own = 1\n',
    seed: 4827,
  },
  {
    name: 'what a failed call tells is lost, since its job is heard of first',
    file: HOLDER,
    find: '  queuedAgain.set(jobId, sent)\n',
    replace: '',
    seed: 818,
  },
  {
    name: 'a provider that is down is never taken to be',
    file: HOLDER,
    find: '    if (testify(h.evidence, { jobId, fence, failed, slot }) && !h.stopped) open(h, failed, now)\n',
    replace: '    testify(h.evidence, { jobId, fence, failed, slot })\n',
    seed: 818,
  },
  {
    name: 'what fails while the provider is down costs an attempt',
    file: 'services/dispatch/send.ts',
    find: '    ...(isDoubtful(h, p.head.jobId) ? { doubted: true } : {}),\n',
    replace: '',
    seed: 818,
  },
  {
    name: 'a provider that is back is met by all at once',
    file: HOLDER,
    find: '    startSlowly(h)\n',
    replace: '',
    seed: 818,
  },
  {
    name: 'no answer closes the breaker',
    file: HOLDER,
    find: '  delete h.stopped\n  h.evidence.clear()\n',
    replace: '  if (!h.stopped?.down) delete h.stopped\n  h.evidence.clear()\n',
    seed: 818,
  },
  {
    name: 'a burst is taken to arrive in the order in which it was permitted',
    file: HOLDER,
    find: "inOrder: pacing === 'even',",
    replace: 'inOrder: true || pacing,',
    seed: 12934,
  },
]
