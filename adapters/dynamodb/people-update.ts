/** One conditional update of the record of people's permits, built up word by word. */
import { type Cost, DIMENSIONS } from '../../core/cost.ts'
import type { PeopleChange } from '../../services/ports.ts'

type Over = PeopleChange['over'][number]

/** Paths are written with dots; each part becomes a placeholder, as persons' names may be any words. */
export class Update {
  private readonly names = new Map<string, string>()
  private readonly values = new Map<unknown, string>()
  private readonly sets: string[] = []
  private readonly removes: string[] = []
  private readonly conditions: string[] = []
  private readonly sums = new Map<string, number>()

  private path(dotted: string): string {
    const [map = '', ...rest] = dotted.split('.')
    // Ids and limits have no dots; a person's name may.
    const parts = map === 'open' || map === 'took' ? [map, rest.join('.')] : [map, ...rest]
    return parts.map((part) => this.name(part)).join('.')
  }
  private name(part: string): string {
    const known = this.names.get(part) ?? `#n${this.names.size}`
    this.names.set(part, known)
    return known
  }
  private value(value: unknown): string {
    const known = this.values.get(value) ?? `:v${this.values.size}`
    this.values.set(value, known)
    return known
  }

  /** `when('seq = :', 3)`. */
  when(comparison: string, value: number): this {
    const [path = '', operator = ''] = comparison.split(' ')
    this.conditions.push(`${this.path(path)} ${operator} ${this.value(value)}`)
    return this
  }
  there(path: string): this {
    this.conditions.push(`attribute_exists(${this.path(path)})`)
    return this
  }
  absent(path: string): this {
    // In a record that is there: one that is not has no maps to write into.
    this.conditions.push(`attribute_exists(${this.name('permits')}) AND attribute_not_exists(${this.path(path)})`)
    return this
  }
  below(path: string, most: number): this {
    const at = this.path(path)
    this.conditions.push(`(attribute_not_exists(${at}) OR ${at} < ${this.value(most)})`)
    return this
  }
  fewer(map: string, most: number): this {
    this.conditions.push(`size(${this.path(map)}) < ${this.value(most)}`)
    return this
  }
  waits(id: string): this {
    this.there(`permits.${id}`).conditions.push(`attribute_not_exists(${this.path(`permits.${id}.grantedAt`)})`)
    return this
  }
  set(path: string, value: unknown): this {
    this.sets.push(`${this.path(path)} = ${this.value(value)}`)
    return this
  }
  /** One more, of what may not have been counted yet. */
  raise(path: string): this {
    const at = this.path(path)
    this.sets.push(`${at} = if_not_exists(${at}, ${this.value(0)}) + ${this.value(1)}`)
    return this
  }
  /** Summed up: a path is written once. */
  plus(path: string, by: number): this {
    this.sums.set(path, (this.sums.get(path) ?? 0) + by)
    return this
  }
  remove(path: string): this {
    this.removes.push(this.path(path))
    return this
  }
  over({ id, person, waiting }: Over): this {
    this.remove(`permits.${id}`).plus(`open.${person}`, -1)
    return waiting ? this.plus('waiting', -1).plus(`took.${person}`, -1) : this
  }

  expressions() {
    const sums = [...this.sums].filter(([, by]) => by !== 0)
    const added = sums.map(([path, by]) => `${this.path(path)} = ${this.path(path)} + ${this.value(by)}`)
    const sets = [...this.sets, ...added]
    const update = [
      sets.length > 0 ? `SET ${sets.join(', ')}` : '',
      this.removes.length > 0 ? `REMOVE ${this.removes.join(', ')}` : '',
    ]
    return {
      UpdateExpression: update.join(' ').trim(),
      ConditionExpression: this.conditions.join(' AND '),
      ExpressionAttributeNames: Object.fromEntries([...this.names].map(([part, name]) => [name, part])),
      ExpressionAttributeValues: Object.fromEntries([...this.values].map(([value, name]) => [name, value])),
    }
  }
}

/** A holder's write: under its lease, after the write before. */
export function changeOf({ epoch, seq, change }: { epoch: number; seq: number; change: PeopleChange }): Update {
  const u = new Update().when('epoch = :', epoch).when('seq = :', seq).plus('seq', 1).set('goodUntil', change.goodUntil)
  for (const d of DIMENSIONS) stockBy(u, d, change.stock)
  for (const id of change.granted) u.waits(id).set(`permits.${id}.grantedAt`, change.at).plus('waiting', -1)
  for (const id of change.counted) u.there(`permits.${id}`).set(`permits.${id}.counted`, true)
  for (const over of change.over) (over.waiting ? u.waits(over.id) : u.there(`permits.${over.id}`)).over(over)
  for (const [person, calls] of Object.entries(change.aged)) u.plus(`took.${person}`, -calls)
  for (const person of change.gone)
    for (const path of [`open.${person}`, `took.${person}`]) u.below(path, 1).remove(path)
  return u
}

function stockBy(u: Update, d: keyof Cost, stock: Cost): void {
  if (stock[d] < 0) u.when(`stock.${d} >= :`, -stock[d])
  u.plus(`stock.${d}`, stock[d])
}
