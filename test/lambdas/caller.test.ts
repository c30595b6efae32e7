import { describe, expect, it } from 'vitest'
import { callerOf, roleOf } from '../../lambdas/shared/caller.ts'
import { worldSettings } from '../support/world-settings.ts'

const table = worldSettings({
  callers: [
    { role: 'arn:aws:iam::123456789012:role/crm', id: 'crm', owner: 'sales-bot', scopes: ['jobs:submit'] },
    {
      role: 'arn:aws:iam::123456789012:role/teams/sales/desk',
      id: 'desk',
      owner: 'ann',
      scopes: ['jobs:read'],
      mayActFor: ['bob'],
    },
    { role: 'arn:aws-us-gov:iam::123456789012:role/gov', id: 'gov', owner: 'gov', scopes: ['jobs:read'] },
  ],
}).callers
const who = (userArn: string | undefined) =>
  callerOf({ requestContext: { authorizer: { iam: { userArn } } } } as never, table)?.id

describe('a caller', () => {
  it.each([
    ['a role', 'arn:aws:iam::123456789012:role/crm', 'crm'],
    ['a session of it', 'arn:aws:sts::123456789012:assumed-role/crm/lambda-7', 'crm'],
    ['a session with signs in its name', 'arn:aws:sts::123456789012:assumed-role/crm/ann@example.com=1,2.3-4', 'crm'],
    ['a role with a path', 'arn:aws:iam::123456789012:role/teams/sales/desk', 'desk'],
    ['a session of it, which does not show the path', 'arn:aws:sts::123456789012:assumed-role/desk/ann', 'desk'],
    ['a role of another partition', 'arn:aws-us-gov:sts::123456789012:assumed-role/gov/x', 'gov'],
  ])('is known by %s', (_, arn, id) => {
    expect(who(arn)).toBe(id)
  })

  it.each([
    ['another account', 'arn:aws:sts::210987654321:assumed-role/crm/x'],
    ['another partition', 'arn:aws-cn:sts::123456789012:assumed-role/crm/x'],
    ['a longer name', 'arn:aws:sts::123456789012:assumed-role/crm-2/x'],
    ['a name that is only a session’s', 'arn:aws:sts::123456789012:assumed-role/other/crm'],
    ['a user of that name', 'arn:aws:iam::123456789012:user/crm'],
    ['the account’s root', 'arn:aws:iam::123456789012:root'],
    ['a federated user', 'arn:aws:sts::123456789012:federated-user/crm'],
    ['nothing', ''],
    ['no credentials', undefined],
  ])('is not known by %s', (_, arn) => {
    expect(who(arn)).toBeUndefined()
  })

  it('has the owner, the scopes and the others that the configuration gives it', () => {
    const event = {
      requestContext: { authorizer: { iam: { userArn: 'arn:aws:sts::123456789012:assumed-role/desk/ann' } } },
    }
    expect(callerOf(event as never, table)).toEqual({
      id: 'desk',
      owner: 'ann',
      scopes: ['jobs:read'],
      mayActFor: ['bob'],
    })
  })

  it('is nobody where API Gateway has checked nothing', () => {
    for (const context of [undefined, {}, { authorizer: {} }, { authorizer: { jwt: { claims: {} } } }])
      expect(callerOf({ requestContext: context } as never, table)).toBeUndefined()
  })

  it('is told by its role, not by its session', () => {
    expect(roleOf('arn:aws:sts::123456789012:assumed-role/crm/a')).toBe(
      roleOf('arn:aws:sts::123456789012:assumed-role/crm/b'),
    )
  })
})
