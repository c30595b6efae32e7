/** Tables of the documents that must have a row for whatever the code has. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { KindSettings, PoolSettings } from '../../core/settings.ts'
import { WAIT_REASONS } from '../../core/wait-reason.ts'
import { STATUS } from '../../lambdas/shared/problems.ts'
import { ROOT } from '../support/started.ts'

/** The rows' first cells, and the rows. */
const rowsOf = (name: string): Map<string, string> => {
  const rows = readFileSync(join(ROOT, 'docs', name), 'utf8').matchAll(/^\| ([^|]+) \|.*$/gm)
  return new Map([...rows].map(([row, first = '']) => [first, row]))
}
/** Everything that first cells have in code's type. */
const namedIn = (rows: ReadonlyMap<string, string>): string[] =>
  [...rows.keys()].flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))

describe('the documents have a row', () => {
  test('for every reason for waiting', () => {
    expect(namedIn(rowsOf('api.md'))).toEqual(expect.arrayContaining(Object.keys(WAIT_REASONS)))
  })

  test.each(Object.entries(STATUS))('for the error %s, with its status', (code, status) => {
    expect(rowsOf('errors.md').get(`<a id="${code}"></a>\`${code}\``)).toContain(`| ${status} |`)
  })

  test.each([
    ['a pool', PoolSettings],
    ['a kind', KindSettings],
  ])('for every setting of %s', (_, { shape }) => {
    expect(namedIn(rowsOf('configuration.md'))).toEqual(expect.arrayContaining(Object.keys(shape)))
  })
})
