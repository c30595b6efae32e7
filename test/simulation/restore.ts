/**
 * Tables restored from a backup (docs/runbook.md): every function ends, all tables go back to one moment of before, their
 * ledgers are deleted, and it goes on. What was sent to the tables of before lands nowhere any more; the queue keeps its
 * messages, and people what they know.
 */
import { ledgerKey } from '../../adapters/keys.ts'
import type { PoolSettings, Settings } from '../../core/settings.ts'
import { peopleOf } from './drawn-settings.ts'
import { Stream } from './random.ts'
import type { Scenario } from './scenario.ts'
import type { Standing } from './tables.ts'
import type { World } from './world.ts'

/** ms since the schedule began: what is restored is of the first, functions end at the second and begin again at the last. */
export interface Restore {
  readonly backupMs: number
  readonly stopMs: number
  readonly upMs: number
  /** From when on half of the work comes, where functions went on until other tables were there: just before they end. */
  readonly againMs?: number
}

const RESTORED = 0.01
/** DynamoDB restores to no moment of the last five minutes. */
const OLD_AT_LEAST_MS = 300_000

/** In place of the ordinary course of so many schedules. */
export function restoredOf(drawn: Scenario): Scenario {
  const s = new Stream(drawn.seed, 'restore')
  const { about, forgetMs, longMs, crowd, capped, activeMs } = drawn
  if (!s.chance(RESTORED) || about || forgetMs > 0 || longMs > 0 || crowd || capped) return drawn
  const backupMs = s.int(2_000, activeMs + 5_000)
  const restore = s.chance(0.5) ? stoppedFirst(backupMs, s) : goneOn(backupMs, s)
  const settings = knowingNoPast(s.chance(0.5) ? withPeople(drawn.settings, s) : drawn.settings)
  return { ...drawn, settings, changes: [], rests: false, restore, faultyMs: restore.upMs + s.int(3_000, 60_000) }
}

function stoppedFirst(backupMs: number, s: Stream): Restore {
  const stopMs = backupMs + s.spread(500, 60_000)
  return { backupMs, stopMs, upMs: Math.max(stopMs, backupMs + OLD_AT_LEAST_MS) + s.int(0, 30_000) }
}

function goneOn(backupMs: number, s: Stream): Restore {
  const stopMs = backupMs + OLD_AT_LEAST_MS + s.int(0, 10_000)
  return { backupMs, stopMs, upMs: stopMs + s.spread(200, 4_000), againMs: stopMs - s.int(2_000, 10_000) }
}

/** As the runbook asks for it: what was called before counts, though nobody knows of it. Of a day that would take a day. */
function knowingNoPast(settings: Settings): Settings {
  const full = ({ day: _, ...pool }: PoolSettings): PoolSettings => ({ ...pool, history: 'full' })
  return { ...settings, pools: Object.fromEntries(Object.entries(settings.pools).map(([id, p]) => [id, full(p)])) }
}

function withPeople(settings: Settings, s: Stream): Settings {
  const main = settings.pools['main'] as PoolSettings
  return { ...settings, pools: { ...settings.pools, main: { ...main, people: peopleOf(s) } } }
}

/** Told when functions have ended, and just before they begin again. */
interface Told {
  stopped(): void
  restored(): void
}

export function toBeRestored(world: World, { backupMs, stopMs, upMs }: Restore, told: Told): void {
  let [backup, of]: [readonly Standing[], number] = [[], 0]
  world.after(backupMs, () => {
    backup = [...world.tables.all()]
    of = world.clock.time
  })
  world.after(stopMs, () => {
    world.stop()
    told.stopped()
  })
  world.after(upMs, () => {
    const isLedger = ({ table, put }: Standing) => table === 'capacity' && put.sk === ledgerKey(put.pk).sk
    world.restored(
      backup.filter((item) => !isLedger(item)),
      of,
    )
    told.restored()
  })
}
