/** Which engine keeps a folder's state: the one that has kept it. Another would start beside jobs that were accepted. */
import { statSync } from 'node:fs'
import type { DataFolder } from '../data-folder.ts'
import { findDynoxide } from './dynoxide.ts'

export type EngineName = 'dynoxide' | 'journal'

export class NoEngine extends Error {
  readonly code = 'no-engine'
}

type Folder = Pick<DataFolder, 'path' | 'dbPath' | 'journalPath'>
const OTHER = { dynoxide: 'journal', journal: 'dynoxide' } as const

/** The embedded engine's binary, or undefined for the journal. Without a wish and without state, the binary if it is there. */
export function chosenEngine(folder: Folder, wish: EngineName | undefined): string | undefined {
  const kept = { dynoxide: holds(folder.dbPath), journal: holds(folder.journalPath) }
  if (wish && kept[OTHER[wish]] && !kept[wish])
    throw new NoEngine(
      `${folder.path} holds what --engine ${OTHER[wish]} has kept: leave the option out to go on with it, use --data with another folder, or --reset to forget it`,
    )
  if (!wish && kept.dynoxide && kept.journal)
    throw new NoEngine(`${folder.path} holds what two engines have kept: say --engine dynoxide or --engine journal`)
  if (wish === 'journal' || (!wish && kept.journal)) return undefined
  const binary = findDynoxide()
  if (binary) return binary
  if (wish)
    throw new NoEngine(
      '--engine dynoxide: its package for this platform is not installed; leave the option out to use the journal',
    )
  if (kept.dynoxide)
    throw new NoEngine(
      `${folder.path} holds what dynoxide has kept, whose package for this platform is not installed: install it (npm ci without --omit=optional), use --data with another folder, or --reset to forget it`,
    )
  return undefined
}

const holds = (file: string): boolean => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
