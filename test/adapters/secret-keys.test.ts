import { ResourceNotFoundException, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { describe, expect, it } from 'vitest'
import { readKey } from '../../adapters/models/key.ts'
import { secretKeys } from '../../adapters/secrets/keys.ts'

const MINUTE = 60_000
class Named extends Error {
  constructor(override readonly name: string) {
    super('a secret said so')
  }
}

/** A store that gives, in turn, what it is told to. */
function store(...answers: (string | Error)[]) {
  const at = { now: 0 }
  const send = async () => {
    const answer = answers.shift() ?? 'asked once too often'
    if (answer instanceof Error) throw answer
    return { SecretString: answer }
  }
  const client = { send } as unknown as SecretsManagerClient
  const key = secretKeys({ client, prefix: 'fairlead/dev/', now: () => at.now })
  return { at, read: () => readKey('A_KEY', key) }
}

describe('a key in Secrets Manager', () => {
  it('is read once in five minutes, and anew after them', async () => {
    const { at, read } = store('sk-1', 'sk-2')
    expect([await read(), await read()]).toEqual(Array(2).fill({ kind: 'key', key: 'sk-1' }))
    at.now += 5 * MINUTE
    expect(await read()).toEqual({ kind: 'key', key: 'sk-2' })
  })

  it('that cannot be read is an error to try again, and stops no pool', async () => {
    const { read } = store(new Named('InternalServiceError'), 'sk-1')
    expect(await read()).toEqual({
      kind: 'error',
      message: 'A_KEY could not be read (InternalServiceError)',
      headers: {},
    })
    expect(await read()).toEqual({ kind: 'key', key: 'sk-1' })
  })

  it('serves on where it cannot be read anew, and is asked for again soon', async () => {
    const { at, read } = store('sk-1', new Named('ThrottlingException'), new Named('AccessDeniedException'), 'sk-2')
    await read()
    for (const pass of [5 * MINUTE, MINUTE / 4, MINUTE]) {
      at.now += pass
      expect(await read()).toEqual({ kind: 'key', key: 'sk-1' })
    }
    at.now += MINUTE
    expect(await read()).toEqual({ kind: 'key', key: 'sk-2' })
  })

  it('that may not be read says so, and not that it is missing', async () => {
    const { read } = store(new Named('AccessDeniedException'))
    expect(await read()).toEqual({
      kind: 'unconfigured',
      message: expect.stringMatching(/^let A_KEY be read \(AccessDeniedException\): .*GetSecretValue/),
    })
  })

  it.each([
    ['has no secret', new ResourceNotFoundException({ message: 'none', $metadata: {} })],
    ['was not put yet', 'unset'],
  ])('that %s is told as missing, and found once it is there', async (_, nothing) => {
    const { read } = store(nothing, 'sk-1')
    expect(await read()).toMatchObject({ kind: 'unconfigured', message: expect.stringMatching(/^set A_KEY/) })
    expect(await read()).toEqual({ kind: 'key', key: 'sk-1' })
  })
})
