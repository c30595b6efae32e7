/**
 * Tables in memory: items by partition in order of sk, changed by atomic commits. With a journal, every commit is on
 * disk before it is visible, and a start reads it back.
 */
import type { Key, TableName } from '../keys.ts'
import type { Item } from '../records.ts'
import type { Change } from './change.ts'
import type { Journal } from './journal.ts'

interface Partition {
  readonly items: Map<string, Item>
  /** Sort keys in order. */
  sorted: string[]
}

function place(sorted: readonly string[], sk: string): number {
  if (sorted.length === 0 || (sorted.at(-1) as string) < sk) return sorted.length
  let low = 0
  let high = sorted.length
  while (low < high) {
    const mid = (low + high) >>> 1
    if ((sorted[mid] as string) < sk) low = mid + 1
    else high = mid
  }
  return low
}

export class MemoryTables {
  private readonly partitions = new Map<string, Partition>()
  private readonly journal: Journal | undefined

  constructor(journal?: Journal) {
    for (const commit of journal?.commits() ?? []) this.apply(commit)
    this.journal = journal
    journal?.compact(this.all())
  }

  get(table: TableName, key: Key): Item | undefined {
    return this.partitions.get(`${table}/${key.pk}`)?.items.get(key.sk)
  }

  query(table: TableName, p: { pk: string; after?: string; limit?: number }): { items: Item[]; more: boolean } {
    const partition = this.partitions.get(`${table}/${p.pk}`)
    if (!partition) return { items: [], more: false }
    const { sorted, items } = partition
    const at = p.after === undefined ? 0 : place(sorted, p.after)
    const start = sorted[at] === p.after ? at + (p.after === undefined ? 0 : 1) : at
    const end = Math.min(sorted.length, start + (p.limit ?? Infinity))
    return { items: sorted.slice(start, end).map((sk) => items.get(sk) as Item), more: end < sorted.length }
  }

  /** All or nothing: a commit is one line of the journal. */
  commit(changes: readonly Change[]): void {
    if (changes.length === 0) return
    this.journal?.append(changes)
    this.apply(changes)
    this.journal?.compactIfLong(() => this.all())
  }

  /** Erases what DynamoDB's TTL would. The journal is written anew without it, or its content would stay on disk. */
  sweep(now: number): void {
    const gone = [...this.all((item) => isPast(item, now))]
    if (gone.length === 0) return
    // Before anything is forgotten: a disk that is full leaves all of it to the next sweep.
    this.journal?.compact(this.all((item) => !isPast(item, now)))
    for (const { table, put } of gone) this.remove(table, put)
  }

  close(): void {
    this.journal?.close()
  }

  private apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if ('put' in change) this.put(change.table, change.put)
      else this.remove(change.table, change.delete)
    }
  }

  private put(table: TableName, item: Item): void {
    const id = `${table}/${item.pk}`
    const partition = this.partitions.get(id) ?? { items: new Map(), sorted: [] }
    this.partitions.set(id, partition)
    if (!partition.items.has(item.sk)) partition.sorted.splice(place(partition.sorted, item.sk), 0, item.sk)
    partition.items.set(item.sk, item)
  }

  private remove(table: TableName, key: Key): void {
    const id = `${table}/${key.pk}`
    const partition = this.partitions.get(id)
    if (!partition?.items.delete(key.sk)) return
    partition.sorted.splice(place(partition.sorted, key.sk), 1)
    if (partition.sorted.length === 0) this.partitions.delete(id)
  }

  /** Every item that stands, or of these some, as the change that would put it there. */
  *all(which = (_: Item) => true): Generator<{ table: TableName; put: Item }> {
    for (const [id, { items }] of this.partitions) {
      const table = id.slice(0, id.indexOf('/')) as TableName
      for (const put of items.values()) if (which(put)) yield { table, put }
    }
  }
}

/** By `ttl`, which only what may go has: a live record's `expiresAt` is that of its input. */
const isPast = ({ ttl }: Item, now: number): boolean => typeof ttl === 'number' && ttl * 1000 <= now
