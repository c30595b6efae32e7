import { expect, test } from 'vitest'
import type { CallerSettings } from '../../core/settings.ts'
import { roleOfToken, tokenFor } from '../../local/tokens.ts'

const caller = (id: string): CallerSettings => ({
  role: `arn:aws:iam::000000000000:role/${id}`,
  id,
  owner: id,
  scopes: ['jobs:read'],
  mayActFor: [],
})
const callers = [caller('ann'), caller('bob')]
const role = (header: string | undefined, secret = 'secret') => roleOfToken(secret, callers, header)

test('a token stands for the role of its caller', () => {
  expect(role(`Bearer ${tokenFor('secret', 'ann')}`)).toBe(callers[0]?.role)
  expect(role(`bearer ${tokenFor('secret', 'bob')}`)).toBe(callers[1]?.role)
})

test('a token is the same at every start with the same secret, and tells it to nobody', () => {
  expect(tokenFor('secret', 'ann')).toBe(tokenFor('secret', 'ann'))
  expect(tokenFor('secret', 'ann')).toMatch(/^fairlead_dev_ann_[0-9a-f]{40}$/)
  expect(tokenFor('secret', 'ann')).not.toContain('secret')
})

const good = tokenFor('secret', 'ann')
test.each([
  ['no header', undefined],
  ['an empty one', ''],
  ['no scheme', good],
  ['another scheme', `Basic ${good}`],
  ['no token', 'Bearer '],
  ['a token cut short', `Bearer ${good.slice(0, -1)}`],
  ['a token with more behind it', `Bearer ${good}0`],
  ['a second word', `Bearer ${good} ${good}`],
  ["one caller's proof under another's name", `Bearer ${good.replace('_ann_', '_bob_')}`],
  ['a caller that is not configured', `Bearer ${tokenFor('secret', 'cem')}`],
  ['a token of another secret', `Bearer ${tokenFor('other', 'ann')}`],
])('%s stands for nobody', (_, header) => {
  expect(role(header)).toBeUndefined()
})
