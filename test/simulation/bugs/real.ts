/** Bugs that were in the product until a schedule found them, planted again: their seeds are kept as regression tests. */
import type { Bug } from './bug.ts'

export const REAL_BUGS: readonly Bug[] = [
  {
    name: 'a leave that was not heard is taken for none',
    file: 'services/dispatch/leave.ts',
    find: "    if (left !== 'left') return left\n",
    replace: "    if (left === 'unheard') throw new Error('unheard')\n    if (left !== 'left') return left\n",
    seed: 95,
  },
  {
    name: 'what entered meanwhile is ended as if it never had',
    file: 'adapters/memory/job-store.ts',
    find: `[atKey(end.jobId), endKey(end.jobId)].map((part) => tables.get('jobs', part))
      if (tables.get('live', liveKey(key)) || parts`,
    replace: `[endKey(end.jobId)].map((part) => tables.get('jobs', part))
      if (parts`,
    seed: 669,
  },
  {
    name: 'a stopped pool waits a minute for a probe that came to no call',
    file: 'services/dispatch/absorb.ts',
    find: 'sent.slot >= h.stopped.since) h.stopped.probeAt = 0',
    replace: 'sent.slot >= Infinity) h.stopped.probeAt = 0',
    seed: 2318,
  },
  {
    name: 'a stopped pool waits a minute for a probe that failed uncalled',
    file: 'services/dispatch/absorb.ts',
    find: '      if (job.uncalled) uncalled(h, sent)\n',
    replace: '      if (job.uncalled) giveBack(h, sent)\n',
    seed: 12274,
  },
  {
    name: 'a stopped pool waits a minute for a probe that was cancelled',
    file: 'services/dispatch/absorb.ts',
    find: '  if (sent?.head.at === bell.at) uncalled(h, sent)\n  else if (sent) unprobed(h, sent)\n',
    replace: '  void sent\n',
    seed: 418,
  },
  {
    name: 'what the queue did not take is forgotten at the end',
    file: 'services/dispatch/tick.ts',
    find: ' || sentBack > 0',
    replace: '',
    seed: 1800,
  },
  {
    name: 'a record of an ended job whose input has expired is claimed again and again',
    file: 'services/settle.ts',
    find: "  if (done.settled.what === 'lost') await deps.jobs.discard({ record })\n",
    replace: '',
    seed: 5743,
  },
  {
    name: 'a takeover counts the time from before it asked for the lease',
    file: 'services/dispatch/take-over.ts',
    find: '  const now = deps.clock.now()\n  // What is changed',
    replace: '  const now = asked\n  // What is changed',
    seed: 8112,
  },
  {
    name: 'a probe that is cancelled elsewhere than where it was sent from frees no other',
    file: 'services/dispatch/absorb.ts',
    find: '  else if (sent) unprobed(h, sent)\n',
    replace: '',
  },
  {
    name: 'a picture that lands late replaces a newer one',
    file: 'adapters/memory/capacity-store.ts',
    find: '      if (!old || replaces(fresh, painted(old))) put(',
    replace: '      void [old, replaces, painted]\n      put(',
    seed: 36,
  },
  {
    name: 'a job that ends from the cache says that a provider is well',
    file: 'services/dispatch/feedback.ts',
    find: '  if (!answered || uncalled) return\n',
    replace: '  void uncalled\n  if (!answered) return\n',
    seed: 29756,
  },
  {
    name: 'a resume that is heard late hides a later stop',
    file: 'services/dispatch/absorb.ts',
    find: "  else if (h.stopped) h.stopped = { ...h.stopped, line: '' }\n",
    replace: '  else delete h.stopped\n',
    seed: 404318,
  },
  {
    name: 'a pool that was down and is resumed meets its provider with all at once',
    file: 'services/dispatch/tick.ts',
    find: '    else goesOn(h)\n',
    replace: '    else if (goesOn) delete h.stopped\n',
    seed: 2065,
  },
  {
    name: 'an answer that may be of before a failure closes the breaker',
    file: 'services/dispatch/feedback.ts',
    find: '  const since = Math.max(...h.evidence.values()) + guardOf(h)\n',
    replace: '  const since = Math.min(...h.evidence.values())\n',
    seed: 129707,
  },
  {
    name: 'what people were granted since a plan is taken for somebody else’s',
    file: 'services/dispatch/feedback.ts',
    find: '  const held = refused ? sent.held : heldOnArrival(h, sent)\n',
    replace: '  const held = heldOnArrival ? sent.held : undefined\n',
    seed: 311,
  },
  {
    name: 'of two records of a job the first is looked after',
    file: 'services/dispatch/take-over.ts',
    find: '(ring.sent.get(r.key.jobId)?.head.fence ?? -1) < r.fence - 1)',
    replace: '!ring.sent.has(r.key.jobId))',
  },
  {
    name: 'a cancel ends a moved job by a first put that landed late',
    file: 'services/edges.ts',
    find: "end !== undefined && from.state === 'queued' && from.fence === 0",
    replace: "end !== undefined && from.state === 'queued' && from.fence < 0",
    seed: 9970,
  },
]
