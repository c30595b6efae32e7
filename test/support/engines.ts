/**
 * What a contract runs on: memory, memory with a journal, and the real adapters over the embedded engine where its
 * binary is to be had; where it is not, the report says so. Every test gets tables of its own.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest'
import { dynamoCapacityStore } from '../../adapters/dynamodb/capacity-store.ts'
import { dynamoJobStore } from '../../adapters/dynamodb/job-store.ts'
import { dynamoPeopleStore } from '../../adapters/dynamodb/people-store.ts'
import { dynamoRingStore } from '../../adapters/dynamodb/ring-store.ts'
import { dynamoTables, type Tables } from '../../adapters/dynamodb/tables.ts'
import { TABLES, type TableName } from '../../adapters/keys.ts'
import { memoryCapacityStore } from '../../adapters/memory/capacity-store.ts'
import { memoryJobStore } from '../../adapters/memory/job-store.ts'
import { Journal } from '../../adapters/memory/journal.ts'
import { memoryPeopleStore } from '../../adapters/memory/people-store.ts'
import { memoryRingStore } from '../../adapters/memory/ring-store.ts'
import { MemoryTables } from '../../adapters/memory/tables.ts'
import type { Item } from '../../adapters/records.ts'
import { type Engine, findDynoxide, startDynoxide } from '../../local/engine/dynoxide.ts'
import { sweepTables } from '../../local/engine/sweep.ts'
import { createTables, LOCAL_ACCESS } from '../../local/engine/tables.ts'
import type { CapacityStore, JobStore, PeopleStore, RingStore } from '../../services/ports.ts'

export interface Stores {
  readonly jobs: JobStore
  readonly rings: RingStore
  readonly capacity: CapacityStore
  readonly people: PeopleStore
  /** Writes an item past every port, as an older version or a person might have. */
  plant(table: TableName, item: Item): Promise<void>
  /** Every item of every table, in order: two of these are equal if nothing was changed in between. */
  everything(): Promise<{ table: TableName; item: Item }[]>
  /** Erases what has expired by then, as DynamoDB's TTL does. */
  sweep(now: number): Promise<void>
}
export interface DynamoStores extends Stores {
  readonly tables: Tables
}

/** The suite once per engine; it asks `on()` for the stores of the test that runs. */
export function onEveryEngine(suite: (on: () => Stores) => void): void {
  onMemory('memory', () => undefined, suite)
  onMemory('memory with a journal', (folder) => new Journal(join(folder, 'journal')), suite)
  onDynoxide(suite)
}

function onMemory(name: string, journal: (folder: string) => Journal | undefined, suite: (on: () => Stores) => void) {
  describe(`on ${name}`, () => {
    let folder: string
    let tables: MemoryTables
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'fairlead-contract-'))
      tables = new MemoryTables(journal(folder))
    })
    afterEach(() => {
      tables.close()
      rmSync(folder, { recursive: true })
    })
    suite(() => memoryStores(tables))
  })
}

export const memoryStores = (tables: MemoryTables): Stores => ({
  jobs: memoryJobStore(tables),
  rings: memoryRingStore(tables),
  capacity: memoryCapacityStore(tables),
  people: memoryPeopleStore(tables),
  async plant(table, item) {
    tables.commit([{ table, put: item }])
  },
  async sweep(now) {
    tables.sweep(now)
  },
  async everything() {
    return inOrder([...tables.all()].map(({ table, put }) => ({ table, item: put })))
  },
})

/** One engine per file, tables of its own per test. */
export function onDynoxide(suite: (on: () => DynamoStores) => void): void {
  const binary = findDynoxide()
  if (binary === undefined) {
    const { platform, arch } = process
    describe('on dynoxide', () => it.skip(`is not run: @dynoxide/${platform}-${arch} is not installed`, () => {}))
    return
  }
  describe('on dynoxide', () => {
    let engine: Engine
    let tables: Tables
    beforeAll(async () => {
      engine = await startDynoxide({ binary })
    })
    afterAll(() => engine?.stop())
    beforeEach(async () => {
      const test = randomUUID()
      const name = Object.fromEntries(TABLES.map((t) => [t, `${t}-${test}`])) as Record<TableName, string>
      await createTables(engine.endpoint, name)
      tables = dynamoTables({ name, endpoint: engine.endpoint, ...LOCAL_ACCESS })
    })
    afterEach(() => tables.db.destroy())
    suite(() => dynamoStores(tables))
  })
}

export const dynamoStores = (tables: Tables): DynamoStores => ({
  tables,
  jobs: dynamoJobStore(tables),
  rings: dynamoRingStore(tables),
  capacity: dynamoCapacityStore(tables),
  people: dynamoPeopleStore(tables),
  async plant(table, item) {
    await tables.db.send(new PutCommand({ TableName: tables.name[table], Item: item }))
  },
  sweep: (now) => sweepTables(tables, now, new AbortController().signal),
  async everything() {
    const scans = TABLES.map(async (table) => {
      const { Items } = await tables.db.send(new ScanCommand({ TableName: tables.name[table], ConsistentRead: true }))
      return (Items ?? []).map((item) => ({ table, item: item as Item }))
    })
    return inOrder((await Promise.all(scans)).flat())
  },
})

const inOrder = (items: { table: TableName; item: Item }[]) => {
  const place = (i: (typeof items)[number]) => JSON.stringify([i.table, i.item.pk, i.item.sk])
  return items.sort((a, b) => (place(a) < place(b) ? -1 : 1))
}
