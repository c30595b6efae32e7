/** Bugs in offering jobs to another pool. */
import type { Bug } from './bug.ts'

const CORE = 'core/fallback.ts'
const RING = 'core/ring.ts'
const OFFER = 'services/dispatch/offer.ts'
const ABSORB = 'services/dispatch/absorb.ts'
const ATTEMPT = 'services/attempt.ts'
const SETTLE = 'services/settle.ts'

export const FALLBACK_BUGS: readonly Bug[] = [
  {
    name: 'a guest is called by the model of its own pool',
    file: ATTEMPT,
    find: 'kind && callIn(kind, id)?.model',
    replace: 'kind && callIn(kind, id) && kind.model',
    seed: 964,
  },
  {
    name: 'what is offered elsewhere is sent at home all the same',
    file: OFFER,
    find: '    for (const { lane, head } of some) lend(',
    replace: '    for (const { lane, head } of some.slice(some.length)) lend(',
    seed: 964,
  },
  {
    name: 'a guest stays when its offer is over',
    file: RING,
    find: '    if (until > now) return\n',
    replace: '    if (until > 0) return\n',
    seed: 4185,
  },
  {
    name: 'a job is offered though its own pool is well',
    file: CORE,
    find: 'p.stopped || (afterMs !== undefined && p.now - head.at >= afterMs)',
    replace: 'p.stopped || afterMs !== undefined',
    seed: 2008,
  },
  {
    name: 'an end does not say which pool served it',
    file: SETTLE,
    find: '  const served = fallback ? { fallback } : {}\n',
    replace: '  const served = fallback ? {} : {}\n',
    seed: 964,
  },
  {
    name: 'the slot of a guest is given back when it is gone',
    file: ABSORB,
    find: '  else if (job.uncalled && sent.head.guest) spared(h, sent)\n',
    replace: '  else if (sent.head.guest) uncalled(h, sent)\n',
    seed: 964,
  },
  {
    name: 'a guest is looked for in a lane of the pool that it visits',
    file: RING,
    find: 'lane: guest?.lane ?? lane,',
    replace: 'lane: guest ? lane : lane,',
    seed: 964,
  },
  {
    name: 'what was offered and is not heard of again is never had back',
    file: OFFER,
    find: 'lookAt: until + LOOK_AFTER_MS',
    replace: 'lookAt: Infinity',
    seed: 964,
  },
  {
    name: 'what was offered is had back before its offer is over',
    file: OFFER,
    find: '{ to, until, lookAt: until + LOOK_AFTER_MS, now }',
    replace: '{ to, until: now, lookAt: now + LOOK_AFTER_MS, now }',
    seed: 2309,
  },
  {
    name: 'a pool is stopped for the key that another one refuses',
    file: SETTLE,
    find: 'const pool = sent.fallback?.pool ?? record.pool',
    replace: 'const pool = sent.fallback ? record.pool : record.pool',
    seed: 1799,
  },
  {
    name: 'a pool that is down offers nothing',
    file: CORE,
    find: "  const chain = p.kinds[head.kind ?? '']?.fallback ?? []\n",
    replace: "  const chain = p.stopped ? [] : (p.kinds[head.kind ?? '']?.fallback ?? [])\n",
    seed: 964,
  },
]
