/** The embedded engine as a process (local/engine), with stand-ins for what the real one does only on bad days. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dynamoTables } from '../../../adapters/dynamodb/tables.ts'
import { EngineFailed, findDynoxide, startDynoxide } from '../../../local/engine/dynoxide.ts'
import { createTables, LOCAL_ACCESS } from '../../../local/engine/tables.ts'
import { dynamoStores } from '../../support/engines.ts'
import { aKey, aQueued } from '../../support/records.ts'
import { NAMES } from './mocked.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-engine-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
/** A binary of our own; `port` is what it was told to listen on. */
function standIn(script: string): string {
  const binary = join(folder, 'stand-in.cjs')
  const start = `#!${process.execPath}\nconst port = process.argv[process.argv.indexOf('--port') + 1]\n`
  writeFileSync(binary, `${start}${script}\n`)
  chmodSync(binary, 0o755)
  return binary
}

const real = findDynoxide()
describe.skipIf(real === undefined)('the engine', () => {
  const binary = real as string

  it('listens on a port of its own until it is stopped', async () => {
    const [a, b] = await Promise.all([startDynoxide({ binary }), startDynoxide({ binary })])
    expect(a.endpoint).not.toBe(b.endpoint)
    await createTables(a.endpoint, NAMES)
    await a.stop()
    expect(alive(a.pid)).toBe(false)
    expect(alive(b.pid)).toBe(true)
    await b.stop()
    await b.stop()
    expect(alive(b.pid)).toBe(false)
  })

  it('keeps its file over a restart; tables that are there stay as they are', async () => {
    const dbPath = join(folder, 'db.sqlite')
    for (const outcome of ['entered', 'present']) {
      const engine = await startDynoxide({ binary, dbPath })
      for (let i = 0; i < 2; i++) await createTables(engine.endpoint, NAMES)
      const { jobs, tables } = dynamoStores(dynamoTables({ name: NAMES, endpoint: engine.endpoint, ...LOCAL_ACCESS }))
      expect(await jobs.enter({ record: aQueued() })).toBe(outcome)
      expect(await jobs.live({ keys: [aKey()] })).toEqual([aQueued()])
      tables.db.destroy()
      await engine.stop()
    }
  })

  it('has the tables that are deployed: keyed by pk and sk, on demand, a stream on jobs alone', async () => {
    const engine = await startDynoxide({ binary })
    await createTables(engine.endpoint, NAMES, { stream: true })
    const client = new DynamoDBClient({ endpoint: engine.endpoint, ...LOCAL_ACCESS })
    for (const [table, name] of Object.entries(NAMES)) {
      const { Table } = await client.send(new DescribeTableCommand({ TableName: name }))
      expect(Table?.KeySchema?.map((k) => k.AttributeName)).toEqual(['pk', 'sk'])
      expect(Table?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST')
      expect(Table?.StreamSpecification?.StreamViewType).toBe(table === 'jobs' ? 'NEW_IMAGE' : undefined)
    }
    client.destroy()
    await engine.stop()
  })

  it('says what is wrong with its file', async () => {
    const start = startDynoxide({ binary, dbPath: join(folder, 'no', 'such', 'folder', 'db') })
    await expect(start).rejects.toThrow(EngineFailed)
    await expect(start).rejects.toThrow(/did not start on 127\.0\.0\.1:\d+: it ended with code \d+: .+/)
  })
})

describe.skipIf(process.platform === 'win32')('an engine on a bad day', () => {
  it('that is not there is named', async () => {
    const binary = join(folder, 'nowhere')
    await expect(startDynoxide({ binary })).rejects.toThrow(`${binary} did not start`)
  })

  const portsTried = () => readFileSync(join(folder, 'tried'), 'utf8').trim().split(' ')
  const loses = (times: number) =>
    standIn(`
      const { appendFileSync, readFileSync } = require('node:fs')
      const tried = ${JSON.stringify(join(folder, 'tried'))}
      appendFileSync(tried, port + ' ')
      if (readFileSync(tried, 'utf8').trim().split(' ').length <= ${times}) {
        console.error('error: port ' + port + ' is already in use')
        process.exit(1)
      }
      console.error('Dynoxide listening on http://127.0.0.1:' + port)
      setInterval(() => {}, 1000)`)

  it('that lost its port to another tries the next one', async () => {
    const engine = await startDynoxide({ binary: loses(2) })
    expect(portsTried()).toHaveLength(3)
    expect(engine.endpoint).toBe(`http://127.0.0.1:${portsTried().at(-1)}`)
    await engine.stop()
  })

  it('that never finds a free port is given up', async () => {
    await expect(startDynoxide({ binary: loses(99) })).rejects.toThrow('already in use')
    expect(portsTried()).toHaveLength(5)
  })

  it('that fails otherwise is not tried again, and its words are passed on', async () => {
    const binary = standIn(`console.error('x'.repeat(9000) + ' the file is locked'); process.exitCode = 3`)
    const failure = await startDynoxide({ binary }).catch((error: Error) => error)
    expect(failure).toMatchObject({ code: 'engine-failed' })
    expect((failure as Error).message).toMatch(/it ended with code 3: x+ the file is locked$/)
    expect((failure as Error).message.length).toBeLessThan(4_200)
  })

  it('that will not stop is killed', async () => {
    const binary = standIn(
      `process.on('SIGTERM', () => {}); console.log('listening on it'); setInterval(() => {}, 1000)`,
    )
    const engine = await startDynoxide({ binary })
    await engine.stop()
    expect(alive(engine.pid)).toBe(false)
  })
})
