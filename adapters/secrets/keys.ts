/** Provider keys from Secrets Manager, kept in memory for minutes. Never logged, never an option. */
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'

/** A rotated key is noticed after this long at the latest. */
const KEPT_MS = 300_000
/** What lib/secrets.ts deploys a secret with, until somebody puts the key. */
const PLACEHOLDER = 'unset'

export function secretKeys(p: {
  client: SecretsManagerClient
  prefix: string
}): (variable: string) => Promise<string | undefined> {
  const kept = new Map<string, { at: number; value: Promise<string | undefined> }>()
  const read = (variable: string) =>
    p.client
      .send(new GetSecretValueCommand({ SecretId: `${p.prefix}${variable}` }))
      .then((s) => (s.SecretString === PLACEHOLDER ? undefined : s.SecretString))
      .catch(() => undefined)
  return (variable) => {
    const known = kept.get(variable)
    if (known && Date.now() - known.at < KEPT_MS) return known.value
    const value = read(variable)
    kept.set(variable, { at: Date.now(), value })
    // A key that was not there may be put at any moment: only what was found is kept.
    void value.then((found) => found ?? kept.delete(variable))
    return value
  }
}
