/** Bugs in what keeps wrong clocks out, in how a stopped pool goes on, and in batches of submits. */
import type { Bug } from './bug.ts'

const BATCH = 'services/submit-batch.ts'
const ABSORB = 'services/dispatch/absorb.ts'

export const CLOCK_BUGS: readonly Bug[] = [
  {
    name: 'a holder whose clock is off leases on',
    file: 'services/dispatch/sound-clock.ts',
    find: "  if (deps.capacity.clockOffMs() > CLOCK_OFF_AT_MOST_MS) return 'clock-off'\n",
    replace: '',
    seed: 60,
  },
  {
    name: 'a lease that a clock an hour ahead has left is waited for',
    file: 'core/lease.ts',
    find: 'until > now && until <= now + atMostMs + AHEAD_AT_MOST_MS',
    replace: 'until > now && until + 0 * atMostMs * AHEAD_AT_MOST_MS > now',
    seed: 4677,
  },
]

export const STOP_BUGS: readonly Bug[] = [
  {
    name: 'a probe is charged to its job',
    file: 'core/retry.ts',
    find: '(tries.probe ? 0 : 1)',
    replace: '(tries.probe ? 1 : 1)',
    seed: 14,
  },
  {
    name: 'a refused job does not step aside',
    file: 'core/retry.ts',
    find: 'at: now + aside, throttles }',
    replace: 'at: now + 0 * aside, throttles }',
    seed: 4,
  },
  {
    name: 'an answered probe does not lift the stop',
    file: ABSORB,
    find: '  if (!h.stopped || slot <= h.stopped.since) return\n',
    replace: '  if (!h.stopped || slot <= h.stopped.since + 1e12) return\n',
    seed: 14,
  },
]

export const BATCH_BUGS: readonly Bug[] = [
  {
    name: 'bells that only newer code knows are deleted with the others',
    file: 'services/dispatch/tick.ts',
    find: 'forget(deps, h, bells)])',
    replace: 'forget(deps, h, [...bells, ...unreadable.map((id) => ({ id }) as Bell)])])',
    seed: 3,
  },
  {
    name: "a batch's bell is left out",
    file: BATCH,
    find: 'await deps.doorbell.ring(pool, cameBell(',
    replace: 'await Promise.resolve(cameBell(',
    seed: 11,
  },
  {
    name: 'a batch is accepted before its records stand',
    file: BATCH,
    find: 'await deps.jobs.enterAll({ records })',
    replace: 'void deps.jobs.enterAll({ records }).catch(() => undefined)',
    seed: 16,
  },
  {
    name: 'fresh records stand before their inputs',
    file: 'adapters/memory/job-store.ts',
    find: '    async createFresh({ inputs }) {\n      putInputs(inputs)\n',
    replace: '    async createFresh({ inputs }) {\n      void inputs\n',
    seed: 1,
  },
  {
    name: "only the first job of a batch's bell is heard",
    file: ABSORB,
    find: 'for (const job of bell.jobs) heard(',
    replace: 'for (const job of bell.jobs.slice(0, 1)) heard(',
    seed: 15,
  },
]
