/** Bugs in settings that are changed while a pool runs. */
import type { Bug } from './bug.ts'

const ADOPT = 'services/dispatch/adopt.ts'
const IN_FORCE = 'services/in-force.ts'
const STORE = 'adapters/memory/capacity-store.ts'

export const CHANGE_BUGS: readonly Bug[] = [
  {
    name: 'a holder does not hear of a change',
    file: 'services/dispatch/absorb.ts',
    find: 'heard: Math.max(h.changes.heard, bell.version)',
    replace: 'heard: Math.min(h.changes.heard, bell.version)',
    seed: 14,
  },
  {
    name: 'a holder that adopts a change goes on with the limits that its ledger had',
    file: ADOPT,
    find: '  h.ledgers = limitedAs(h.ledgers, shapesOf(settings))\n',
    replace: '',
    seed: 714,
  },
  {
    name: 'a change empties the ledger',
    file: ADOPT,
    find: '  h.ledgers = limitedAs(h.ledgers, shapesOf(settings))\n',
    replace:
      '  h.ledgers = limitedAs(h.ledgers, shapesOf(settings))\n  h.ledgers = { window: { ...h.ledgers.window, first: h.ledgers.window.first - 1e6 } }\n',
    seed: 232,
  },
  {
    name: 'who takes over goes by the configuration alone',
    file: 'services/dispatch/take-over.ts',
    find: '  const { settings, overrides } = await readInForce(deps, pool)\n',
    replace:
      '  const { overrides } = await readInForce(deps, pool)\n  const settings = deps.settings.pools[pool] as PoolSettings\n',
    seed: 714,
  },
  {
    name: 'a message does not say by which settings it was permitted',
    file: 'services/dispatch/send.ts',
    find: '(adopted > 0 ? { settings: adopted } : {})',
    replace: '(adopted < 0 ? { settings: adopted } : {})',
    seed: 14,
  },
  {
    name: 'a worker goes by the first settings that it has read',
    file: IN_FORCE,
    find: '  const isNew = copy && copy.overrides.version >= version\n',
    replace: '  const isNew = copy !== undefined\n',
    seed: 14,
  },
  {
    name: 'a plan is made by a look at the bells from long ago',
    file: 'services/dispatch/tick.ts',
    find: '  if (now - looked > LOOK_GOOD_MS) return',
    replace: '  if (now - looked > 1e9 * LOOK_GOOD_MS) return',
    seed: 714,
  },
  {
    name: 'a change goes over another that was made meanwhile',
    file: STORE,
    find: "      if (version !== overrides.version - 1) return 'stale'\n",
    replace: "      if (version < 0) return 'stale'\n",
    seed: 232,
  },
  {
    name: 'a change rings no bell of its own',
    file: STORE,
    find: "        { table: 'rings', put: stored(bellKey(pool, bell.id), bell) },\n      ])\n      return 'written'\n",
    replace: "      ])\n      if (!bell) return 'stale'\n      return 'written'\n",
    seed: 14,
  },
  {
    name: 'a change that is taken away stays',
    file: 'core/overrides.ts',
    find: 'value === null ? undefined : mergePatch(merged[name], value)',
    replace: 'value === null ? merged[name] : mergePatch(merged[name], value)',
    seed: 14,
  },
]
