import { expect, test } from 'vitest'
import { parseBenchOptions } from '../../bench/options.ts'
import { committedRanges } from '../../bench/ranges.ts'

const parsed = (...args: string[]) => parseBenchOptions(args, ['limit', 'flat'])

test('without options every scenario runs three times at its short size', () => {
  expect(parsed()).toEqual({
    kind: 'run',
    asked: {
      scenarios: [],
      json: false,
      check: false,
      options: { full: false, real: false, runs: 3, plots: false },
    },
  })
})

test('scenarios and options are taken in any order', () => {
  const p = parsed('--json', 'flat', '--runs', '1', '--full', 'limit')
  expect(p).toMatchObject({ asked: { scenarios: ['flat', 'limit'], json: true, options: { full: true, runs: 1 } } })
})

test('what is wrong is said in one line that names it', () => {
  const line = (...args: string[]) => {
    const p = parsed(...args)
    return p.kind === 'fault' ? p.line : undefined
  }
  expect(line('limits')).toBe('There is no scenario limits; there are limit, flat. See npm run bench -- --help.')
  expect(line('--runs', '0')).toContain('--runs takes a whole number from 1 to 20')
  expect(line('--runs', 'many')).toContain('--runs takes a whole number')
  expect(line('--fast')).toMatch(/^Unknown option '--fast'\. See npm run bench -- --help\.$/)
})

test('help wins over everything that parses', () => {
  expect(parsed('limit', '-h')).toEqual({ kind: 'help' })
})

test('the committed ranges parse, and none is set twice', () => {
  const keys = committedRanges().map((r) => [r.scenario, r.variant, r.metric].join('|'))
  expect(new Set(keys).size).toBe(keys.length)
})
