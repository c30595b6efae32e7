/** Bells and owners as stored. What does not parse is told apart or made do with, so that the tick goes on. */
import * as z from 'zod'
import { Bell } from '../core/bell.ts'
import { OwnerRecord } from '../core/owner-record.ts'
import type { OwnerTurns } from '../core/turns.ts'
import { ownerRecordKey } from './keys.ts'
import { expiring, type Item } from './records.ts'

const laneTurn = z.object({ turn: z.number(), beyond: z.number() }).optional()
const Owner = z.object({
  owner: z.string(),
  tiers: z.object({ high: laneTurn, medium: laneTurn, low: laneTurn }),
  turn: z.number(),
  v: z.number(),
})

/** Whatever else is lost of it, its key names an owner with live work: every tier is then looked at, from zero. */
export function readOwner(item: Item): OwnerTurns {
  const parsed = Owner.safeParse(item)
  if (parsed.success) return parsed.data as OwnerTurns
  const unknown = { turn: 0, beyond: 0 }
  return { owner: item.sk, tiers: { high: unknown, medium: unknown, low: unknown }, turn: 0, v: 0 }
}

/** What does not parse is nothing: nobody is held to what cannot be read. */
export const readOwnerRecord = (item: Item | undefined): OwnerRecord | undefined =>
  item && OwnerRecord.safeParse(item).data
export const ownerItem = (pool: string, record: OwnerRecord): Item =>
  expiring(ownerRecordKey(pool, record.owner), record)

export function readBells(items: readonly Item[]): { bells: Bell[]; unreadable: string[] } {
  const bells: Bell[] = []
  const unreadable: string[] = []
  for (const item of items) {
    const parsed = Bell.safeParse(item)
    if (parsed.success) bells.push(parsed.data)
    else unreadable.push(item.sk)
  }
  return { bells, unreadable }
}

type Page = (p: { limit: number; after?: string }) => Promise<{ items: readonly Item[]; more: boolean }>

/** Reads on until there are so many that parse: those of newer code, which stay, must not hide what stands behind them. */
export async function readOn(limit: number, page: Page): Promise<ReturnType<typeof readBells>> {
  const read: ReturnType<typeof readBells> = { bells: [], unreadable: [] }
  for (let last: Item | undefined; ; ) {
    const { items, more } = await page({ limit: limit - read.bells.length, ...(last ? { after: last.sk } : {}) })
    const { bells, unreadable } = readBells(items)
    read.bells.push(...bells)
    read.unreadable.push(...unreadable)
    last = items.at(-1)
    if (!more || read.bells.length >= limit) return read
  }
}
