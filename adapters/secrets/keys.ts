/** Provider keys from Secrets Manager, kept in memory for minutes. Never logged, never an option. */
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'

/** A rotated key is noticed after this long at the latest. */
const KEPT_MS = 300_000

export function secretKeys(p: {
  client: SecretsManagerClient
  prefix: string
}): (variable: string) => Promise<string | undefined> {
  const kept = new Map<string, { at: number; value: Promise<string | undefined> }>()
  const read = (variable: string) =>
    p.client
      .send(new GetSecretValueCommand({ SecretId: `${p.prefix}${variable}` }))
      .then((s) => s.SecretString)
      .catch(() => undefined)
  return (variable) => {
    const known = kept.get(variable)
    if (known && Date.now() - known.at < KEPT_MS) return known.value
    const fresh = { at: Date.now(), value: read(variable) }
    kept.set(variable, fresh)
    return fresh.value
  }
}
