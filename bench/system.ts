/** The system under measurement, a process of its own: started by bench/processes.ts, told what to do over IPC. */

import { parseSettings } from '../core/settings.ts'
import { takeDataFolder } from '../local/data-folder.ts'
import { DEVELOPER } from '../local/settings.ts'
import { startSystem } from '../local/system.ts'
import { type Metered, meterTables } from './metering.ts'

export interface SystemOrder {
  readonly settings: unknown
  readonly data: string
  readonly engine: 'dynoxide' | 'journal'
}
export type SystemAnswer =
  | { kind: 'started'; url: string; token: string }
  | { kind: 'figures'; metered: Metered | undefined; rssMb: number; cpuMs: number }

const tell = (answer: SystemAnswer): void => void process.send?.(answer)

async function serve(order: SystemOrder): Promise<void> {
  const parsed = parseSettings(order.settings)
  if (!parsed.ok) throw new Error(parsed.faults.join('; '))
  const settings = { ...parsed.settings, callers: [DEVELOPER] }
  const folder = await takeDataFolder(order.data, { reset: true })
  let metered: Metered | undefined
  const observe = (tables: Parameters<typeof meterTables>[0]) => {
    metered = meterTables(tables)
  }
  const system = await startSystem({ settings, folder, port: 0, engine: order.engine, observe })
  process.on('message', (ask: 'figures' | 'stop') => {
    if (ask === 'stop') void system.stop().then(() => process.exit(0))
    else {
      const { user, system: kernel } = process.cpuUsage()
      tell({ kind: 'figures', metered, rssMb: process.memoryUsage().rss / 2 ** 20, cpuMs: (user + kernel) / 1000 })
    }
  })
  tell({ kind: 'started', url: system.url, token: system.token })
}

process.once('message', (order: SystemOrder) => void serve(order))
// A bench that is killed takes its system along; a signal to all of its group must not leave the engine behind.
for (const end of ['disconnect', 'SIGINT', 'SIGTERM'] as const) process.once(end, () => process.exit(1))
