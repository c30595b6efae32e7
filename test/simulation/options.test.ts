import { expect, it } from 'vitest'
import { bugNamed, schedules } from './options.ts'

const asked = (more: object) => () => schedules({ from: '1', jobs: '1', ...more }, 1_000)

it('runs as many schedules as is said, or as the command usually does', () => {
  expect(asked({ seeds: '20' })()).toEqual({ seeds: 20, from: 1, processes: 1 })
  expect(asked({})().seeds).toBe(1_000)
})

it('says of a number that cannot be which option has it, and what it takes', () => {
  for (const wrong of ['', 'abc', '0', '-4', '1.5', '1e3', '99999999999'])
    for (const option of ['seeds', 'from', 'jobs'])
      expect(asked({ [option]: wrong })).toThrow(`--${option} takes a whole number from 1 to`)
})

it('names the planted bugs where one is asked for that is not there', () => {
  expect(bugNamed('a plain counter per window').file).toBe('core/ledger.ts')
  expect(() => bugNamed('a plain counter')).toThrow(/no planted bug a plain counter\. There are:\n(.+\n){100}/)
})
