/** One change of a commit: what the tables apply and the journal keeps. */
import type { Key, TableName } from '../keys.ts'
import type { Item } from '../records.ts'

export type Change = { table: TableName; put: Item } | { table: TableName; delete: Key }
