/** The system under measurement, a process of its own: started by bench/processes.ts, told what to do over IPC. */

import type { Tables } from '../adapters/dynamodb/tables.ts'
import { parseSettings } from '../core/settings.ts'
import { takeDataFolder } from '../local/data-folder.ts'
import { keepHeapSmall } from '../local/heap.ts'
import { DEVELOPER } from '../local/settings.ts'
import { startSystem } from '../local/system.ts'
import { type Metered, meterTables } from './metering.ts'
import { type Seen, watchTables } from './watching.ts'

export interface SystemOrder {
  readonly settings: unknown
  readonly data: string
  readonly engine: 'dynoxide' | 'journal'
  /** Found in the folder, made by bench/plant.ts, instead of nothing. */
  readonly planted?: boolean
  /** Counts requests and units, at some cost to each; only over dynoxide. */
  readonly metered?: boolean
  /** Tells what becomes of jobs; only over dynoxide. */
  readonly watched?: boolean
}
export type SystemAsk = 'figures' | 'stop'
export type SystemAnswer =
  | { kind: 'started'; url: string; token: string }
  | { kind: 'figures'; metered: Metered | undefined; cpuMs: number }
  | Seen

const tell = (answer: SystemAnswer): void => void process.send?.(answer)

async function serve(order: SystemOrder): Promise<void> {
  // As `npm start` does.
  keepHeapSmall()
  const parsed = parseSettings(order.settings)
  if (!parsed.ok) throw new Error(parsed.faults.join('; '))
  const settings = { ...parsed.settings, callers: [DEVELOPER] }
  const folder = await takeDataFolder(order.data, { reset: !order.planted })
  let metered: (() => Metered) | undefined
  const observe = (tables: Tables) => {
    if (order.metered) metered = meterTables(tables)
    if (order.watched) watchTables(tables, tell)
  }
  const system = await startSystem({ settings, folder, port: 0, engine: order.engine, observe })
  process.on('message', (ask: SystemAsk) => {
    if (ask === 'stop') void system.stop().then(() => process.exit(0))
    else {
      const { user, system: kernel } = process.cpuUsage()
      tell({ kind: 'figures', metered: metered?.(), cpuMs: (user + kernel) / 1000 })
    }
  })
  tell({ kind: 'started', url: system.url, token: system.token })
}

process.once('message', (order: SystemOrder) => void serve(order))
// A bench that is killed takes its system along, and the system its engine.
for (const end of ['disconnect', 'SIGINT', 'SIGTERM'] as const) process.once(end, () => process.exit(1))
