/**
 * Jobs that were queued while their provider was simulated, or another on this machine. A start that would call them
 * elsewhere has nobody's yes to that: the folder says of which pools an earlier start had it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { callsOf } from '../core/settings.ts'
import { configured } from '../services/configured.ts'
import type { Deps } from '../services/deps.ts'
import { standing } from '../services/stranded.ts'

const Noted = z.array(z.string()).catch([])
const noteIn = (folder: string): string => join(folder, 'away.json')

/** Pools whose calls have left this machine at the last start. */
function noted(folder: string): readonly string[] {
  try {
    return Noted.parse(JSON.parse(readFileSync(noteIn(folder), 'utf8')))
  } catch {
    return []
  }
}

export const noteAway = (folder: string, away: readonly string[]): void =>
  writeFileSync(noteIn(folder), JSON.stringify(away), { mode: 0o600 })

/** How many jobs this start would be the first to call by one of these pools. */
export async function leftOver(
  deps: Pick<Deps, 'jobs' | 'rings' | 'settings'>,
  p: { folder: string; away: readonly string[] },
): Promise<number> {
  const before = noted(p.folder)
  const now = p.away.filter((pool) => !before.includes(pool))
  if (now.length === 0) return 0
  const goesThere = (kind: string): boolean => {
    const settings = configured(deps.settings.kinds, kind)
    return settings !== undefined && callsOf(settings).some(({ pool }) => now.includes(pool))
  }
  const found = await standing(deps, (_pool, kind) => goesThere(kind))
  return found.reduce((sum, { jobs }) => sum + jobs, 0)
}
