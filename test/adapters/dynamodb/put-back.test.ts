import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { putBack, StillHeld } from '../../../adapters/dynamodb/put-back.ts'
import type { Item } from '../../../adapters/records.ts'
import { type DynamoStores, onDynoxide } from '../../support/engines.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const NOW = Date.UTC(2030, 0, 1)
const item = (pk: string, more: object = {}): Item => ({ pk, sk: 'input', ...more })
const ledger = (more: object = {}): Item => ({ pk: 'main', sk: 'ledger', state: 'free', until: NOW + 9_000, ...more })

/** The table `jobs` stands for what was restored, `live` for the stack's own. */
const tablesOf = ({ tables }: DynamoStores) => ({ from: tables.name.jobs, into: tables.name.live })
const put = (on: DynamoStores, p: { write?: boolean; told?: () => void } = {}) =>
  putBack(on.tables.db, { ...tablesOf(on), write: true, now: NOW, ...p })

async function given(on: DynamoStores, restored: readonly Item[], standing: readonly Item[]): Promise<void> {
  for (const one of restored) await on.plant('jobs', one)
  for (const one of standing) await on.plant('live', one)
}
const standingIn = async (on: DynamoStores) =>
  (await on.everything()).filter(({ table }) => table === 'live').map((one) => one.item)

onDynoxide((now) => {
  it('makes a table hold what the restored one holds, and writes nothing anew that is the same', async () => {
    const same = item('a', { of: { x: 1, y: [new Uint8Array([1, 2])] } })
    const restored = [same, item('b', { n: 1 }), item('c')]
    await given(now(), restored, [
      item('a', { of: { y: [new Uint8Array([1, 2])], x: 1 } }),
      item('b', { n: 2 }),
      item('d'),
    ])
    expect(await put(now())).toEqual({ put: 2, deleted: 1, same: 1, ledgers: 0 })
    expect(await standingIn(now())).toEqual(restored)
    expect(await put(now())).toEqual({ put: 0, deleted: 0, same: 3, ledgers: 0 })
  })

  it('reads both to their ends, page by page', async () => {
    const large = (pk: string) => item(pk, { text: 'x'.repeat(300_000) })
    const restored = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(large)
    await given(now(), restored, ['e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'].map(large))
    expect(await put(now())).toEqual({ put: 4, deleted: 4, same: 4, ledgers: 0 })
    expect(await put(now())).toEqual({ put: 0, deleted: 0, same: 8, ledgers: 0 })
  })

  it('puts no ledger back, and deletes one that stands', async () => {
    await given(now(), [item('a'), ledger()], [ledger()])
    expect(await put(now())).toEqual({ put: 1, deleted: 1, same: 0, ledgers: 1 })
    expect(await standingIn(now())).toEqual([item('a')])
  })

  it('only counts until it is told to write', async () => {
    await given(now(), [item('a')], [item('b')])
    expect(await put(now(), { write: false })).toEqual({ put: 1, deleted: 1, same: 0, ledgers: 0 })
    expect(await standingIn(now())).toEqual([item('b')])
  })

  it.each(['held', 'ending'])('changes nothing while a dispatcher has its lease, %s', async (state) => {
    await given(now(), [item('a')], [item('b'), ledger({ state })])
    await expect(put(now())).rejects.toThrow(StillHeld)
    expect(await standingIn(now())).toEqual([item('b'), ledger({ state })])
  })

  it('goes on where the lease of one that died has run out', async () => {
    await given(now(), [item('a')], [ledger({ state: 'held', until: NOW })])
    await put(now())
    expect(await standingIn(now())).toEqual([item('a')])
  })

  it('is repeated where it was cut off', async () => {
    await given(now(), [item('a'), item('b')], [item('c')])
    const cut = () => {
      throw new Error('cut off')
    }
    await expect(put(now(), { told: cut })).rejects.toThrow('cut off')
    await put(now())
    expect(await standingIn(now())).toEqual([item('a'), item('b')])
  })

  it('is a command, which says what it would do, does it, and what it cannot do in one line', async () => {
    await given(now(), [item('a')], [item('b')])
    const { from, into } = tablesOf(now())
    const run = await commandOn(now())
    expect(await run(from, into)).toBe(
      `0 ${into}: 1 put, 1 deleted, 0 the same, 0 ledgers left out. Nothing was changed: add --write.`,
    )
    expect(await run(from, into, '--write')).toBe(`0 ${into}: 1 put, 1 deleted, 0 the same, 0 ledgers left out`)
    expect(await standingIn(now())).toEqual([item('a')])
    expect(await run(from, 'nowhere')).toBe('1 There is no such table in this account and region.')
    expect(await run(from, from)).toMatch(/^2 These are one table/)
    expect(await run(from)).toMatch(/^2 Two tables are needed/)
    expect(await run('--force')).toMatch(/^2 Unknown option '--force'\. --help lists the options\.$/)
    expect(await run('--help')).toMatch(/^0 npm run put-back/)
  })
})

interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code?: number
}

/** Its exit code and the last that it said: on an old Node the SDK has a word before. */
async function commandOn({ tables }: DynamoStores) {
  const { hostname, port } = (await tables.db.config.endpoint?.()) ?? {}
  const AWS = { AWS_REGION: 'local', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' }
  const env = { ...process.env, ...AWS, AWS_ENDPOINT_URL_DYNAMODB: `http://${hostname}:${port}` }
  return async (...args: string[]): Promise<string> => {
    const command = ['--import', 'tsx', 'bin/put-back.ts', ...args]
    const running: Promise<Ran> = promisify(execFile)(process.execPath, command, { cwd: ROOT, env })
    const { stdout, stderr, code = 0 } = await running.catch((failed: Ran) => failed)
    return `${code} ${stdout || (stderr.trimEnd().split('\n').at(-1) ?? '')}`.trimEnd()
  }
}
