/** Provider keys from Secrets Manager, kept in memory for minutes. Never logged, never an option. */
import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'

/** A rotated key is noticed after this long at the latest, where it can be read. */
const KEPT_MS = 300_000
/** A key that could not be read anew serves on; each call that asks again waits for the answer. */
const AGAIN_MS = 30_000
/** What lib/secrets.ts deploys a secret with, until somebody puts the key. */
const PLACEHOLDER = 'unset'

type Key = Promise<string | undefined>

/** Answers undefined where no key was put; throws where that is not known. */
export function secretKeys(p: {
  client: SecretsManagerClient
  prefix: string
  now: () => number
}): (variable: string) => Key {
  const kept = new Map<string, { until: number; value: Key }>()
  const keep = (variable: string, value: Key, ms: number) => kept.set(variable, { until: p.now() + ms, value })
  return (variable) => {
    const known = kept.get(variable)
    if (known && p.now() < known.until) return known.value
    const value = read(p.client, `${p.prefix}${variable}`).catch((error: unknown) => {
      if (!known) throw error
      keep(variable, known.value, AGAIN_MS)
      return known.value
    })
    keep(variable, value, KEPT_MS)
    // A key that was not there may be put at any moment: only what was found is kept.
    value.then(
      (found) => found ?? kept.delete(variable),
      () => kept.delete(variable),
    )
    return value
  }
}

async function read(client: SecretsManagerClient, SecretId: string): Key {
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }))
    return SecretString === PLACEHOLDER ? undefined : SecretString
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined
    throw error
  }
}
