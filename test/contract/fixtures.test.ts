/**
 * Records as every version has stored them (fixtures/<version>/<sort>-<which>.json: the item, and what it says). A
 * version holds what it writes otherwise than the one before.
 * Fixtures are added, never changed: what stands in somebody's tables cannot be changed either.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Item } from '../../adapters/records.ts'
import { Bell } from '../../core/bell.ts'
import { LiveRecord } from '../../core/job.ts'
import { SHAPES } from './shapes.ts'

const ROOT = join(import.meta.dirname, 'fixtures')
const number = (version: string) => Number(version.slice(1))
const VERSIONS = readdirSync(ROOT).sort((a, b) => number(a) - number(b))

const reviveBytes = (_: string, v: unknown): unknown =>
  typeof (v as { $bytes?: unknown } | null)?.$bytes === 'string'
    ? Uint8Array.from(Buffer.from((v as { $bytes: string }).$bytes, 'base64'))
    : v

const read = (version: string, file: string): { item: Item; record: unknown } =>
  JSON.parse(readFileSync(join(ROOT, version, file), 'utf8'), reviveBytes)

const FIXTURES = VERSIONS.flatMap((version) => readdirSync(join(ROOT, version)).map((file) => ({ version, file })))
const newestOf = (file: string) => FIXTURES.findLast((f) => f.file === file)
const TODAYS = FIXTURES.filter((f) => newestOf(f.file) === f)
const shapeOf = (file: string) => {
  const shape = SHAPES[/^[a-z]+/.exec(file)?.[0] ?? '']
  if (!shape) throw new Error(`${file} is of no sort that shapes.ts knows`)
  return shape
}

describe('a stored record', () => {
  it.each(FIXTURES)('$version/$file is read as it was meant', ({ version, file }) => {
    const { item, record } = read(version, file)
    expect(shapeOf(file).read(item)).toEqual(record)
  })

  it.each(TODAYS)('$file is written today as in $version', ({ version, file }) => {
    const { item, record } = read(version, file)
    expect(shapeOf(file).write(record as never)).toEqual(item)
  })

  it('of every sort has a fixture', () => {
    const files = TODAYS.map((f) => f.file.replace('.json', ''))
    expect([...new Set(files.map((f) => f.split('-')[0]))].sort()).toEqual(Object.keys(SHAPES).sort())
    expect(files).toEqual(expect.arrayContaining(LiveRecord.options.map((o) => `live-${o.shape.state.value}`)))
    expect(files).toEqual(expect.arrayContaining(Bell.options.map((o) => `bell-${o.shape.t.value}`)))
  })
})
