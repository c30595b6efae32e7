/** What a commit did to each job, told from the stored items alone: what stood in its lanes before, and after. */
import type { Item } from '../../adapters/records.ts'
import { jobIdIn, placeOf } from './book.ts'
import type { Written } from './tables.ts'

export interface Move {
  readonly jobId: string
  /** Live records that went, and that came or were changed, by place. */
  readonly gone: { readonly place: string; readonly item: Item }[]
  readonly put: { readonly place: string; readonly item: Item; readonly before: Item | undefined }[]
  readonly end?: Item
  /** An end that was taken away. */
  readonly reopened?: Item
  readonly approval?: Item
  readonly draft?: Item
  /** Bells that came with it. */
  readonly bells: Item[]
}
const NONE: readonly Move[] = []
const OF_JOBS: ReadonlySet<string> = new Set(['live', 'jobs', 'approvals'])
type Made = { -readonly [K in keyof Move]: Move[K] }

/** By job. Empty for what touches no job: bells alone, owners, the ledger. */
export function movesOf(commit: readonly Written[]): readonly Move[] {
  if (!commit.some((w) => OF_JOBS.has(w.table))) return NONE
  const moves = new Map<string, Made>()
  const of = (jobId: string): Made => {
    const known = moves.get(jobId)
    if (known) return known
    const made: Made = { jobId, gone: [], put: [], bells: [] }
    moves.set(jobId, made)
    return made
  }
  for (const w of commit) {
    if (w.table === 'live') live(of(jobIdIn(w.sk)), w)
    else if (w.table === 'jobs') part(of(w.pk), w)
    else if (w.table === 'approvals' && w.after) of(w.pk).approval = w.after
  }
  const bells = commit.flatMap((w) => (w.table === 'rings' && w.after && w.pk.startsWith('bell#') ? [w.after] : []))
  for (const move of moves.values()) move.bells.push(...bells)
  return [...moves.values()]
}

function live(move: Made, w: Written): void {
  if (w.after) move.put.push({ place: placeOf(w), item: w.after, before: w.before })
  else if (w.before) move.gone.push({ place: placeOf(w), item: w.before })
}

function part(move: Made, w: Written): void {
  if (w.sk === 'end' && w.after) move.end = w.after
  if (w.sk === 'end' && !w.after && w.before) move.reopened = w.before
  if (w.sk.startsWith('draft#') && w.after) move.draft = w.after
}
