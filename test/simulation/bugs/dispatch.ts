/** Bugs in the dispatcher: how it hears, remembers, ends and takes over. */
import type { Bug } from './bug.ts'

const TICK = 'services/dispatch/tick.ts'
const RUN = 'services/dispatch/run.ts'

export const DISPATCH_BUGS: readonly Bug[] = [
  {
    name: "bells are deleted before the tick's write",
    file: TICK,
    find: '  absorb(h, bells, deps.clock.now())\n',
    replace: '  absorb(h, bells, deps.clock.now())\n  await forget(deps, h, bells)\n',
    seed: 1,
  },
  {
    name: 'a holder that has lost its lease sends all the same',
    file: TICK,
    find: "  if (writes && !(await write(deps, h, decided, now))) return 'lost'\n",
    replace: '  if (writes) await write(deps, h, decided, now)\n',
    seed: 16,
  },
  {
    name: 'owners are noted without waiting for it',
    file: TICK,
    find: '  await note(deps, h, { all: false })\n',
    replace: '  void note(deps, h, { all: false }).catch(() => undefined)\n',
    seed: 1,
  },
  {
    name: 'the dispatcher ends without its second look',
    file: RUN,
    find: `  const quiet = await staysQuiet(deps, h, deps.clock.now() + LEASE_CACHE_MS)
  await setState(deps, h, quiet ? 'free' : 'held')
  if (quiet) await wakeIfRung(deps, h)
  return quiet`,
    replace: "  await setState(deps, h, 'free')\n  return true",
    seed: 362,
  },
  {
    name: 'writers believe in a lease for a minute',
    file: 'services/doorbell.ts',
    find: 'now - cached.at < LEASE_CACHE_MS && now < cached.until',
    replace: 'now - cached.at < 60_000',
    seed: 1,
  },
  {
    name: 'a dispatcher whose time is up wakes nobody',
    file: RUN,
    find: "  await letGo(deps, h, 'handed-over')\n  await deps.waker.wake({ pool: h.pool })\n",
    replace: "  await letGo(deps, h, 'handed-over')\n",
    seed: 226,
  },
  {
    name: 'owners leave the ring without the lease check',
    file: 'adapters/memory/ring-store.ts',
    find: "      if (tables.get('capacity', ledgerKey(pool))?.['epoch'] !== epoch) return 'lost'\n",
    replace: '',
    seed: 939,
  },
  {
    name: 'what was sent and never rang about is never looked for',
    file: 'services/dispatch/watch.ts',
    find: '  if (now < h.due.look) return\n',
    replace: '  if (now < Infinity) return\n',
    seed: 11,
  },
  {
    name: 'a crashed job takes others along',
    file: 'services/dispatch/send.ts',
    find: `  const alone = jobs.filter((_, i) => (permits[i] as Permit).head.crashes > 0)
  const together = jobs.filter((_, i) => (permits[i] as Permit).head.crashes === 0)`,
    replace: '  const alone: typeof jobs = []\n  const together = jobs',
    seed: 34,
  },
  {
    name: 'what the queue did not take is forgotten',
    file: 'services/dispatch/send.ts',
    find: '    sentBack(h.ring, job.key.jobId, sent.head, true)\n',
    replace: '    if (sentBack) h.ring.sent.delete(job.key.jobId)\n',
    seed: 26,
  },
  {
    name: 'a new holder starts with an empty ledger',
    file: 'core/ledger-record.ts',
    find: "  if (!stored) return p.history === 'full'",
    replace: "  if (stored || !stored) return p.history === 'full' && !stored",
    seed: 70,
  },
  {
    name: 'a new holder reads no lanes',
    file: 'services/dispatch/take-over.ts',
    find: 'await readLanes(deps, ring, lanes, lease.record)',
    replace: 'await readLanes(deps, ring, [], lease.record)',
    seed: 11,
  },
  {
    name: 'the lease is taken while it is held',
    file: 'core/lease.ts',
    find: "lease.state !== 'free' && within(lease.until, now, LEASE_MS)",
    replace: "lease.state !== 'free' && within(lease.until, now + 25_000, LEASE_MS)",
    seed: 11,
  },
  {
    name: 'the ledger is written over any version of the same epoch',
    file: 'adapters/memory/capacity-store.ts',
    find: "if (old?.['epoch'] !== record.epoch || old['version'] !== record.version - 1)",
    replace: "if (old?.['epoch'] !== record.epoch)",
    seed: 16,
  },
  {
    name: 'a stopped pool lets no probe through',
    file: 'core/holds.ts',
    find: 'permits: now >= probeAt && free > 0 ? 1 : 0',
    replace: 'permits: 0',
    seed: 14,
  },
  {
    name: "a cancelled job's bell takes its neighbour away",
    file: 'core/ring.ts',
    find: '  if (known) lane.heads.splice(i, 1)\n',
    replace: '  if (known || i < lane.heads.length) lane.heads.splice(i, 1)\n',
    seed: 36,
  },
  {
    name: 'what does not fit in memory is not remembered to stand on the table',
    file: 'core/ring.ts',
    find: '  lane.cursor = keyOf(lane, lane.heads.at(-1) as Head)\n',
    replace: '',
    seed: 410,
  },
  {
    name: 'what is sent is looked for before its slot is over',
    file: 'services/dispatch/send.ts',
    find: 'lookAt: notAfter + LOOK_AFTER_MS',
    replace: 'lookAt: notAfter - LOOK_AFTER_MS',
    seed: 1,
  },
]
