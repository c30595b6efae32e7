/**
 * Items into a new database file by the engine's own import of DynamoDB exports: a hundred times faster than writing them
 * through its protocol, which commits each. The tables are as the product creates them.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGzip, type Gzip } from 'node:zlib'
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { TABLES, type TableName } from '../adapters/keys.ts'
import type { Item } from '../adapters/records.ts'
import { findDynoxide, startDynoxide } from '../local/engine/dynoxide.ts'
import { createTables, LOCAL_ACCESS } from '../local/engine/tables.ts'
import { TABLE_NAMES } from '../local/stores.ts'

export interface Planted {
  readonly table: TableName
  readonly item: Item
}

export async function imported(dbPath: string, items: Iterable<Planted>): Promise<void> {
  const binary = findDynoxide()
  if (!binary) throw new Error('planting needs the embedded engine, whose package for this platform is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-import-'))
  try {
    const schema = join(folder, 'schema.json')
    writeFileSync(schema, JSON.stringify(await described(binary)))
    await exported(join(folder, 'export'), items)
    const flags = ['--source', join(folder, 'export'), '--schema', schema, '--output', dbPath, '--force']
    execFileSync(binary, ['import', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function described(binary: string): Promise<unknown[]> {
  const engine = await startDynoxide({ binary })
  const client = new DynamoDBClient({ endpoint: engine.endpoint, ...LOCAL_ACCESS })
  try {
    await createTables(engine.endpoint, TABLE_NAMES)
    const names = Object.values(TABLE_NAMES)
    return await Promise.all(names.map((TableName) => client.send(new DescribeTableCommand({ TableName }))))
  } finally {
    client.destroy()
    await engine.stop()
  }
}

/** As DynamoDB exports: a line of JSON an item, a zipped file a table. */
async function exported(folder: string, items: Iterable<Planted>): Promise<void> {
  const files = new Map(TABLES.map((table) => [table, fileOf(join(folder, TABLE_NAMES[table], 'data'))]))
  for (const { table, item } of items) {
    const { zip } = files.get(table) as ExportFile
    const Item = marshall(item, { removeUndefinedValues: true })
    if (!zip.write(`${JSON.stringify({ Item })}\n`)) await once(zip, 'drain')
  }
  for (const { zip } of files.values()) zip.end()
  await Promise.all([...files.values()].map(({ written }) => written))
}

interface ExportFile {
  readonly zip: Gzip
  readonly written: Promise<unknown>
}

function fileOf(folder: string): ExportFile {
  mkdirSync(folder, { recursive: true })
  const zip = createGzip({ level: 1 })
  return { zip, written: once(zip.pipe(createWriteStream(join(folder, 'items.json.gz'))), 'close') }
}
